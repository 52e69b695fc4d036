import { codeOf, LONG_MS, type StoreSuiteContext, until, within } from './scene.ts'

const ttlMs = LONG_MS

/** Counters. */
export function counterTests({ scene, expect }: StoreSuiteContext): void {
  scene('every count of every process counts, and each is told another value', async ({ one, two, key }) => {
    const name = key()
    const counts = Array.from({ length: 200 }, (_, nth) => (nth % 2 ? one : two).count(name, { ttlMs }))
    const values = (await within('all have counted', Promise.all(counts))).map(({ value }) => value)
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, nth) => nth + 1))
    expect(await one.count(name, { ttlMs, by: -50 })).toMatchObject({ value: 150, isCounted: true })
  })

  scene('a member counts once, however often and by whom it is counted', async ({ one, two, key }) => {
    const name = key()
    const members = ['a', 'b', 'ä', 'a', 'b', 'a']
    const answers = await Promise.all(
      members.map((member, nth) => (nth % 2 ? one : two).count(name, { ttlMs, member })),
    )
    expect(answers.filter(({ isCounted }) => isCounted).length).toBe(3)
    expect((await one.count(name, { ttlMs, member: 'a' })).value).toBe(3)
    expect(await one.count(name, { ttlMs, by: 10, member: 'c' })).toMatchObject({ value: 13, isCounted: true })
    expect(await two.count(name, { ttlMs })).toMatchObject({ value: 14, isCounted: true })
  })

  scene('of members that all come at once, exactly one is told that it was the last', async ({ one, two, key }) => {
    const name = key()
    const size = 300
    const count = (nth: number): ReturnType<typeof one.count> =>
      (nth % 2 ? one : two).count(name, { ttlMs, member: `m${nth % size}` })
    const answers = await within('all', Promise.all(Array.from({ length: 2 * size }, (_, nth) => count(nth))))
    expect(answers.filter(({ value, isCounted }) => isCounted && value === size).length).toBe(1)
    expect(Math.max(...answers.map(({ value }) => value))).toBe(size)
  })

  scene('what would pass the maximum is not counted', async ({ one, two, key }) => {
    const name = key()
    const counts = Array.from({ length: 30 }, (_, nth) => (nth % 2 ? one : two).count(name, { ttlMs, max: 12 }))
    const answers = await Promise.all(counts)
    expect(answers.filter(({ isCounted }) => isCounted).length).toBe(12)
    expect(await one.count(name, { ttlMs, by: 1, max: 12, member: 'x' })).toMatchObject({ value: 12, isCounted: false })
    expect(await one.count(name, { ttlMs, by: -2, max: 12 })).toMatchObject({ value: 10, isCounted: true })
  })

  scene('to look is not to count', async ({ one, key }) => {
    const name = key()
    expect(await one.count(name, { ttlMs, by: 0 })).toEqual({ value: 0, isCounted: false, expiresInMs: 0 })
    await one.count(name, { ttlMs, by: 7 })
    const { value, isCounted, expiresInMs } = await one.count(name, { ttlMs, by: 0 })
    expect([value, isCounted]).toEqual([7, false])
    expect(expiresInMs).toBeGreaterThan(ttlMs / 2)
    expect(expiresInMs).toBeLessThanOrEqual(ttlMs)
  })

  scene('the time of a counter runs from its first count, so that windows end', async ({ one, two, key }) => {
    const name = key()
    await one.count(name, { ttlMs: 40 })
    await until('the window ends', async () => (await two.count(name, { ttlMs: 40, by: 0 })).value === 0)
    expect((await one.count(name, { ttlMs, max: 1 })).isCounted).toBe(true)
  })

  scene('with `renew` it runs from the newest count', async ({ one, key }) => {
    const name = key()
    await one.count(name, { ttlMs: 5_000 })
    await one.count(name, { ttlMs, renew: true })
    expect((await one.count(name, { ttlMs, by: 0 })).expiresInMs).toBeGreaterThan(5_000)
    await one.count(name, { ttlMs: 30, renew: true })
    await until('it ends', async () => (await one.count(name, { ttlMs, by: 0 })).value === 0)
  })

  scene('members are gone with their counter', async ({ one, key }) => {
    const name = key()
    await one.count(name, { ttlMs, member: 'a' })
    await one.forget(name)
    expect(await one.count(name, { ttlMs, member: 'a' })).toMatchObject({ value: 1, isCounted: true })
    const short = key()
    await one.count(short, { ttlMs: 30, member: 'a' })
    await until('it ends', async () => (await one.count(short, { ttlMs, by: 0 })).value === 0)
    expect(await one.count(short, { ttlMs, member: 'a' })).toMatchObject({ value: 1, isCounted: true })
  })

  scene('a count that no number could hold is refused, and changes nothing', async ({ one, key }) => {
    const name = key()
    const by = Number.MAX_SAFE_INTEGER
    await one.count(name, { ttlMs, by })
    expect(await codeOf(() => one.count(name, { ttlMs, by: 1 }))).toBe('OPTION_INVALID')
    expect((await one.count(name, { ttlMs, by: 0 })).value).toBe(by)
  })
}
