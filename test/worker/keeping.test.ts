import { describe, expect, test } from 'vitest'
import { currentTask } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, waiting } from './bench.ts'

const HOUR_MS = 3_600_000

async function delayed(bench: Bench, queue = 'celery'): Promise<number> {
  const { broker } = await bench.app.client()
  return (await broker.admin?.depth(queue))?.delayed ?? 0
}

describe('a task for much later', () => {
  test('waits with the broker, in no worker, and runs at its time', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    const ranAt: number[] = []
    const later = bench.app.task('later', () => void ranAt.push(clock.now()))
    const made = await bench.worker()
    const beganMs = clock.now()
    await later.applyAsync([], { countdown: '1h' })
    await clock.play(HOUR_MS - 1)
    expect(made.stats()).toMatchObject({ received: 0, held: 0 })
    expect(await delayed(bench)).toBe(1)
    await clock.play(10)
    expect(ranAt).toEqual([beganMs + HOUR_MS])
    expect(bench.happened).toEqual(['put SUCCESS', 'ack later'])
  })

  test('that somebody put into the queue is left to the broker until its time', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    const ranAt: number[] = []
    bench.app.task('later', () => void ranAt.push(clock.now()))
    const made = await bench.worker()
    const beganMs = clock.now()
    await bench.publish({ task: 'later', eta: new Date(beganMs + HOUR_MS).toISOString() })
    await clock.play(1000)
    expect(made.stats()).toMatchObject({ received: 1, kept: 1, held: 0 })
    expect(made.scheduled()).toMatchObject([{ task: 'later', etaMs: beganMs + HOUR_MS }])
    expect(await delayed(bench)).toBe(1)
    await clock.play(HOUR_MS)
    expect(made.scheduled()).toEqual([])
    expect(ranAt).toEqual([beganMs + HOUR_MS])
    expect(made.stats()).toMatchObject({ received: 2, started: 1, adopted: 0, lost: 0 })
  })

  test('is told as scheduled, and not as reserved, while it is on its way to the broker', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    bench.app.task('later', () => {})
    const made = await bench.worker()
    const { broker } = await bench.app.client()
    const delays = broker.delays as NonNullable<typeof broker.delays>
    const keep = delays.keep.bind(delays)
    const seen: unknown[] = []
    delays.keep = async (delivery, atMs) => {
      seen.push([made.reserved(), made.scheduled().map(({ id }) => id)])
      return keep(delivery, atMs)
    }
    await bench.publish({ task: 'later', id: 'later', eta: new Date(clock.now() + HOUR_MS).toISOString() })
    await clock.play(1000)
    expect(seen).toEqual([[[], ['later']]])
    expect(made.stats()).toMatchObject({ kept: 1 })
  })

  test('is held by the worker when it is due soon', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    bench.app.task('soon', () => {})
    const made = await bench.worker()
    await bench.publish({ task: 'soon', eta: new Date(clock.now() + 1900).toISOString() })
    await clock.play(1000)
    expect(made.stats()).toMatchObject({ received: 1, kept: 0, held: 1 })
    await clock.play(1000)
    expect(made.stats()).toMatchObject({ held: 0, succeeded: 1 })
  })

  test('keeps nobody behind it waiting, however many there are of it', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    const { begun } = waiting(bench)
    const made = await bench.worker({ concurrency: 1, prefetch: 1 })
    const eta = new Date(clock.now() + HOUR_MS).toISOString()
    for (let index = 0; index < 50; index++) await bench.publish({ task: 'wait', eta }, [`later ${index}`])
    await bench.publish({ task: 'wait' }, ['now'])
    await clock.play(1000)
    expect(begun).toEqual(['now'])
    expect(made.stats()).toMatchObject({ kept: 50, held: 0, running: 1 })
    expect(await delayed(bench)).toBe(50)
  })

  test('that expires before its time ends as REVOKED when it expires', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    const later = bench.app.task('later', () => {})
    await bench.worker()
    const sent = await later.applyAsync([], { countdown: '2h', expires: '1h' })
    await clock.play(HOUR_MS - 1000)
    expect(bench.happened).toEqual([])
    await clock.play(1010)
    expect(bench.happened).toEqual(['put REVOKED', 'ack later'])
    expect(await bench.ending(sent.id)).toMatchObject({ state: 'REVOKED' })
  })

  test('is held when the broker cannot keep it, and runs once all the same', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    const ran: number[] = []
    bench.app.task('later', () => void ran.push(clock.now()))
    const made = await bench.worker()
    const { broker } = await bench.app.client()
    if (!broker.delays) throw new Error('there are no delays')
    broker.delays.keep = () => Promise.resolve(false)
    await bench.publish({ task: 'later', eta: new Date(clock.now() + HOUR_MS).toISOString() })
    await clock.play(1000)
    expect(made.stats()).toMatchObject({ kept: 0, held: 1 })
    broker.delays.keep = () => Promise.reject(new Error('from the broker'))
    await bench.publish({ task: 'later', eta: new Date(clock.now() + HOUR_MS).toISOString() })
    await clock.play(1000)
    expect(made.stats()).toMatchObject({ kept: 0, held: 2 })
    expect(bench.logged('a task for later could not be kept by the broker')).toMatchObject([
      { error: 'from the broker' },
    ])
    await clock.play(HOUR_MS)
    expect(ran).toHaveLength(2)
    expect(bench.happened.filter((what) => what === 'ack later')).toHaveLength(2)
  })
})

describe('a retry with a long wait', () => {
  test('waits with the broker, each time, and ends', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock, hasDelays: true })
    const ranAt: number[] = []
    const task = bench.app.task('again', { maxRetries: 5 }, () => {
      const { retries, retry } = currentTask()
      ranAt.push(Math.round((clock.now() - beganMs) / HOUR_MS))
      if (retries < 5) throw retry({ countdown: '1h' })
      return retries
    })
    const made = await bench.worker()
    const beganMs = clock.now()
    const sent = await task.applyAsync([])
    for (let hour = 0; hour < 5; hour++) {
      await clock.play(HOUR_MS / 2)
      expect(made.stats()).toMatchObject({ held: 0, running: 0 })
      expect(await delayed(bench)).toBe(1)
      await clock.play(HOUR_MS / 2 + 10)
    }
    expect(ranAt).toEqual([0, 1, 2, 3, 4, 5])
    expect(await bench.ending(sent.id)).toMatchObject({ state: 'SUCCESS' })
  })
})
