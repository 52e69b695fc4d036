import { describe, expect, test } from 'vitest'
import { currentTask, type Outcome } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { encodeTask as messageOf } from '../../src/protocol/task-message.ts'
import { Bench, Gate } from './bench.ts'

const patience = { timeout: '5s' } as const

/** Tasks that begin and wait until they are let go, one by one or all. */
function waiting(bench: Bench, name = 'wait'): { begun: string[]; release: (count?: number) => void } {
  const begun: string[] = []
  const gates: Gate[] = []
  bench.app.task(name, async (label: string) => {
    const gate = new Gate()
    begun.push(label)
    gates.push(gate)
    await gate.passed
    return label
  })
  return { begun, release: (count = gates.length) => gates.splice(0, count).forEach((gate) => gate.open()) }
}

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

describe('a task for later', () => {
  test('is held, unacknowledged, until its time', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const ranAt: number[] = []
    const later = bench.app.task('later', () => void ranAt.push(clock.now()))
    const made = await bench.worker()
    const eta = new Date(clock.now() + 5_000)
    await later.applyAsync([], { eta })
    await clock.play(4_999)
    expect(made.stats()).toMatchObject({ held: 1, started: 0 })
    expect(bench.happened).toEqual([])
    await clock.play(1)
    expect(ranAt).toEqual([eta.getTime()])
    expect(bench.happened).toEqual(['put SUCCESS', 'ack later'])
    expect(bench.logged('task done')).toMatchObject([{ waitMs: 0 }])
  })

  test('keeps nobody behind it waiting: each lets one more message come', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker({ concurrency: 1 })
    const eta = '2026-01-01T01:00:00+00:00'
    for (let index = 0; index < 10; index++) await bench.publish({ task: 'wait', eta }, [`later ${index}`])
    await bench.publish({ task: 'wait' }, ['now'])
    await clock.play(0)
    await clock.play(0)
    await expect.poll(() => begun).toEqual(['now'])
    expect(made.stats()).toMatchObject({ held: 10, running: 1 })
    expect(bench.prefetches.at(-1)).toBe(12)
  })

  test('many in one turn change the prefetch once', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    waiting(bench)
    const eta = '2026-01-01T01:00:00+00:00'
    for (let index = 0; index < 50; index++) await bench.publish({ task: 'wait', eta }, ['later'])
    const made = await bench.worker({ concurrency: 60 })
    await clock.play(0)
    expect(made.stats().held).toBe(50)
    expect(bench.prefetches).toEqual([61, 111])
  })

  test('is one of a bounded number: beyond that no more messages come', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    waiting(bench)
    const made = await bench.worker({ concurrency: 1, maxHeld: 3 })
    const eta = '2026-01-01T01:00:00+00:00'
    for (let index = 0; index < 20; index++) await bench.publish({ task: 'wait', eta }, ['later'])
    for (let turn = 0; turn < 10; turn++) await clock.play(0)
    expect(made.stats()).toMatchObject({ held: 5 })
    expect(bench.prefetches.at(-1)).toBe(5)
    expect(await bench.depth()).toBe(15)
  })

  test('lowers the prefetch again when its time comes', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker({ concurrency: 1 })
    await bench.publish({ task: 'wait', eta: '2026-01-01T00:00:01+00:00' }, ['later'])
    await clock.play(0)
    await clock.play(1_000)
    expect(begun).toEqual(['later'])
    for (const label of ['a', 'b', 'c']) await bench.publish({ task: 'wait' }, [label])
    await clock.play(0)
    await clock.play(0)
    expect(made.stats()).toMatchObject({ held: 0, running: 1, waiting: 1 })
  })

  test('goes by the calendar, which may be set while it waits', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker()
    await bench.publish({ task: 'wait', eta: '2026-01-01T00:10:00+00:00' }, ['later'])
    await clock.play(60_000)
    clock.jump(-5 * 60_000)
    await clock.play(9 * 60_000)
    expect(begun).toEqual([])
    expect(made.stats().held).toBe(1)
    await clock.play(5 * 60_000)
    expect(begun).toEqual(['later'])
  })

  test('that has expired when its time comes is revoked', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    await bench.worker()
    const { id } = await bench.publish(
      { task: 'wait', eta: '2026-01-01T00:00:10+00:00', expires: '2026-01-01T00:00:05+00:00' },
      ['late'],
    )
    await clock.play(10_000)
    expect(begun).toEqual([])
    expect(await bench.ending(id)).toMatchObject({ state: 'REVOKED', args: ['expired'] })
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

describe('a message that comes again, because the broker lost us for a moment', () => {
  test('while its task runs is not started again: its new delivery is acknowledged', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'wait' }, ['once'])
    await expect.poll(() => begun).toEqual(['once'])
    bench.isCut = true
    bench.redeliver(messageOf(request))
    bench.isCut = false
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, adopted: 1, lost: 0 })
    expect(begun).toEqual(['once'])
    expect(bench.happened).toEqual(['put SUCCESS', 'ack wait', 'ack wait'])
  })

  test('while it is held for later is held once', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun } = waiting(bench)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'wait', eta: '2026-01-01T00:00:10+00:00' }, ['once'])
    await clock.play(0)
    bench.redeliver(messageOf(request))
    expect(made.stats()).toMatchObject({ held: 1, adopted: 1 })
    await clock.play(10_000)
    expect(begun).toEqual(['once'])
  })

  test('after its task ended, while its acknowledgement was lost, is acknowledged and not run', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'wait' }, ['once'])
    await expect.poll(() => begun).toEqual(['once'])
    bench.isCut = true
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, lost: 1 })
    expect(bench.logged('task done')).toMatchObject([{ ending: 'lost' }])
    bench.isCut = false
    bench.redeliver(messageOf(request))
    expect(made.stats()).toMatchObject({ adopted: 1, running: 0 })
    expect(bench.happened).toEqual(['put SUCCESS', 'stale wait', 'ack wait'])
    expect(begun).toEqual(['once'])
    // That was that: the same id may be sent once more, on purpose.
    bench.redeliver(messageOf(request))
    await expect.poll(() => begun).toEqual(['once', 'once'])
    release()
  })

  test('when it was acknowledged early is acknowledged again', async () => {
    await using bench = new Bench()
    const gate = new Gate()
    bench.app.task('early', { acksLate: false }, () => gate.passed)
    const made = await bench.worker()
    const request = await bench.publish({ task: 'early' })
    await expect.poll(() => made.stats().running).toBe(1)
    bench.redeliver(messageOf(request))
    expect(made.stats()).toMatchObject({ adopted: 1, running: 1 })
    gate.open()
    await expect.poll(() => bench.happened).toEqual(['ack early', 'ack early', 'put SUCCESS'])
  })

  test('a task whose early acknowledgement is too late is left to whoever has it now', async () => {
    await using bench = new Bench()
    let runs = 0
    bench.app.task('early', { acksLate: false }, () => void runs++)
    const made = await bench.worker()
    bench.isCut = true
    await bench.publish({ task: 'early' })
    await expect.poll(() => made.stats()).toMatchObject({ received: 1, lost: 1, started: 0 })
    expect(runs).toBe(0)
  })

  test('a second message of the same id that is no redelivery is run, as Celery does', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    await bench.publish({ task: 'wait', id: 'same' }, ['one'])
    await bench.publish({ task: 'wait', id: 'same' }, ['two'])
    await expect.poll(() => begun).toEqual(['one', 'two'])
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 2, adopted: 0 })
  })
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
  await expect.poll(() => made.stats(), { timeout: 10_000 }).toMatchObject({ running: COUNT, waiting: 0 })
  await clock.play(2_000)
  expect(made.stats()).toMatchObject({ running: 0, succeeded: COUNT })
  expect(outcomes).toHaveLength(COUNT)
  expect(await bench.depth()).toBe(0)
})
