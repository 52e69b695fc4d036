import { systemClock } from '../../base/clock.ts'
import type { LogPage } from '../../store/store.ts'
import { Heard, LONG_MS, type StoreScene, type StoreSuiteContext, until, within } from './scene.ts'

const kept = { ttlMs: LONG_MS, maxEntries: 1000 }
const valuesOf = (pages: readonly LogPage[]): unknown[] =>
  pages.flatMap(({ entries }) => entries.map(({ value }) => value))

/** Ordered logs. */
export function logTests({ scene, expect }: StoreSuiteContext): void {
  const rising = (page: LogPage): void => {
    const positions = page.entries.map(({ position }) => position)
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
  }

  scene('entries are read in the order in which they were appended, by everybody', async ({ one, two, key }) => {
    const name = key()
    const [mine, theirs] = [one.log(name), two.log(name)]
    const values = Array.from({ length: 50 }, (_, nth) => `${nth}`)
    for (const value of values) await mine.append(value, kept)
    const page = await theirs.read()
    expect(page.entries.map(({ value }) => value)).toEqual(values)
    expect([page.last, page.isGapped]).toEqual([page.entries.at(-1)?.position, false])
    rising(page)
    expect(await one.log(key()).read()).toEqual({ entries: [], last: 0, isGapped: false })
  })

  scene('of many writers every entry has its own position, and each writer its order', async ({ one, two, key }) => {
    const name = key()
    const append = (nth: number): Promise<number | undefined> => (nth % 2 ? one : two).log(name).append(`${nth}`, kept)
    await within('all append', Promise.all(Array.from({ length: 200 }, (_, nth) => append(nth))))
    const page = await one.log(name).read({ limit: 1000 })
    rising(page)
    const numbers = page.entries.map(({ value }) => Number(value))
    expect(numbers.filter((nth) => nth % 2)).toEqual(Array.from({ length: 100 }, (_, nth) => nth * 2 + 1))
    expect(numbers.filter((nth) => nth % 2 === 0)).toEqual(Array.from({ length: 100 }, (_, nth) => nth * 2))
  })

  scene('reading goes on behind a position, page by page', async ({ two, key }) => {
    const log = two.log(key())
    for (const value of ['a', 'b', 'c', 'd', 'e']) await log.append(value, kept)
    const first = await log.read({ limit: 2 })
    expect(valuesOf([first])).toEqual(['a', 'b'])
    const second = await log.read({ after: first.entries[1]?.position ?? 0, limit: 2 })
    expect([valuesOf([second]), second.isGapped]).toEqual([['c', 'd'], false])
    const last = await log.read({ after: first.last })
    expect(last).toEqual({ entries: [], last: first.last, isGapped: false })
  })

  scene('beyond its cap the oldest go, and whoever had not read them is told', async ({ one, key }) => {
    const log = one.log(key())
    const positions: number[] = []
    for (let nth = 0; nth < 10; nth++) positions.push((await log.append(`${nth}`, { ...kept, maxEntries: 4 })) ?? 0)
    const page = await log.read()
    expect([valuesOf([page]), page.isGapped]).toEqual([['6', '7', '8', '9'], true])
    expect((await log.read({ after: positions[5] ?? 0 })).isGapped).toBe(false)
    expect((await log.read({ after: positions[4] ?? 0 })).isGapped).toBe(true)
  })

  scene('what was trimmed is gone for everybody, and the place of the last stays known', async ({ one, two, key }) => {
    const name = key()
    const [log, same] = [one.log(name), two.log(name)]
    const a = (await log.append('a', kept)) ?? 0
    const b = (await log.append('b', kept)) ?? 0
    await same.trim(a)
    expect(await log.read({ after: a })).toEqual({ entries: [{ position: b, value: 'b' }], last: b, isGapped: false })
    expect((await log.read()).isGapped).toBe(true)
    await same.trim(b)
    expect(await log.read({ after: b })).toEqual({ entries: [], last: b, isGapped: false })
    expect(await log.append('c', { ...kept, ifLast: b })).toBeGreaterThan(b)
    await one.log(key()).trim(7)
  })

  scene('an entry is appended behind the expected one, or not at all', async ({ one, two, key }) => {
    const name = key()
    const asked = Array.from({ length: 10 }, (_, nth) =>
      (nth % 2 ? one : two).log(name).append(`${nth}`, { ...kept, ifLast: 0 }),
    )
    const won = (await Promise.all(asked)).filter((position) => position !== undefined)
    expect(won.length).toBe(1)
    const log = two.log(name)
    const next = (await log.append('next', { ...kept, ifLast: won[0] ?? 0 })) ?? 0
    expect(next).toBeGreaterThan(won[0] ?? 0)
    expect(await log.append('late', { ...kept, ifLast: won[0] ?? 0 })).toBeUndefined()
    expect((await log.read()).entries.length).toBe(2)
  })

  scene('a log goes when nothing was appended for its time, and the next one is another', async ({ one, two, key }) => {
    const name = key()
    const log = one.log(name)
    const old = (await log.append('old', { ttlMs: 40, maxEntries: 5 })) ?? 0
    await until('it is gone', async () => (await two.log(name).read()).last === 0)
    expect((await log.read({ after: old })).isGapped).toBe(true)
    const young = (await log.append('young', kept)) ?? 0
    expect(young).toBeGreaterThan(old)
    expect((await log.read()).isGapped).toBe(false)
    expect(await log.read({ after: old })).toMatchObject({ entries: [{ position: young }] })
  })

  scene('a listener hears what is there and what comes, in order, each once', async ({ one, two, key }) => {
    const name = key()
    const heard = new Heard<LogPage>()
    for (let nth = 0; nth < 150; nth++) await one.log(name).append(`${nth}`, kept)
    const end = await two.log(name).listen(heard.take)
    for (let nth = 150; nth < 300; nth++) void one.log(name).append(`${nth}`, kept)
    await heard.until('all are heard', (pages) => valuesOf(pages).length >= 300)
    expect(valuesOf(heard.all)).toEqual(Array.from({ length: 300 }, (_, nth) => `${nth}`))
    end()
  })

  scene('a listener may begin in the middle, and hears nothing after its end', async (scene) => {
    const { one, two, key } = scene
    const name = key()
    const heard = new Heard<LogPage>()
    const a = (await one.log(name).append('a', kept)) ?? 0
    const end = await two.log(name).listen(heard.take, { after: a })
    await one.log(name).append('b', kept)
    await heard.until('it hears b', (pages) => valuesOf(pages).includes('b'))
    end()
    const fence = await fenced(scene)
    await one.log(name).append('c', kept)
    await fence()
    expect(valuesOf(heard.all)).toEqual(['b'])
  })

  scene('a listener sets the pace: it is not called again before it is ready', async ({ one, two, key }) => {
    const name = key()
    let busy = 0
    let most = 0
    const heard = new Heard<LogPage>()
    const end = await two.log(name).listen(async (page) => {
      most = Math.max(most, ++busy)
      await new Promise<void>((resolve) => systemClock.turn(resolve))
      busy--
      heard.take(page)
    })
    for (let nth = 0; nth < 30; nth++) await one.log(name).append(`${nth}`, kept)
    await heard.until('all are heard', (pages) => valuesOf(pages).length >= 30)
    expect(valuesOf(heard.all).length).toBe(30)
    expect(most).toBe(1)
    end()
  })

  scene('a listener that throws hears what comes after', async ({ one, two, key }) => {
    const name = key()
    const heard = new Heard<LogPage>()
    const end = await two.log(name).listen((page) => {
      heard.take(page)
      throw new Error('a listener of mine')
    })
    await one.log(name).append('a', kept)
    await heard.until('it hears a', (pages) => valuesOf(pages).includes('a'))
    await one.log(name).append('b', kept)
    await heard.until('it hears b', (pages) => valuesOf(pages).includes('b'))
    end()
  })

  scene('a listener is told of what it has missed', async ({ one, key }) => {
    const log = one.log(key())
    const a = (await log.append('a', kept)) ?? 0
    const b = (await log.append('b', kept)) ?? 0
    await log.append('c', kept)
    await log.trim(b)
    const heard = new Heard<LogPage>()
    const end = await log.listen(heard.take, { after: a })
    await heard.until('it hears', (pages) => pages.length > 0)
    expect([heard.all[0]?.isGapped, valuesOf(heard.all)]).toEqual([true, ['c']])
    end()
  })
}

/** Something that is heard by both stores later than all that was done before it was called. */
async function fenced({ one, two, key }: StoreScene): Promise<() => Promise<void>> {
  const name = key()
  const heard = new Heard<LogPage>()
  const end = await two.log(name).listen(heard.take)
  return async () => {
    await one.log(name).append('fence', kept)
    await heard.until('the fence is heard', (pages) => pages.length > 0)
    end()
  }
}
