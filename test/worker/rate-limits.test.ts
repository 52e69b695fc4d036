import { describe, expect, test } from 'vitest'
import { Bucket } from '../../src/worker/bucket.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, waiting } from './bench.ts'

/** Publishes so many of a task with a rate limit, which notes when it starts. */
async function stage(
  bench: Bench,
  clock: VirtualClock,
  rateLimit: '10/s' | '600/m' | '3600/h' | number,
  count: number,
) {
  const starts: number[] = []
  bench.app.task('limited', { rateLimit }, () => void starts.push(clock.monotonic()))
  const ids: string[] = []
  for (let index = 0; index < count; index++) ids.push((await bench.publish({ task: 'limited' })).id)
  return { starts, ids }
}

describe('a rate limit', () => {
  for (const [rate, perTenSeconds] of [
    ['10/s', 100],
    ['600/m', 100],
    ['3600/h', 10],
    [400, 4_000],
    [0.5, 5],
  ] as const) {
    test(`of ${rate} is kept within 5 % over 10 s, or one start`, async () => {
      const clock = new VirtualClock()
      await using bench = new Bench({ clock })
      const { starts } = await stage(bench, clock, rate as number, Math.ceil(perTenSeconds * 1.6))
      await bench.worker({ concurrency: 10, highWater: 10_000 })
      await clock.play(15_000)
      for (const fromMs of [0, 1_234, 5_000]) {
        const within = starts.filter((atMs) => atMs >= fromMs && atMs < fromMs + 10_000).length
        expect(Math.abs(within - perTenSeconds)).toBeLessThanOrEqual(Math.max(1, perTenSeconds * 0.05))
      }
    })
  }

  test('is kept in real time', async () => {
    await using bench = new Bench()
    const starts: number[] = []
    bench.app.task('limited', { rateLimit: '100/s' }, () => void starts.push(performance.now()))
    for (let index = 0; index < 201; index++) await bench.publish({ task: 'limited' })
    const made = await bench.worker()
    await expect.poll(() => made.stats().succeeded, { timeout: 60_000 }).toBe(201)
    const [first = 0, last = 0] = [starts[0], starts.at(-1)]
    // 200 starts after the first take two seconds; a machine that is busy may take longer, and none is ever faster.
    expect(last - first).toBeGreaterThan(1_900)
  })

  test('of tasks that are revoked at the high water mark leaves the worker as many slots as before', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { ids } = await stage(bench, clock, 1 / 3_600, 10)
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ concurrency: 4, highWater: 5, lowWater: 0 })
    await clock.play(1_000)
    expect(made.stats().waiting).toBeGreaterThan(4)
    made.revoke(ids)
    await clock.play(1_000)
    for (const label of ['a', 'b', 'c', 'd']) await bench.publish({ task: 'wait' }, [label])
    await clock.play(1_000)
    expect(begun).toHaveLength(4)
    release()
  })

  test('keeps no other task waiting, and no slot', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { starts } = await stage(bench, clock, '10/s', 50)
    const { begun, release } = waiting(bench)
    for (const label of ['a', 'b']) await bench.publish({ task: 'wait' }, [label])
    const made = await bench.worker({ concurrency: 2 })
    for (let turn = 0; turn < 60; turn++) await clock.play(0)
    expect(begun).toEqual(['a', 'b'])
    expect(starts.length).toBeLessThanOrEqual(2)
    expect(made.stats()).toMatchObject({ running: 2 })
    release()
    await clock.play(6_000)
    expect(starts).toHaveLength(50)
    expect(starts).toEqual(starts.toSorted((one, two) => one - two))
  })

  test('holds no more messages than the high water mark says, and takes more from the low one on', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { starts } = await stage(bench, clock, '10/s', 200)
    const made = await bench.worker({ concurrency: 3, highWater: 40, lowWater: 10 })
    let most = 0
    const depths: number[] = []
    for (let step = 0; step < 300; step++) {
      await clock.play(100)
      most = Math.max(most, made.stats().waiting)
      depths.push(await bench.depth())
    }
    expect(starts).toHaveLength(200)
    // As many as may come before the mark is seen: free slots and one more.
    expect(most).toBeGreaterThanOrEqual(40)
    expect(most).toBeLessThanOrEqual(40 + 4)
    // Between the marks nothing is taken: the queue is read in steps, not one by one.
    const steps = depths.filter((depth, index) => depth < (depths[index - 1] ?? Infinity)).length
    expect(steps).toBeLessThan(60)
  })

  test('can be changed, switched off and set while the worker runs', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { starts } = await stage(bench, clock, '10/s', 300)
    const made = await bench.worker()
    await clock.play(1_000)
    expect(starts.length).toBeGreaterThanOrEqual(10)
    expect(starts.length).toBeLessThanOrEqual(12)
    made.rateLimit('limited', '100/s')
    const before = starts.length
    await clock.play(1_000)
    expect(starts.length - before).toBeGreaterThanOrEqual(95)
    expect(starts.length - before).toBeLessThanOrEqual(105)
    made.rateLimit('limited', 0)
    await clock.play(10)
    await clock.play(10)
    expect(starts).toHaveLength(300)
    bench.app.task('free', () => void starts.push(-1))
    made.rateLimit('free', '1/s')
    for (let index = 0; index < 5; index++) await bench.publish({ task: 'free' })
    await clock.play(2_500)
    expect(starts.filter((atMs) => atMs === -1)).toHaveLength(3)
  })

  test('is refused for a task that is not there, and where it is none', async () => {
    await using bench = new Bench()
    bench.app.task('free', () => 1)
    const made = await bench.worker()
    expect(() => made.rateLimit('other', '1/s')).toThrow(expect.objectContaining({ code: 'TASK_UNKNOWN' }))
    expect(() => made.rateLimit('free', 'q')).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  test('is not kept by a worker that is told so', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { starts } = await stage(bench, clock, '10/s', 50)
    await bench.worker({ disableRateLimits: true })
    await clock.play(10)
    expect(starts).toHaveLength(50)
  })

  test('lets go of what has expired while it waited, and of what is given back', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { starts } = await stage(bench, clock, 1, 3)
    const { id } = await bench.publish({ task: 'limited', expires: '2026-01-01T00:00:02+00:00' })
    for (let index = 0; index < 3; index++) await bench.publish({ task: 'limited' })
    const made = await bench.worker()
    await clock.play(3_500)
    expect(starts).toHaveLength(4)
    expect(await bench.ending(id)).toMatchObject({ state: 'REVOKED', args: ['expired'] })
    const stopping = made.stop()
    await clock.play(1_000)
    await stopping
    expect(await bench.depth()).toBe(2)
    expect(made.stats()).toMatchObject({ waiting: 0, returned: 2 })
  })

  test('goes on when the next in line is revoked', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { starts, ids } = await stage(bench, clock, 1, 4)
    const made = await bench.worker()
    await clock.play(500)
    made.revoke(ids.slice(1, 3))
    await clock.play(1_000)
    expect(starts).toHaveLength(2)
    expect(made.stats()).toMatchObject({ succeeded: 2, revoked: 2, waiting: 0 })
  })

  test('counts where the pool is full: who has been called up waits for a slot, and is not called twice', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { starts } = await stage(bench, clock, '10/s', 5)
    const { begun, release } = waiting(bench)
    await bench.publish({ task: 'wait' }, ['a'])
    const made = await bench.worker({ concurrency: 1 })
    for (let turn = 0; turn < 10; turn++) await clock.play(0)
    expect(begun).toEqual(['a'])
    await clock.play(5_000)
    expect(starts.length).toBeLessThanOrEqual(1)
    release()
    await clock.play(1_000)
    expect(starts).toHaveLength(5)
    const gaps = starts.slice(2).map((atMs, index) => atMs - (starts[index + 1] as number))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(49)
    expect(made.stats()).toMatchObject({ waiting: 0, succeeded: 6 })
  })
})

test('a bucket gives one token at a time, and makes up for little of what was not taken', () => {
  const bucket = new Bucket(10)
  expect([bucket.take(0), bucket.take(0), bucket.waitMs(0)]).toEqual([true, false, 50])
  expect([bucket.take(50), bucket.take(149), bucket.take(150)]).toEqual([true, false, true])
  expect([bucket.take(10_000), bucket.take(10_000), bucket.take(10_049), bucket.take(10_050)]).toEqual([
    true,
    false,
    false,
    true,
  ])
})
