import { systemClock } from '../../base/clock.ts'
import type { DueEntry, DueList } from '../../store/store.ts'
import { Heard, LONG_MS, type StoreSuiteContext, until, within } from './scene.ts'

const claimMs = LONG_MS
const idsOf = (entries: readonly DueEntry[]): string[] => entries.map(({ id }) => id)

/** The first milliseconds of 1970: due, whatever the clock says. */
const LONG_AGO = 5

/** Due lists. */
export function dueTests({ scene, expect }: StoreSuiteContext): void {
  const takeAll = async (list: DueList): Promise<DueEntry[]> => {
    const all: DueEntry[] = []
    for (;;) {
      const { entries } = await list.take({ claimMs, limit: 7 })
      if (entries.length === 0) return all
      all.push(...entries)
    }
  }

  scene('what is due is taken, earliest first; what is not due waits', async ({ one, two, key }) => {
    const name = key()
    const list = one.due(name)
    await list.put('late', { atMs: LONG_AGO + 2, value: 'l' })
    await list.put('ä', { atMs: LONG_AGO + 1, value: Uint8Array.of(0, 255) })
    await list.put('\u{1f600}', { atMs: LONG_AGO + 1, value: 'smile' })
    await list.put('\uffee', { atMs: LONG_AGO + 1, value: 'white' })
    await list.put('early', { atMs: LONG_AGO, value: 'e' })
    await list.put('tomorrow', { atMs: systemClock.now() + LONG_MS, value: 't' })
    await list.put('never', { atMs: Infinity, value: 'n' })
    const { entries, nextInMs } = await two.due(name).take({ claimMs })
    expect(idsOf(entries)).toEqual(['early', 'ä', '\uffee', '\u{1f600}', 'late'])
    expect(entries[1]).toMatchObject({ atMs: LONG_AGO + 1, takes: 1 })
    expect(Buffer.from(entries[1]?.value ?? '').toString('hex')).toBe('00ff')
    expect(nextInMs ?? 0).toBeGreaterThan(LONG_MS / 2)
    expect(await two.due(key()).take({ claimMs })).toEqual({ entries: [], nextInMs: undefined })
  })

  scene('each entry is taken by one, whoever and however many take', async ({ one, two, key }) => {
    const name = key()
    await Promise.all(
      Array.from({ length: 100 }, (_, nth) => one.due(name).put(`${nth}`, { atMs: nth, value: `${nth}` })),
    )
    const takers = [one, two, one, two].map((store) => takeAll(store.due(name)))
    const taken = (await within('all is taken', Promise.all(takers))).flat()
    expect(new Set(idsOf(taken)).size).toBe(100)
    expect(taken.length).toBe(100)
  })

  scene('what is taken and removed is gone; with another version nothing is removed', async ({ one, two, key }) => {
    const name = key()
    const list = one.due(name)
    const version = (await list.put('a', { atMs: LONG_AGO, value: 'x' })) ?? 0
    const [taken] = (await two.due(name).take({ claimMs })).entries
    expect(taken?.version ?? 0).toBeGreaterThan(version)
    expect(await list.remove('a', { ifVersion: version })).toBe(false)
    expect(await list.remove('a', { ifVersion: taken?.version ?? 0 })).toBe(true)
    expect(await list.remove('a')).toBe(false)
    expect(await list.list()).toEqual([])
  })

  scene('what a taker that died held is due again, and counted', async ({ one, two, key }) => {
    const name = key()
    await one.due(name).put('a', { atMs: LONG_AGO, value: 'x' })
    const [first] = (await one.due(name).take({ claimMs: 40 })).entries
    let second: DueEntry | undefined
    await until(
      'it is due again',
      async () => (second = (await two.due(name).take({ claimMs })).entries[0]) !== undefined,
    )
    expect(second).toMatchObject({ id: 'a', value: 'x', takes: 2 })
    expect(await one.due(name).remove('a', { ifVersion: first?.version ?? 0 })).toBe(false)
    expect(await two.due(name).remove('a', { ifVersion: second?.version ?? 0 })).toBe(true)
  })

  scene('a taker may put it at another time, with its value as it is', async ({ one, two, key }) => {
    const name = key()
    const list = one.due(name)
    await list.put('tick', { atMs: LONG_AGO, value: 'x' })
    const [taken] = (await list.take({ claimMs })).entries
    const ifVersion = taken?.version ?? 0
    expect((await list.put('tick', { atMs: LONG_AGO + 1, ifVersion })) ?? 0).toBeGreaterThan(ifVersion)
    expect(await list.put('tick', { atMs: LONG_AGO + 2, ifVersion })).toBeUndefined()
    const [again] = (await two.due(name).take({ claimMs })).entries
    expect(again).toMatchObject({ id: 'tick', value: 'x', atMs: LONG_AGO + 1, takes: 2 })
    expect(await list.put('nobody', { atMs: 1 })).toBeUndefined()
  })

  scene('replacing an entry takes it away from who has taken it', async ({ one, two, key }) => {
    const name = key()
    await one.due(name).put('a', { atMs: LONG_AGO, value: 'old' })
    const [old] = (await two.due(name).take({ claimMs })).entries
    await one.due(name).put('a', { atMs: LONG_AGO, value: 'new' })
    expect(await two.due(name).remove('a', { ifVersion: old?.version ?? 0 })).toBe(false)
    const [young] = (await two.due(name).take({ claimMs })).entries
    expect(young).toMatchObject({ value: 'new', takes: 1 })
  })

  scene('an entry may be put only where there is none', async ({ one, two, key }) => {
    const name = key()
    const put = (nth: number): Promise<number | undefined> =>
      (nth % 2 ? one : two).due(name).put('a', { atMs: LONG_AGO, value: `${nth}`, ifVersion: 0 })
    const versions = await Promise.all(Array.from({ length: 10 }, (_, nth) => put(nth)))
    expect(versions.filter((version) => version !== undefined).length).toBe(1)
    expect((await one.due(name).list()).length).toBe(1)
  })

  scene('the list shows all, taken or not, by time, page by page', async ({ one, two, key }) => {
    const name = key()
    const list = one.due(name)
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    for (const [nth, id] of [...ids.entries()].reverse()) {
      await list.put(id, { atMs: id === 'g' ? Infinity : nth >> 1, value: id })
    }
    await list.take({ claimMs, limit: 2 })
    const all = await two.due(name).list()
    expect(idsOf(all)).toEqual(ids)
    const paged: DueEntry[] = []
    for (;;) {
      const last = paged.at(-1)
      const page = await two.due(name).list({ limit: 2, ...(last && { after: last }) })
      if (page.length === 0) break
      paged.push(...page)
    }
    expect(paged).toEqual(all)
  })

  scene('a watcher is called for what is due already', async ({ one, two, key }) => {
    const name = key()
    await one.due(name).put('a', { atMs: LONG_AGO, value: 'x' })
    const heard = new Heard<void>()
    const end = await two.due(name).onDue(() => heard.take())
    await heard.until('it is called', (calls) => calls.length > 0)
    end()
  })

  scene('a watcher is called when something comes due, and takes it at its time', async ({ one, two, key }) => {
    const name = key()
    const taken = new Heard<{ id: string; lateMs: number }>()
    const take = async (): Promise<void> => {
      for (const { id, atMs } of await takeAll(two.due(name))) taken.take({ id, lateMs: systemClock.now() - atMs })
    }
    const end = await two.due(name).onDue(() => void take())
    const now = systemClock.now()
    const put = (id: string, inMs: number): Promise<unknown> => one.due(name).put(id, { atMs: now + inMs, value: id })
    await Promise.all([put('c', 120), put('a', 0), put('b', 60)])
    await taken.until('all are taken', (all) => all.length >= 3)
    expect(taken.all.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    // By the calendar of one machine: nothing is taken before its time.
    for (const { lateMs } of taken.all) expect(lateMs).toBeGreaterThan(-1)
    end()
  })

  scene('a watcher is called when a claim runs out', async ({ one, two, key }) => {
    const name = key()
    await one.due(name).put('a', { atMs: LONG_AGO, value: 'x' })
    await one.due(name).take({ claimMs: 60 })
    const taken = new Heard<DueEntry>()
    const take = async (): Promise<void> => {
      for (const entry of await takeAll(two.due(name))) taken.take(entry)
    }
    const end = await two.due(name).onDue(() => void take())
    await taken.until('it is taken again', (all) => all.length > 0)
    expect(taken.all[0]).toMatchObject({ id: 'a', takes: 2 })
    end()
  })
}
