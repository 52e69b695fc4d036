import type { StoreValue } from '../../store/store.ts'
import { codeOf, LONG_MS, type StoreSuiteContext, until, within } from './scene.ts'

const ttlMs = LONG_MS

/** Values with versions; what is refused; starting and stopping. */
export function valueTests({ scene, expect }: StoreSuiteContext): void {
  scene(
    'a value that one process sets is read by another, text as text and bytes as bytes',
    async ({ one, two, key }) => {
      const values: StoreValue[] = [
        '',
        'grüße, 世界 \u{1f600}\n\0',
        new Uint8Array(),
        Uint8Array.of(0, 255, 10, 13, 128),
      ]
      for (const value of values) {
        const name = key()
        const { isSet, kept } = await one.set(name, value, { ttlMs })
        expect(isSet).toBe(true)
        const found = await two.get(name)
        expect(found?.version).toBe(kept?.version)
        expect(plain(found?.value)).toEqual(plain(value))
        expect(plain(kept?.value)).toEqual(plain(value))
      }
      expect(await two.get(key())).toBeUndefined()
    },
  )

  scene('what was set is a copy: who keeps and who reads cannot change it', async ({ one, two, key }) => {
    const name = key()
    const given = Uint8Array.of(1, 2, 3)
    await one.set(name, given, { ttlMs })
    given[0] = 9
    const read = (await two.get(name))?.value as Uint8Array
    expect([...read]).toEqual([1, 2, 3])
    read[1] = 9
    expect(plain((await one.get(name))?.value)).toEqual(['bytes', 1, 2, 3])
  })

  scene('of many who set what is not there, one does, and all others are told its value', async ({ one, two, key }) => {
    const name = key()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, nth) => (nth % 2 ? one : two).set(name, `${nth}`, { ttlMs, ifVersion: 0 })),
    )
    const winners = answers.filter(({ isSet }) => isSet)
    expect(winners.length).toBe(1)
    for (const { kept } of answers) expect(kept).toEqual(winners[0]?.kept)
  })

  scene('with a version, of many changes made to the same state one happens', async ({ one, two, key }) => {
    const name = key()
    await one.set(name, '0', { ttlMs })
    const add = async (store: typeof one): Promise<void> => {
      for (;;) {
        const kept = await store.get(name)
        const next = String(Number(kept?.value) + 1)
        if ((await store.set(name, next, { ttlMs, ifVersion: kept?.version ?? 0 })).isSet) return
      }
    }
    await within('all have added', Promise.all(Array.from({ length: 20 }, (_, nth) => add(nth % 2 ? one : two))))
    expect((await one.get(name))?.value).toBe('20')
  })

  scene('a version never comes back, not even when the value was gone in between', async ({ one, two, key }) => {
    const name = key()
    const first = await one.set(name, 'a', { ttlMs })
    expect(await two.forget(name)).toBe(true)
    const second = await two.set(name, 'a', { ttlMs })
    expect(second.kept?.version ?? 0).toBeGreaterThan(first.kept?.version ?? 0)
    const late = await one.set(name, 'b', { ttlMs, ifVersion: first.kept?.version ?? 0 })
    expect(late).toEqual({ isSet: false, kept: second.kept })
  })

  scene('a value goes when its time is over, and a new one lets it live longer', async ({ one, two, key }) => {
    const [short, renewed] = [key(), key()]
    await one.set(renewed, 'x', { ttlMs: 30 })
    await one.set(renewed, 'y', { ttlMs })
    await one.set(short, 'x', { ttlMs: 30 })
    await until('it is gone', async () => (await two.get(short)) === undefined)
    expect((await two.set(short, 'y', { ttlMs, ifVersion: 0 })).isSet).toBe(true)
    expect((await two.get(renewed))?.value).toBe('y')
  })

  scene('a value of another version is not forgotten', async ({ one, key }) => {
    const name = key()
    expect(await one.forget(name)).toBe(false)
    const { kept } = await one.set(name, 'x', { ttlMs })
    const version = kept?.version ?? 0
    expect(await one.forget(name, { ifVersion: version + 1 })).toBe(false)
    expect(await one.forget(name, { ifVersion: version })).toBe(true)
    expect(await one.get(name)).toBeUndefined()
  })

  scene('values, counters and logs of one key are strangers, and are forgotten together', async ({ one, two, key }) => {
    const name = key()
    await one.set(name, 'x', { ttlMs })
    await one.count(name, { ttlMs, by: 3 })
    await one.log(name).append('y', { ttlMs, maxEntries: 5 })
    await one.due(name).put('id', { atMs: Infinity, value: 'z' })
    const { lease } = await one.lease(name, { ttlMs })
    expect((await two.get(name))?.value).toBe('x')
    expect(await two.forget(name)).toBe(true)
    expect(await one.get(name)).toBeUndefined()
    expect((await one.count(name, { ttlMs, by: 0 })).value).toBe(0)
    expect((await one.log(name).read()).entries).toEqual([])
    expect((await one.due(name).list()).length).toBe(1)
    expect(await lease?.renew()).toBe(true)
  })

  scene('what is too large is refused, and the largest that fits is kept', async ({ another, key }) => {
    const small = await another({ maxValueBytes: 6 })
    await small.start()
    expect((await small.set(key(), 'sechs!', { ttlMs })).isSet).toBe(true)
    expect(await codeOf(() => small.set(key(), 'grüßes', { ttlMs }))).toBe('STORE_VALUE_TOO_LARGE')
    expect(await codeOf(() => small.log(key()).append(new Uint8Array(7), { ttlMs, maxEntries: 1 }))).toBe(
      'STORE_VALUE_TOO_LARGE',
    )
    const list = small.due(key())
    expect(await codeOf(() => list.put('id', { atMs: 1, value: new Uint8Array(7) }))).toBe('STORE_VALUE_TOO_LARGE')
  })

  scene('a value of 2 MiB is kept whole', async ({ one, two, key }) => {
    const name = key()
    const value = new Uint8Array(2 * 2 ** 20).map((_, at) => at * 7)
    await one.set(name, value, { ttlMs })
    expect(Buffer.compare((await two.get(name))?.value as Uint8Array, value)).toBe(0)
  })

  scene('arguments out of their bounds are refused by name', async ({ one, key }) => {
    const name = key()
    const calls: (() => Promise<unknown>)[] = [
      () => one.get(''),
      () => one.get('no-namespace'),
      () => one.get('Upper:x'),
      () => one.get('suite:'),
      () => one.get('suite:with\nline'),
      () => one.get('suite:\ud800'),
      () => one.get(`suite:${'x'.repeat(507)}`),
      () => one.get(7 as unknown as string),
      () => one.set(name, 'x', { ttlMs: 0 }),
      () => one.set(name, 'x', { ttlMs: Infinity }),
      () => one.set(name, 'x', { ttlMs: NaN }),
      () => one.set(name, 'x', { ttlMs, ifVersion: -1 }),
      () => one.set(name, { a: 1 } as unknown as string, { ttlMs }),
      () => one.set(name, '\ud800', { ttlMs }),
      () => one.count(name, { ttlMs, by: 0.5 }),
      () => one.count(name, { ttlMs, member: '' }),
      () => one.lease(name, { ttlMs, slots: 0 }),
      () => one.lease(name, { ttlMs, holder: 'x'.repeat(513) }),
      async () => one.log('nowhere').read(),
      () => one.log(name).read({ limit: 1001 }),
      () => one.log(name).append('x', { ttlMs, maxEntries: 0 }),
      async () => one.due('nowhere').list(),
      () => one.due(name).put('', { atMs: 1, value: 'x' }),
      () => one.due(name).put('id', { atMs: NaN, value: 'x' }),
      () => one.due(name).take({ claimMs: 0 }),
    ]
    for (const call of calls) expect(await codeOf(call), String(call)).toBe('OPTION_INVALID')
    await one.set(`suite:${'x'.repeat(506)}`, 'the longest key', { ttlMs })
  })

  scene('it may be started and stopped twice, and used after it was started again', async ({ another, one, key }) => {
    const store = await another()
    const name = key()
    expect(await codeOf(() => store.get(name))).toBe('STORE_CLOSED')
    await store.stop()
    await store.start()
    await store.start()
    await store.set(name, 'x', { ttlMs })
    await store.stop()
    await store.stop()
    expect(await codeOf(() => store.get(name))).toBe('STORE_CLOSED')
    expect(await codeOf(() => store.log(name).listen(() => {}))).toBe('STORE_CLOSED')
    expect((await one.get(name))?.value).toBe('x')
    await store.start()
    expect((await store.get(name))?.value).toBe('x')
  })
}

function plain(value: StoreValue | undefined): unknown {
  return value instanceof Uint8Array ? ['bytes', ...value] : value
}
