import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'
import { Bench, waiting } from './bench.ts'

/** Lets everything happen that needs no time. */
async function settle(clock: VirtualClock): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await clock.play(0)
}

describe('a pool that scales by itself', () => {
  test('grows at once to what is there, up to its most, and shrinks to its least half a minute later', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ autoscale: { max: 4, min: 1 } })
    expect(bench.prefetches).toEqual([2])
    for (let index = 0; index < 10; index++) await bench.publish({ task: 'wait' }, [`${index}`])
    await settle(clock)
    expect(made.stats()).toMatchObject({ running: 4, waiting: 1 })
    expect(bench.prefetches.at(-1)).toBe(5)
    release(8)
    await settle(clock)
    release()
    await settle(clock)
    release()
    await settle(clock)
    expect(begun).toHaveLength(10)
    expect(made.stats()).toMatchObject({ running: 0, succeeded: 10 })
    await clock.play(28_000)
    expect(bench.prefetches.at(-1)).toBe(5)
    await clock.play(3_000)
    expect(bench.prefetches.at(-1)).toBe(2)
    expect(bench.logged('pool is resized').at(-1)).toMatchObject({ from: 4, to: 1, max: 4, min: 1 })
  })

  test('keeps what it uses, and grows again', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { release } = waiting(bench)
    const made = await bench.worker({ autoscale: { max: 10, min: 2, keepalive: '5s' } })
    for (let index = 0; index < 6; index++) await bench.publish({ task: 'wait' }, [`${index}`])
    await settle(clock)
    expect(made.stats()).toMatchObject({ running: 6 })
    release(3)
    await clock.play(7_000)
    expect(bench.prefetches.at(-1)).toBe(4)
    for (let index = 0; index < 2; index++) await bench.publish({ task: 'wait' }, ['more'])
    await settle(clock)
    expect(made.stats()).toMatchObject({ running: 5, waiting: 0 })
    release()
    await clock.play(60_000)
    expect(bench.prefetches.at(-1)).toBe(3)
  })

  test('grows although no task is taken before there is a slot for it', async () => {
    for (const credit of [{ fair: true }, { prefetchMultiplier: 1 }]) {
      const clock = new VirtualClock()
      await using bench = new Bench({ clock })
      const { release } = waiting(bench)
      const made = await bench.worker({ autoscale: { max: 4, min: 1, keepalive: '5s' }, ...credit })
      for (let index = 0; index < 6; index++) await bench.publish({ task: 'wait' }, [`${index}`])
      await settle(clock)
      expect(made.stats()).toMatchObject({ running: 4, waiting: 0 })
      release(4)
      await settle(clock)
      release(2)
      await clock.play(20_000)
      expect(bench.prefetches.at(-1)).toBe(1)
    }
  })

  test('can be given another range, or its first one, while it runs', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { release } = waiting(bench)
    const made = await bench.worker({ concurrency: 2 })
    expect(made.autoscaleRange).toBeUndefined()
    for (let index = 0; index < 10; index++) await bench.publish({ task: 'wait' }, [`${index}`])
    await settle(clock)
    expect(made.stats().running).toBe(2)
    made.autoscale(5, 2)
    await settle(clock)
    expect(made.stats().running).toBe(5)
    made.autoscale(7, 6)
    await settle(clock)
    expect(made.stats().running).toBe(7)
    expect(made.autoscaleRange).toEqual({ max: 7, min: 6 })
    made.autoscale(3, 3)
    release(5)
    await settle(clock)
    expect(made.stats().running).toBe(3)
    release()
    for (const [max, min] of [
      [2, 3],
      [0, 0],
      [1.5, 1],
    ] as const) {
      expect(() => made.autoscale(max, min)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })

  test('does not grow for those that their rate limit holds', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    bench.app.task('limited', { rateLimit: '1/s' }, () => 1)
    for (let index = 0; index < 10; index++) await bench.publish({ task: 'limited' })
    await bench.worker({ autoscale: { max: 10 } })
    await settle(clock)
    // One runs, and one comes while it does.
    expect(bench.logged('pool is resized').filter(({ to }) => Number(to) > 2)).toEqual([])
  })
})

describe('a pool', () => {
  test('grows and shrinks on request, and what runs goes on', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ concurrency: 1 })
    for (let index = 0; index < 10; index++) await bench.publish({ task: 'wait' }, [`${index}`])
    await settle(clock)
    expect(made.grow(2)).toBe(3)
    await settle(clock)
    expect(made.stats()).toMatchObject({ running: 3, waiting: 1 })
    expect(bench.prefetches.at(-1)).toBe(4)
    expect(made.shrink()).toBe(2)
    expect(made.shrink(9)).toBe(1)
    await settle(clock)
    expect(made.stats()).toMatchObject({ running: 3 })
    release(3)
    await settle(clock)
    expect(made.stats()).toMatchObject({ running: 1, succeeded: 3 })
    expect(begun).toHaveLength(4)
  })

  test('is not resized by hand with autoscale on, and not when it does not run', async () => {
    await using bench = new Bench()
    bench.app.task('add', () => 1)
    const made = await bench.worker({ autoscale: { max: 2 } })
    expect(() => made.grow()).toThrow(expect.objectContaining({ code: 'AUTOSCALE_ON' }))
    expect(() => made.shrink()).toThrow(expect.objectContaining({ code: 'AUTOSCALE_ON' }))
    const idle = worker(bench.app)
    expect(() => idle.grow()).toThrow(expect.objectContaining({ code: 'WORKER_STOPPED' }))
    expect(() => idle.grow(0.5)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})
