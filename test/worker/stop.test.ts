import { describe, expect, test } from 'vitest'
import { currentTask, LovageError, WorkerStopping } from '../../src/index.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { worker } from '../../src/worker/worker.ts'
import { Bench, Gate } from './bench.ts'

const patience = { timeout: '60s' } as const

/** A task that never ends by itself, one that ends when its signal aborts, one that gives up then. */
function stubborn({ app }: Bench): { signals: unknown[]; gate: Gate } {
  const signals: unknown[] = []
  const gate = new Gate()
  const aborted = (): Promise<void> => {
    const { signal } = currentTask()
    return new Promise((resolve) => {
      signal.addEventListener('abort', () => {
        signals.push(signal.reason)
        resolve()
      })
    })
  }
  app.task('gated', () => gate.passed.then(() => 'done'))
  app.task('never', () => new Promise<never>(() => {}))
  app.task('ends', () => aborted().then(() => 'in time'))
  app.task('yields', async () => {
    await aborted()
    throw currentTask().signal.reason
  })
  app.task('early', { acksLate: false }, () => new Promise<never>(() => {}))
  return { signals, gate }
}

describe('a worker that stops', () => {
  test('gives back what it has not started, at once, and finishes what runs', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { gate } = stubborn(bench)
    const made = await bench.worker({ concurrency: 1, prefetch: 3, gracePeriod: '30s' })
    const running = await bench.publish({ task: 'gated' })
    await bench.publish({ task: 'gated', id: 'waits' })
    await bench.publish({ task: 'gated', id: 'is held', eta: '2026-01-01T01:00:00+00:00' })
    await clock.play(0)
    expect(made.stats()).toMatchObject({ running: 1, waiting: 1, held: 1 })
    let hasStopped = false
    const stopping = made.stop().then(() => (hasStopped = true))
    expect(made.state).toBe('stopping')
    await clock.play(0)
    expect(await bench.depth()).toBe(2)
    expect(bench.happened).toEqual(['requeue gated', 'requeue gated'])
    await clock.play(29_000)
    expect(hasStopped).toBe(false)
    gate.open()
    await stopping
    expect(made.state).toBe('stopped')
    expect(await bench.ending(running.id)).toMatchObject({ state: 'SUCCESS' })
    expect(made.stats()).toMatchObject({ succeeded: 1, returned: 2, running: 0, waiting: 0, held: 0 })
  })

  test('takes nothing more', async () => {
    await using bench = new Bench()
    stubborn(bench)
    const made = await bench.worker()
    await made.stop()
    await bench.publish({ task: 'ends' })
    expect(await bench.depth()).toBe(1)
    expect(made.stats()).toMatchObject({ received: 0 })
  })

  test('aborts the signals when the grace period is over; who ends then has a result, who yields is given back', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { signals } = stubborn(bench)
    const made = await bench.worker({ gracePeriod: '10s' })
    const ends = await bench.publish({ task: 'ends' })
    const yields = await bench.publish({ task: 'yields' })
    await clock.play(0)
    const stopping = made.stop()
    await clock.play(9_999)
    expect(signals).toEqual([])
    await clock.play(1)
    await stopping
    expect(signals).toEqual([expect.any(WorkerStopping), expect.any(WorkerStopping)])
    expect(await bench.ending(ends.id)).toMatchObject({ state: 'SUCCESS' })
    expect(await bench.ending(yields.id)).toMatchObject({ state: 'PENDING' })
    expect(bench.happened.toSorted()).toEqual(['ack ends', 'put SUCCESS', 'requeue yields'])
    expect(await bench.depth()).toBe(1)
    expect(bench.logged('running tasks are told to stop')).toEqual([{ running: 2 }])
  })

  test('gives back what does not react at all, soon after that', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    stubborn(bench)
    const made = await bench.worker({ gracePeriod: '10s' })
    await bench.publish({ task: 'never' })
    await clock.play(0)
    const stopping = made.stop()
    await clock.play(10_500)
    await stopping
    expect(bench.happened).toEqual(['requeue never'])
    expect(made.stats()).toMatchObject({ returned: 1, abandoned: 1, retried: 0, rejected: 0 })
    expect(await bench.depth()).toBe(1)
  })

  test('cannot give back what it acknowledged early: who waits is told', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    stubborn(bench)
    const made = await bench.worker({ gracePeriod: 0 })
    const { id } = await bench.publish({ task: 'early' })
    await clock.play(0)
    const stopping = made.stop()
    await clock.play(1_000)
    await stopping
    expect(await bench.ending(id)).toMatchObject({ state: 'FAILURE', excType: 'WorkerLostError' })
    expect(await bench.depth()).toBe(0)
    expect(bench.logged('task was cut off, and does not run again: acksLate is off')).toHaveLength(1)
  })

  test('is hurried by a second stop', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    stubborn(bench)
    const made = await bench.worker({ gracePeriod: '1h' })
    await bench.publish({ task: 'yields' })
    await clock.play(0)
    const stops = [made.stop(), made.stop()]
    await clock.play(1_000)
    await Promise.all(stops)
    expect(bench.happened).toEqual(['requeue yields'])
    expect(clock.now()).toBeLessThan(Date.UTC(2026, 0, 1) + 10_000)
  })

  test('also when the first stop had already waited a while', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    stubborn(bench)
    const made = await bench.worker({ gracePeriod: '1h' })
    await bench.publish({ task: 'yields' })
    await clock.play(0)
    const first = made.stop()
    await clock.play(60_000)
    const second = made.stop()
    await clock.play(1_000)
    await Promise.all([first, second])
    expect(bench.happened).toEqual(['requeue yields'])
  })

  test('with nothing to do does so at once', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    stubborn(bench)
    const made = await bench.worker({ gracePeriod: '1h' })
    await made.stop()
    expect(made.state).toBe('stopped')
  })

  test('does so although the broker does not answer', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    stubborn(bench)
    const { broker } = await bench.app.client()
    const consume = broker.consume.bind(broker)
    broker.consume = async (options) => ({ ...(await consume(options)), cancel: () => new Promise<never>(() => {}) })
    const made = await bench.worker({ gracePeriod: 0 })
    const stopping = made.stop()
    await clock.play(5_000)
    await stopping
    expect(bench.logged('consumer was not cancelled')).toHaveLength(1)
  })
})

describe('a worker', () => {
  test('may be stopped before it is started, started twice, stopped twice, and started again', async () => {
    await using bench = new Bench()
    const add = bench.app.task('add', (x: number, y: number) => x + y)
    const made = worker(bench.app, { gracePeriod: 0 })
    expect(made.state).toBe('stopped')
    await made.stop()
    await Promise.all([made.start(), made.start()])
    expect(made.state).toBe('running')
    expect(await add.delay(1, 1).get(patience)).toBe(2)
    await Promise.all([made.stop(), made.stop()])
    await made.stop()
    expect(made.state).toBe('stopped')
    const stopping = made.start().then(() => made.stop())
    await stopping
    await made.start()
    expect(await add.delay(1, 2).get(patience)).toBe(3)
    const again = made.stop().then(() => undefined)
    await Promise.all([again, made.start()])
    expect(made.state).toBe('running')
    expect(await add.delay(1, 3).get(patience)).toBe(4)
    await made.stop()
    expect(made.stats()).toMatchObject({ succeeded: 3 })
  })

  test('may be stopped while it starts', async () => {
    await using bench = new Bench()
    bench.app.task('add', () => 1)
    const made = worker(bench.app, { gracePeriod: 0 })
    await Promise.all([made.start(), made.stop()])
    expect(made.state).toBe('stopped')
    const { broker } = await bench.app.client()
    expect(await broker.admin?.depth('celery')).toMatchObject({ consumers: 0 })
  })

  test('that cannot start says why, and can be started later', async () => {
    await using bench = new Bench()
    bench.app.task('add', () => 1)
    const { broker } = await bench.app.client()
    const declare = broker.declare.bind(broker)
    let isAway = true
    broker.declare = async (topology) => {
      if (isAway) throw new LovageError('BROKER_UNREACHABLE', { url: 'x', problem: 'away' })
      return declare(topology)
    }
    const made = worker(bench.app)
    await expect(made.start()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' })
    expect(made.state).toBe('stopped')
    await made.stop()
    isAway = false
    await made.start()
    expect(made.state).toBe('running')
    await made.stop()
  })

  test('says what it is when it is ready, and what would surprise', async () => {
    await using bench = new Bench()
    bench.app.task('add', () => 1)
    await bench.worker({ hostname: 'lovage@here', queues: ['a', 'b'], concurrency: 7 })
    expect(bench.logged('worker ready')).toEqual([
      { hostname: 'lovage@here', queues: ['a', 'b'], pool: 'async', concurrency: 7, prefetch: 8, tasks: 1 },
    ])
    await using empty = new Bench()
    await empty.worker()
    expect(empty.logged('no task is defined: every message will be refused')).toHaveLength(1)
  })
})

test('a shutdown from afar that goes wrong is logged, and no rejection that nobody handles', async () => {
  await using bench = new Bench({ hasDelays: true })
  const { broker } = await bench.app.client()
  if (!broker.delays) throw new Error('this broker keeps tasks')
  broker.delays.move = async () => () => Promise.reject(new Error('the mover is gone'))
  const made = await bench.worker({ hostname: 'w1@vm', remoteControl: true })
  await bench.app.control.shutdown({ destination: 'w1@vm' })
  await made.shutdownAsked
  await expect.poll(() => made.state).toBe('stopped')
  expect(bench.logged('worker did not stop well')).toMatchObject([{ error: 'the mover is gone' }])
})
