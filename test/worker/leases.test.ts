import { describe, expect, test } from 'vitest'
import type { Broker, Topology } from '../../src/broker/broker.ts'
import { currentTask } from '../../src/index.ts'
import type { Message } from '../../src/protocol/message.ts'
import { encodeBody, encodeTask, newRequest } from '../../src/protocol/task-message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, Gate, waiting } from './bench.ts'

const TIMEOUT_MS = 8_000
const options = { consumerTimeout: TIMEOUT_MS }

interface Stage {
  readonly bench: Bench
  readonly clock: VirtualClock
  readonly broker: Broker
  /** Every copy that was published to a lease. */
  readonly copies: Message[]
  /** What a publish of such a copy waits for. */
  hold: () => Promise<void>
  /** The exchange of leases. */
  exchange: () => string
}

/** A bench whose broker says that it takes messages back, as RabbitMQ does. It does not: nobody comes to that. */
async function stage(): Promise<Stage & AsyncDisposable> {
  const clock = new VirtualClock()
  const bench = new Bench({ clock })
  const { broker } = await bench.app.client()
  Object.assign(broker, { hasConsumerTimeout: true })
  const declared: Topology[] = []
  const declare = broker.declare.bind(broker)
  broker.declare = async (topology) => {
    declared.push(topology)
    await declare(topology)
  }
  const copies: Message[] = []
  const publish = broker.publish.bind(broker)
  const made = {
    bench,
    clock,
    broker,
    copies,
    hold: () => Promise.resolve(),
    exchange: () =>
      declared.flatMap(({ exchanges = [] }) => exchanges).find(({ type }) => type === 'fanout')?.name ?? '',
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  }
  broker.publish = async (message, to, given) => {
    if (to.exchange !== '' && to.exchange === made.exchange()) {
      await made.hold()
      copies.push(message)
    }
    await publish(message, to, given)
  }
  return made
}

function message(id: string, headers: Message['headers'] = {}): Message {
  const made = encodeTask(newRequest({ id, task: 'wait', body: encodeBody([id], {}) }))
  return { ...made, headers: { ...made.headers, ...headers } }
}

const tells = (copies: readonly Message[]): unknown[] =>
  copies.map(({ headers }) => `${String(headers.id)} ${String(headers['x-lovage-starts'])}`)

describe('a message in hand', () => {
  test('is moved before half of the time has passed, and again, whether it runs or is held', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const { begun, release } = waiting(bench)
    const made = await bench.worker(options)
    const [early, held] = [message('runs'), message('held', { eta: new Date(clock.now() + 60_000).toISOString() })]
    await bench.send({ ...early, userId: 'guest', expirationMs: 100_000 })
    await bench.send(held)
    await clock.play(TIMEOUT_MS / 4 - 1)
    expect(made.stats()).toMatchObject({ leased: 0, running: 1, held: 1 })
    await clock.play(TIMEOUT_MS / 4)
    // What runs counts as a start that did not end, should it ever come back; what is held does not.
    expect(tells(copies)).toEqual(['runs 1', 'held undefined'])
    expect(copies[0]).not.toHaveProperty('userId')
    expect(copies[0]).not.toHaveProperty('expirationMs')
    expect(bench.happened).toEqual(['ack wait', 'ack wait'])
    expect(await bench.depth()).toBe(0)
    await clock.play(TIMEOUT_MS)
    expect(made.stats().leased).toBeGreaterThanOrEqual(6)
    expect(bench.happened).toHaveLength(made.stats().leased)
    expect(begun).toEqual(['runs'])
    release()
    await clock.play(60_000)
    expect(begun).toEqual(['runs', 'held'])
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 2, lost: 0, adopted: 0 })
    // The last of its copies told of no start: it was moved once more before there was one.
    expect(tells(copies).at(-1)).toBe('held 1')
  })

  test('stays what it is while a copy cannot be sent, and is moved when one can', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { release } = waiting(bench)
    const made = await bench.worker(options)
    on.hold = () => Promise.reject(new Error('down'))
    await bench.send(message('a'))
    await clock.play(TIMEOUT_MS)
    expect(made.stats()).toMatchObject({ leased: 0, running: 1 })
    expect(bench.happened).toEqual([])
    expect(bench.logged('message could not be moved under a lease').length).toBeGreaterThan(1)
    on.hold = () => Promise.resolve()
    await clock.play(TIMEOUT_MS / 4)
    expect(made.stats()).toMatchObject({ leased: 1 })
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 1 })
    expect(bench.happened).toEqual(['ack wait', 'put SUCCESS', 'ack wait'])
  })

  test('whose task ends while its copy is on the way is acknowledged with it, after the result is stored', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { release } = waiting(bench)
    const made = await bench.worker(options)
    const gate = new Gate()
    on.hold = () => gate.passed
    await bench.send(message('a'))
    await clock.play(TIMEOUT_MS / 2)
    release()
    await clock.play(0)
    expect(bench.happened).toEqual(['put SUCCESS'])
    gate.open()
    await clock.play(0)
    expect(bench.happened).toEqual(['put SUCCESS', 'ack wait', 'ack wait'])
    expect(made.stats()).toMatchObject({ succeeded: 1, lost: 0 })
  })

  test('takes no credit under a lease, so that not more come than the worker can hold', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ ...options, concurrency: 2, prefetch: 3 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) await bench.send(message(id))
    await clock.play(TIMEOUT_MS / 2)
    expect(made.stats()).toMatchObject({ running: 2, leased: 2 })
    expect(bench.prefetches.filter((prefetch) => prefetch > 0).at(-1)).toBe(1)
    await clock.play(10 * TIMEOUT_MS)
    expect(begun).toEqual(['a', 'b'])
    // One is ready to start; the others are for whoever is free.
    expect(await bench.depth()).toBe(2)
    release()
    await clock.play(0)
    release()
    await clock.play(0)
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 5 })
    expect(bench.prefetches.at(-1)).toBe(3)
    expect(begun.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  test('that waits for a slot is given back: as it is once, and then as a new one', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    waiting(bench)
    const made = await bench.worker({ ...options, concurrency: 1, prefetch: 2 })
    await bench.send(message('runs'))
    await bench.send(message('waits'))
    await clock.play(TIMEOUT_MS / 2)
    expect(bench.happened).toEqual(['requeue wait', 'ack wait'])
    expect(made.stats()).toMatchObject({ received: 3, waiting: 1, leased: 1 })
    await clock.play(TIMEOUT_MS / 2)
    expect(made.stats().returned).toBeGreaterThanOrEqual(2)
    expect(bench.happened.filter((what) => what === 'requeue wait')).toHaveLength(1)
    expect(copies.every(({ headers }) => headers.id === 'runs')).toBe(true)
  })

  test('goes back to its queue when the worker stops, and the queue of leases with the worker', async () => {
    await using on = await stage()
    const { bench, clock, broker } = on
    waiting(bench)
    const made = await bench.worker({ ...options, gracePeriod: 0 })
    await bench.send(message('a'))
    await clock.play(TIMEOUT_MS / 2)
    const stopping = made.stop()
    await clock.play(10_000)
    await stopping
    expect(made.stats()).toMatchObject({ leased: 1, returned: 1 })
    expect(await bench.depth()).toBe(1)
    expect(await broker.admin?.depth(on.exchange())).toBeUndefined()
    const found: unknown[] = []
    await broker.admin?.visit('celery', 1, ({ message: { headers } }) => void found.push(Object.keys(headers)))
    expect(found).toEqual([Object.keys(message('a').headers)])
  })

  test('is left alone where there is no such limit', async () => {
    await using on = await stage()
    const { bench, clock } = on
    waiting(bench)
    const made = await bench.worker({ consumerTimeout: 0 })
    await bench.send(message('a'))
    await clock.play(86_400_000)
    expect(made.stats()).toMatchObject({ leased: 0, running: 1 })
    expect(on.exchange()).toBe('')
  })
})

describe('a message that came back from a lease', () => {
  const death = (queue: string) => ({ queue, reason: 'expired', count: 1 })
  const ofOurs = {
    'x-lovage-lease': 'one',
    'x-first-death-queue': 'lovage.lease.w.1',
    'x-first-death-reason': 'expired',
    'x-death': [death('lovage.lease.w.1')],
  }

  test('starts at once, without a trace of where it was, and its task knows that it starts again', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const seen: unknown[] = []
    bench.app.task('wait', (_label: string) => {
      const { request, delivery } = currentTask()
      seen.push([Object.keys(request.custom), delivery.redelivered])
    })
    const made = await bench.worker(options)
    await bench.send(message('a', { ...ofOurs, 'x-lovage-starts': 1 }))
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 1 })
    expect(seen).toEqual([[['x-lovage-starts'], true]])
    expect(copies).toEqual([])
  })

  test('keeps what another queue has written about it', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const seen: unknown[] = []
    bench.app.task('wait', (_label: string) => void seen.push(currentTask().request.custom))
    await bench.worker(options)
    const others = { 'x-first-death-queue': 'later', 'x-death': [death('lovage.lease.w.1'), death('later')] }
    await bench.send(message('a', { 'x-lovage-lease': 'one', ...others }))
    await clock.play(0)
    expect(seen).toEqual([{ 'x-first-death-queue': 'later', 'x-death': [death('later')] }])
  })

  test('too often ends in the dead letters', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { begun } = waiting(bench)
    const made = await bench.worker(options)
    await bench.send(message('a', { ...ofOurs, 'x-lovage-starts': 6 }))
    await clock.play(0)
    expect(made.stats()).toMatchObject({ dead: 1, failed: 1 })
    expect(begun).toEqual([])
    expect(await bench.dead()).toMatchObject([{ id: 'a', reason: { code: 'DELIVERIES_EXHAUSTED' } }])
  })

  test('while its task still runs here is that of the task, and does not start another', async () => {
    await using on = await stage()
    const { bench, clock } = on
    const { begun, release } = waiting(bench)
    const made = await bench.worker(options)
    await bench.send(message('a'))
    await clock.play(0)
    await bench.send(message('a', { ...ofOurs, 'x-lovage-starts': 1 }))
    await clock.play(0)
    expect(made.stats()).toMatchObject({ adopted: 1, running: 1 })
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 1 })
    expect(begun).toEqual(['a'])
  })
})

describe('a message that was given out before', () => {
  test('is under a lease when it starts, which tells of that start', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const { begun, release } = waiting(bench)
    const made = await bench.worker(options)
    const gate = new Gate()
    on.hold = () => gate.passed
    bench.redeliver(message('a', { 'x-lovage-starts': 2 }))
    await clock.play(0)
    expect(begun).toEqual([])
    gate.open()
    await clock.play(0)
    expect(begun).toEqual(['a'])
    // Two starts in vain, a third that has brought it here, and this one.
    expect(tells(copies)).toEqual(['a 4'])
    expect(bench.happened).toEqual(['ack wait'])
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 1 })
  })

  test('goes to the end of its queue, counted, when there is no lease to be had', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const { begun } = waiting(bench)
    await bench.worker(options)
    on.hold = () => Promise.reject(new Error('refused'))
    bench.redeliver(message('a'))
    await clock.play(0)
    expect(begun).toEqual(['a'])
    expect(copies).toEqual([])
    expect(bench.happened).toEqual(['ack wait'])
  })

  test('and waits for another does not count its wait for a start', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const { begun, release } = waiting(bench)
    await bench.worker(options)
    const lease = { 'x-lovage-lease': 'old', 'x-lovage-starts': 2 }
    await bench.send(message('first', lease))
    await bench.send(message('second', lease))
    await clock.play(0)
    expect(begun).toEqual(['first'])
    expect(tells(copies)).toEqual(['second 2'])
    release()
    await clock.play(0)
    expect(begun).toEqual(['first', 'second'])
    expect(tells(copies)).toEqual(['second 2', 'second 3'])
  })
})

test('a copy under lease that nobody knows goes back to its queue, without the start that was not', async () => {
  await using on = await stage()
  const { bench, clock, broker } = on
  const { begun } = waiting(bench)
  await bench.worker(options)
  await bench.send(message('a'))
  await clock.play(TIMEOUT_MS / 2)
  const stray = message('b', { 'x-lovage-starts': 3, 'x-lovage-lease': 'whose' })
  const seen: Message[] = []
  const publish = broker.publish.bind(broker)
  broker.publish = (sent, to, given) => {
    if (to.routingKey === 'celery' && to.exchange === '') seen.push(sent)
    return publish(sent, to, given)
  }
  await broker.publish(stray, { exchange: on.exchange(), routingKey: 'celery' })
  await clock.play(0)
  expect(tells(seen)).toEqual(['b 2'])
  expect(begun).toEqual(['a', 'b'])
})
