import { describe, expect, test } from 'vitest'
import { currentTask, Reject } from '../../src/index.ts'
import { plainHeader } from '../../src/protocol/headers.ts'
import { encodeBody, encodeTask, newRequest, retryOf } from '../../src/protocol/task-message.ts'
import type { Message } from '../../src/protocol/message.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { Bench, Gate, waiting } from './bench.ts'

const COUNT = 'x-lovage-starts'

function message(
  task: string,
  label: string,
  count?: Message['headers'][string],
  more: Partial<Message> = {},
): Message {
  const request = newRequest({ id: label, task, body: encodeBody([label], {}), custom: { tenant: 'a' } })
  const made = encodeTask(request)
  return { ...made, ...more, headers: { ...made.headers, ...(count !== undefined && { [COUNT]: count }) } }
}

/** All that is published on the bench's broker to the queue of tasks from now on. */
async function published(bench: Bench): Promise<Message[]> {
  const { broker } = await bench.app.client()
  const messages: Message[] = []
  const publish = broker.publish.bind(broker)
  broker.publish = async (sent, to, options) => {
    if (to.routingKey === 'celery') messages.push(sent)
    await publish(sent, to, options)
  }
  return messages
}

function counts(messages: readonly Message[]): unknown[] {
  return messages.map(({ headers }) => `${String(headers.id)} ${String(plainHeader(headers[COUNT]))}`)
}

describe('a message that was given out before', () => {
  test('is replaced by a copy with its count, which runs; the rest of it is as it was', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    const copies = await published(bench)
    const more = { priority: 3, expirationMs: 60_000, replyTo: 'somewhere', userId: 'guest' }
    const old = message('wait', 'a', undefined, more)
    bench.redeliver(old)
    await expect.poll(() => begun).toEqual(['a'])
    const { userId: _, ...kept } = old
    expect(copies).toEqual([{ ...kept, headers: { ...old.headers, [COUNT]: 1 } }])
    expect(bench.happened).toEqual(['ack wait'])
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, started: 1, lost: 0, returned: 0 })
    expect(bench.logged('task starts again')).toMatchObject([{ id: 'a', starts: 1, limit: 5 }])
  })

  test('is acknowledged only when the copy is confirmed', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    await bench.worker()
    const { broker } = await bench.app.client()
    const gate = new Gate()
    const publish = broker.publish.bind(broker)
    broker.publish = async (...given) => {
      await gate.passed
      await publish(...given)
    }
    bench.redeliver(message('wait', 'a'))
    await Promise.resolve()
    expect(bench.happened).toEqual([])
    gate.open()
    await expect.poll(() => begun).toEqual(['a'])
    expect(bench.happened).toEqual(['ack wait'])
    release()
  })

  test('has a copy that is adopted when it comes again itself', async () => {
    await using bench = new Bench()
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    bench.redeliver(message('wait', 'a'))
    await expect.poll(() => begun).toEqual(['a'])
    bench.redeliver(message('wait', 'a', 1))
    expect(made.stats()).toMatchObject({ adopted: 1, running: 1 })
    release()
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1 })
    expect(begun).toEqual(['a'])
  })

  test('has a copy that starts when the message is acknowledged, not before, and that may come again meanwhile', async () => {
    await using bench = new Bench()
    const began: string[] = []
    bench.app.task('t', (_label: string) => void began.push(bench.happened.join()))
    const made = await bench.worker({ prefetch: 200 })
    const { broker } = await bench.app.client()
    const published = new Gate()
    const publish = broker.publish.bind(broker)
    // The broker has the copy, and its confirmation is on the way.
    broker.publish = (...given) => publish(...given).then(() => published.passed)
    bench.redeliver(message('t', 'late'))
    await expect.poll(() => made.stats()).toMatchObject({ received: 2, started: 0 })
    // Whoever had the copy died: it comes to the worker that still has the message itself in hand.
    bench.redeliver(message('t', 'late', 1))
    expect(made.stats()).toMatchObject({ adopted: 1 })
    expect(bench.happened).toEqual([])
    published.open()
    await expect.poll(() => made.stats()).toMatchObject({ started: 1, succeeded: 1 })
    expect(began).toEqual(['ack t'])
    expect(bench.happened).toEqual(['ack t', 'put SUCCESS', 'ack t', 'ack t'])
  })

  test('runs as it is when it is acknowledged before its start: it cannot have started', async () => {
    await using bench = new Bench()
    bench.app.task('early', { acksLate: false }, (label: string) => label)
    const made = await bench.worker()
    const copies = await published(bench)
    bench.redeliver(message('early', 'a', 5))
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1 })
    expect(copies).toEqual([])
  })

  test.each(['many', -1, 1.5, null, 2n ** 60n])(
    'with the count %s begins to count anew, with a warning',
    async (count) => {
      await using bench = new Bench()
      const { begun, release } = waiting(bench)
      await bench.worker()
      const copies = await published(bench)
      bench.redeliver(message('wait', 'a', count))
      await expect.poll(() => begun).toEqual(['a'])
      expect(counts(copies)).toEqual(['a 1'])
      expect(bench.logged('count of starts cannot be read: taken as 0').length).toBeGreaterThan(0)
      release()
    },
  )

  test('too often ends as FAILURE WorkerLostError and in the dead letters, and its count with it', async () => {
    await using bench = new Bench({ maxDeliveries: 2 })
    const { begun, release } = waiting(bench)
    const made = await bench.worker()
    bench.redeliver(message('wait', 'last', 1))
    await expect.poll(() => begun).toEqual(['last'])
    bench.redeliver(message('wait', 'over', 2))
    await expect.poll(() => made.stats()).toMatchObject({ dead: 1, failed: 1 })
    const text = 'Task wait came back 3 times without an end: maxDeliveries is 2'
    expect(await bench.ending('over')).toEqual({ state: 'FAILURE', excType: 'WorkerLostError', args: [text] })
    const [letter] = await bench.dead()
    expect(letter).toMatchObject({ id: 'over', reason: { code: 'DELIVERIES_EXHAUSTED', message: text } })
    expect(letter?.message.headers).not.toHaveProperty(COUNT)
    expect(letter?.message.headers).toMatchObject({ tenant: 'a' })
    expect(begun).toEqual(['last'])
    release()
  })

  test('for the second time waits until another such task has ended', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ concurrency: 4 })
    for (const label of ['a', 'b', 'c']) bench.redeliver(message('wait', label, 1))
    await bench.publish({ task: 'wait' }, ['innocent'])
    await clock.play(0)
    expect(begun.toSorted()).toEqual(['a', 'innocent'])
    expect(made.stats()).toMatchObject({ waiting: 2 })
    await clock.play(5_000)
    expect(made.stats()).toMatchObject({ waiting: 2 })
    release()
    await clock.play(0)
    expect(begun).toHaveLength(3)
    release()
    await clock.play(0)
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 4, waiting: 0 })
  })
})

describe('one of several that wait their turn', () => {
  test('does not keep those behind it when it has expired', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { begun, release } = waiting(bench)
    const made = await bench.worker({ concurrency: 4 })
    const expires = { expires: new Date(clock.now() + 1_000).toISOString() }
    bench.redeliver(message('wait', 'first', 1))
    const old = message('wait', 'expired', 1)
    bench.redeliver({ ...old, headers: { ...old.headers, ...expires } })
    bench.redeliver(message('wait', 'last', 1))
    await clock.play(2_000)
    expect(begun).toEqual(['first'])
    release()
    await clock.play(0)
    expect(begun).toEqual(['first', 'last'])
    release()
    await clock.play(0)
    expect(made.stats()).toMatchObject({ succeeded: 2, revoked: 1, waiting: 0 })
  })
})

describe('a message with a count', () => {
  test('that has not started goes back as a copy with the same count when the worker stops', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    const { release } = waiting(bench)
    const made = await bench.worker({ concurrency: 1, prefetch: 3, gracePeriod: '10s' })
    await bench.send(message('wait', 'runs'))
    await bench.send(message('wait', 'waits', 2))
    await bench.send(message('wait', 'plain'))
    await clock.play(0)
    const copies = await published(bench)
    const stopping = made.stop()
    await clock.play(0)
    expect(counts(copies)).toEqual(['waits 2'])
    expect(bench.happened.toSorted()).toEqual(['ack wait', 'requeue wait'])
    release()
    await clock.play(1_000)
    await stopping
    expect(made.stats()).toMatchObject({ returned: 2, succeeded: 1 })
    expect(await bench.depth()).toBe(2)
  })

  test('goes back as it is when no copy can be sent', async () => {
    const clock = new VirtualClock()
    await using bench = new Bench({ clock })
    waiting(bench)
    const made = await bench.worker({ concurrency: 1 })
    await bench.send(message('wait', 'runs'))
    await bench.send(message('wait', 'waits', 2))
    await clock.play(0)
    const { broker } = await bench.app.client()
    broker.publish = () => Promise.reject(new Error('down'))
    const stopping = made.stop()
    await clock.play(30_000)
    await stopping
    expect(bench.happened).toEqual(['requeue wait', 'requeue wait'])
    expect(await bench.depth()).toBe(2)
  })

  test('that its task gives back keeps its count', async () => {
    await using bench = new Bench()
    let runs = 0
    bench.app.task('picky', () => {
      if (++runs < 10) throw new Reject('not now', { requeue: true })
    })
    const made = await bench.worker()
    const copies = await published(bench)
    await bench.publish({ task: 'picky', id: 'a' })
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, returned: 9 })
    expect(counts(copies)).toEqual(['a undefined', ...Array.from({ length: 9 }, () => 'a 1')])
  })

  test('that retries begins to count anew', async () => {
    await using bench = new Bench()
    bench.app.task('flaky', { maxRetries: 1 }, (_label: string) => {
      const { retries, retry } = currentTask()
      if (retries === 0) throw retry({ countdown: 1 })
    })
    const made = await bench.worker()
    const copies = await published(bench)
    await bench.send(message('flaky', 'a', 4))
    await expect.poll(() => made.stats()).toMatchObject({ succeeded: 1, retried: 1 })
    expect(counts(copies).at(-1)).toBe('a undefined')
    const custom = { tenant: 'a', [COUNT]: 4 }
    expect(retryOf(newRequest({ id: 'i', task: 't', custom }), { eta: null }).custom).toEqual({ tenant: 'a' })
  })
})
