import { describe, expect, test } from 'vitest'
import { currentTask, type Outcome } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, waiting } from './bench.ts'

const patience = { timeout: '60s' } as const

describe('how many tasks run and wait', () => {
  test('no more than concurrency run, one more waits in memory, the rest in the queue', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ concurrency: 2 })
    for (const label of ['a', 'b', 'c', 'd', 'e']) await bench.publish({ task: 'wait' }, [label])
    await expect.poll(() => made.stats()).toMatchObject({ running: 2, waiting: 1, received: 3 })
    expect(begun).toEqual(['a', 'b'])
    expect(await bench.depth()).toBe(2)
    release(1)
    await expect.poll(() => begun).toEqual(['a', 'b', 'c'])
    release()
    await expect.poll(() => begun).toEqual(['a', 'b', 'c', 'd', 'e'])
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 5, running: 0, waiting: 0 })
  })

  test('prefetch may be larger', async () => {
    await using bench = new Bench()
    const { release } = waiting(bench)
    const made = await bench.worker({ concurrency: 1, prefetch: 4 })
    for (const label of ['a', 'b', 'c', 'd', 'e']) await bench.publish({ task: 'wait' }, [label])
    await expect.poll(() => made.stats()).toMatchObject({ running: 1, waiting: 3 })
    await made.stop()
    release()
  })

  test('a worker that is busy leaves tasks to one that is not', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const one = await bench.worker({ concurrency: 1 })
    for (const label of ['a', 'b', 'c']) await bench.publish({ task: 'wait' }, [label])
    await expect.poll(() => one.stats()).toMatchObject({ running: 1, waiting: 1 })
    const two = await bench.worker({ concurrency: 1 })
    await expect.poll(() => begun).toEqual(['a', 'c'])
    expect(two.stats()).toMatchObject({ running: 1 })
    release()
    await expect.poll(() => begun.length).toBe(3)
    release()
  })

  test('all queues that are named are read, and declared', async () => {
    await using bench = new Bench()
    bench.app.task('where', () => currentTask().delivery.routingKey)
    await bench.worker({ queues: ['mail', 'images'] })
    for (const queue of ['mail', 'images']) {
      expect(await bench.app.sendTask('where', [], {}, { queue }).get(patience)).toBe(queue)
    }
  })

  test('a task that computes lets others in when it waits', async () => {
    await using bench = new Bench()
    const order: string[] = []
    bench.app.task('steps', async (label: string) => {
      for (let step = 0; step < 3; step++) {
        order.push(label)
        await Promise.resolve()
      }
    })
    const made = await bench.worker()
    await bench.publish({ task: 'steps' }, ['a'])
    await bench.publish({ task: 'steps' }, ['b'])
    await expect.poll(() => made.stats().succeeded).toBe(2)
    expect(order.toSorted()).toEqual(['a', 'a', 'a', 'b', 'b', 'b'])
  })
})

test('a task that expires while it waits for a free slot is revoked', async () => {
  const clock = new VirtualClock()
  await using bench = new Bench({ clock })
  const { begun, release } = waiting(bench)
  await bench.worker({ concurrency: 1 })
  await bench.publish({ task: 'wait' }, ['first'])
  const { id } = await bench.publish({ task: 'wait', expires: '2026-01-01T00:00:05+00:00' }, ['second'])
  await clock.play(6_000)
  release()
  await clock.play(0)
  expect(begun).toEqual(['first'])
  expect(await bench.ending(id)).toMatchObject({ state: 'REVOKED', args: ['expired'] })
})

describe('a time limit', () => {
  test('hard: the outcome is stored, the slot is free, the message done with', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { release } = waiting(bench)
    const made = await bench.worker({ concurrency: 1 })
    const { id } = await bench.publish({ task: 'wait', timelimit: [2, 1] }, ['slow'])
    await clock.play(2_000)
    expect(await bench.ending(id)).toEqual({ state: 'FAILURE', excType: 'TimeLimitExceeded', args: [2] })
    expect(made.stats()).toMatchObject({ running: 0, abandoned: 1, failed: 1 })
    expect(bench.happened).toEqual(['put FAILURE', 'ack wait'])
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ abandoned: 0 })
    expect(bench.happened).toHaveLength(2)
  })
})

test('10,000 sleeping tasks run at the same time in one worker', async () => {
  const clock = new VirtualClock()
  await using bench = new Bench({ clock })
  const COUNT = 10_000
  bench.app.task('nap', (ms: number) => new Promise<number>((resolve) => void clock.after(ms, () => resolve(ms))))
  const outcomes: Outcome[] = []
  bench.beforePut = (outcome) => void outcomes.push(outcome)
  for (let index = 0; index < COUNT; index++) await bench.publish({ task: 'nap' }, [1_000 + (index % 1_000)])
  const made = await bench.worker({ concurrency: COUNT })
  await expect.poll(() => made.stats(), { timeout: 60_000 }).toMatchObject({ running: COUNT, waiting: 0 })
  await clock.play(2_000)
  expect(made.stats()).toMatchObject({ running: 0, succeeded: COUNT })
  expect(outcomes).toHaveLength(COUNT)
  expect(await bench.depth()).toBe(0)
})
