import { describe, expect, test } from 'vitest'
import { currentTask, Reject } from '../../src/index.ts'
import type { Message } from '../../src/protocol/message.ts'
import { Gate, waiting } from './bench.ts'
import { message, options, stage, tells, TIMEOUT_MS } from './lease-stage.ts'

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
    bench.redeliver(message('first'))
    await clock.play(1_000)
    bench.redeliver(message('a', { 'x-lovage-starts': 2 }))
    await clock.play(0)
    expect(begun).toEqual(['first'])
    gate.open()
    await clock.play(1_000)
    expect(begun).toEqual(['first', 'a'])
    // Two starts in vain, a third that has brought it here, and this one.
    expect(tells(copies)).toEqual(['a 4'])
    expect(bench.happened).toEqual(['ack wait', 'ack wait'])
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 2 })
  })

  test('goes to the end of its queue, counted, and starts at once where there is no queue of leases yet', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const { begun } = waiting(bench)
    await bench.worker({ consumerTimeout: '30m' })
    bench.redeliver(message('a'))
    await clock.play(0)
    expect(begun).toEqual(['a'])
    expect(copies).toEqual([])
    expect(bench.happened).toEqual(['ack wait'])
  })

  test('goes to the end of its queue, counted, when there is no lease to be had', async () => {
    await using on = await stage()
    const { bench, clock, copies } = on
    const { begun } = waiting(bench)
    await bench.worker(options)
    on.hold = () => Promise.reject(new Error('refused'))
    bench.redeliver(message('a'))
    await clock.play(1_000)
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
    await clock.play(1_000)
    expect(begun).toEqual(['first'])
    expect(tells(copies)).toEqual(['second 2'])
    release()
    await clock.play(0)
    expect(begun).toEqual(['first', 'second'])
    expect(tells(copies)).toEqual(['second 2', 'second 3'])
  })
})

test('a task that starts while its wait is being told of is told of as a start', async () => {
  await using on = await stage()
  const { bench, clock, copies } = on
  const { begun, release } = waiting(bench)
  await bench.worker(options)
  const lease = { 'x-lovage-lease': 'old', 'x-lovage-starts': 2 }
  await bench.send(message('first', lease))
  await bench.send(message('second', lease))
  // The queue of leases is young, and takes nothing yet.
  await clock.play(TIMEOUT_MS / 32)
  release()
  await clock.play(0)
  expect(begun).toEqual(['first', 'second'])
  expect(copies).toEqual([])
  const gate = new Gate()
  on.hold = () => gate.passed
  await clock.play(TIMEOUT_MS / 16)
  gate.open()
  await clock.play(0)
  expect(tells(copies)).toEqual(['second 3'])
})

test('a worker that gives up before its queue of leases is old enough sends nothing there', async () => {
  await using on = await stage()
  const { bench, clock, copies, broker } = on
  const { begun } = waiting(bench)
  const made = await bench.worker({ consumerTimeout: '8m', gracePeriod: 500 })
  await bench.send(message('a'))
  // The third look at it finds it a quarter of its time old: the queue is declared, and too young.
  await clock.play(3 * 60_000 + 1_000)
  expect(on.exchange()).not.toBe('')
  const stopping = made.stop()
  await clock.play(20_000)
  await stopping
  expect(copies).toEqual([])
  expect(begun).toEqual(['a'])
  expect(bench.happened).toEqual(['requeue wait'])
  expect(bench.logged('stopped with messages in hand')).toEqual([])
  expect(await broker.admin?.depth(on.exchange())).toBeUndefined()
})

test('a worker takes as many leases at a time as it has messages in hand', async () => {
  await using on = await stage()
  const { bench, clock } = on
  const { begun } = waiting(bench)
  const made = await bench.worker({ ...options, concurrency: 1_501 })
  const gate = new Gate()
  on.hold = () => gate.passed
  bench.redeliver(message('first'))
  await clock.play(1_000)
  for (let i = 0; i < 1_500; i++) bench.redeliver(message(`${i}`))
  await clock.play(1_000)
  gate.open()
  await clock.play(0)
  expect(made.stats()).toMatchObject({ leased: 1_500, adopted: 0, running: 1_501 })
  expect(begun).toHaveLength(1_501)
})

test('a task that is acknowledged early does not start in a worker that gives up while its message is being moved', async () => {
  await using on = await stage()
  const { bench, clock, copies } = on
  const begun: string[] = []
  bench.app.task('wait', { acksLate: false }, (label: string) => void begun.push(label))
  const made = await bench.worker({ consumerTimeout: '8m' })
  // Seen after a minute, moved after three: its time comes while the queue of leases is young.
  await bench.send(message('a', { eta: new Date(clock.now() + 181_000).toISOString() }))
  await clock.play(181_500)
  expect(made.stats()).toMatchObject({ held: 0, running: 0, leased: 0 })
  const stopping = made.stop()
  await clock.play(20_000)
  await stopping
  expect({ begun, copies, happened: bench.happened }).toEqual({ begun: [], copies: [], happened: ['requeue wait'] })
  expect(await bench.depth()).toBe(1)
})

test('the copy of a message that was handed back here is what comes again when the connection is lost', async () => {
  await using on = await stage()
  const { bench, clock } = on
  let starts = 0
  bench.app.task('wait', async (_label: string) => {
    if (++starts === 1) throw new Reject('not now', { requeue: true })
    await new Promise(() => {})
  })
  const made = await bench.worker(options)
  await bench.send(message('a', { 'x-lovage-starts': 1 }))
  await clock.play(0)
  expect(starts).toBe(2)
  bench.redeliver(message('a', { 'x-lovage-starts': 1 }))
  await clock.play(1_000)
  expect(made.stats()).toMatchObject({ adopted: 1, running: 1 })
  expect(starts).toBe(2)
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
