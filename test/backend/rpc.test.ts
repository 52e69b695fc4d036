import { randomUUID } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { openBackend } from '../../src/backend/open.ts'
import type { ResultBackend } from '../../src/backend/backend.ts'
import { LovageError } from '../../src/base/errors.ts'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import type { Broker, ConsumeOptions, PublishOptions, Topology } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import type { Message } from '../../src/protocol/message.ts'
import { success } from '../../src/testing/backend-suite.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

const ends: (() => unknown)[] = []

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Recorded {
  readonly broker: Broker
  readonly declared: Topology[]
  readonly consumed: ConsumeOptions[]
  readonly published: { message: Message; to: unknown; options: PublishOptions | undefined }[]
  /** Thrown by what is published next, one each. */
  readonly failures: Error[]
  /** The same for declarations. */
  readonly failedDeclarations: Error[]
}

/** A started in-memory broker that writes down what is asked of it. */
async function recorded(url = `memory://${randomUUID()}`): Promise<Recorded> {
  const inner = openBroker(url)
  await inner.start()
  ends.push(() => inner.stop())
  const record: Omit<Recorded, 'broker'> = {
    declared: [],
    consumed: [],
    published: [],
    failures: [],
    failedDeclarations: [],
  }
  const broker = Object.create(inner, {
    kind: { get: () => inner.kind },
    state: { get: () => inner.state },
    declare: {
      value: (topology: Topology) => {
        record.declared.push(topology)
        const failure = record.failedDeclarations.shift()
        return failure ? Promise.reject(failure) : inner.declare(topology)
      },
    },
    consume: {
      value: (options: ConsumeOptions) => {
        record.consumed.push(options)
        return inner.consume(options)
      },
    },
    publish: {
      value: (message: Message, to: { exchange: string; routingKey: string }, options?: PublishOptions) => {
        record.published.push({ message, to, options })
        const failure = record.failures.shift()
        return failure ? Promise.reject(failure) : inner.publish(message, to, options)
      },
    },
  }) as Broker
  return { ...record, broker }
}

async function rpc(broker: Broker, clock?: VirtualClock): Promise<ResultBackend> {
  const backend = openBackend('rpc://', { broker, resultExpiresMs: 86_400_000, ...(clock && { clock }) })
  await backend.start()
  ends.push(() => backend.stop())
  return backend
}

function errorLogs(): LogRecord[] {
  const records: LogRecord[] = []
  ends.push(onLog((record) => void (record.level === 'error' && records.push(record))))
  return records
}

test('the reply queue says that it takes packs, outlives a connection for an hour, and what is read is acknowledged', async () => {
  const { broker, declared, consumed } = await recorded()
  const backend = await rpc(broker)
  expect(backend.replyTo).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.packs$/)
  expect(declared).toEqual([])
  const [a] = await Promise.all([backend.expect('a'), backend.expect('b')])
  expect(declared).toEqual([
    { queues: [{ name: backend.replyTo, durable: true, autoDelete: false, expiresMs: 3_600_000 }] },
  ])
  expect(consumed).toMatchObject([{ queues: [backend.replyTo], prefetch: 0 }])
  expect(consumed[0]?.noAck).toBeUndefined()
  await backend.put(success('a', 1), { replyTo: backend.replyTo ?? '' })
  await a.done
  await backend.stop()
  // Nothing was left unacknowledged that would keep it.
  expect(await broker.admin?.depth(backend.replyTo ?? '')).toBeUndefined()
})

test("a result is the message that Celery's workers publish, and must reach a queue", async () => {
  const { broker, published } = await recorded()
  const backend = await rpc(broker)
  const expectation = await backend.expect('id-1')
  await backend.put(success('id-1', [1, 'é']), { replyTo: backend.replyTo ?? '', correlationId: 'corr-1' })
  expect(published).toMatchObject([
    {
      to: { exchange: '', routingKey: backend.replyTo },
      options: { mandatory: true },
      message: {
        headers: {},
        contentType: 'application/json',
        contentEncoding: 'utf-8',
        // Celery's with result_persistent: a restart of the broker must not lose it.
        deliveryMode: 2,
        correlationId: 'corr-1',
      },
    },
  ])
  expect(Buffer.from(published[0]?.message.body ?? []).toString()).toBe(
    '{"task_id": "id-1", "status": "SUCCESS", "result": [1, "\\u00e9"], "traceback": null, "children": []}',
  )
  await expectation.done
})

test('an outcome that is not final need not outlive the broker, and none need where that is not wanted', async () => {
  const { broker, published } = await recorded()
  const backend = await rpc(broker)
  const replyTo = backend.replyTo ?? ''
  await backend.expect('id-1')
  await backend.put({ ...success('id-1', null), state: 'STARTED' }, { replyTo })
  const careless = openBackend('rpc://', { broker, resultPersistent: false })
  await careless.start()
  await careless.put(success('id-1', 1), { replyTo })
  expect(published.map(({ message }) => message.deliveryMode)).toEqual([1, 1])
  await careless.stop()
})

test('a result whose reply queue comes late is tried again until it is there', async () => {
  const clock = new VirtualClock()
  const logs = errorLogs()
  const { broker, published } = await recorded()
  const backend = await rpc(broker, clock)
  const putting = backend.put(success('a', 1), { replyTo: 'late' })
  await clock.play(1_000)
  expect(published.length).toBeGreaterThan(2)
  await broker.declare({ queues: [{ name: 'late' }] })
  await clock.play(2_000)
  await putting
  expect(await broker.admin?.depth('late')).toMatchObject({ messages: 1 })
  expect(logs).toEqual([])
})

test('a result that nobody can take is given up loudly, and the next for the same queue is tried once', async () => {
  const clock = new VirtualClock()
  const logs = errorLogs()
  const { broker, published } = await recorded()
  const backend = await rpc(broker, clock)
  const putting = backend.put(success('a', 1), { replyTo: 'gone' })
  await clock.play(30_000)
  await putting
  const tries = published.length
  expect(tries).toBeGreaterThan(3)
  expect(logs).toMatchObject([{ room: 'backend', fields: { id: 'a', state: 'SUCCESS', queue: 'gone', tries } }])
  await backend.put(success('b', 1), { replyTo: 'gone' })
  expect(published.length).toBe(tries + 1)
  expect(logs).toMatchObject([{}, { fields: { id: 'b', tries: 1 } }])
  await clock.play(60_000)
  const later = backend.put(success('c', 1), { replyTo: 'gone' })
  await clock.play(30_000)
  await later
  expect(published.length).toBe(2 * tries + 1)
})

test('other failures of the broker are told to who puts', async () => {
  const { broker, failures } = await recorded()
  const backend = await rpc(broker)
  failures.push(new LovageError('PUBLISH_TIMEOUT', { timeoutMs: 1 }))
  await expect(backend.put(success('a', 1), { replyTo: 'q' })).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT' })
})

test('stopping ends the tries', async () => {
  const clock = new VirtualClock()
  const { broker } = await recorded()
  const backend = await rpc(broker, clock)
  const putting = backend.put(success('a', 1), { replyTo: 'gone' }).catch((error: unknown) => error)
  await clock.play(100)
  await backend.stop()
  expect(await putting).toMatchObject({ code: 'BROKER_CLOSED' })
  await expect(backend.put(success('b', 1), { replyTo: 'gone' })).rejects.toMatchObject({ code: 'BROKER_CLOSED' })
})

test.each([
  ['no JSON', '{', 'application/json'],
  ['no result', '[1]', 'application/json'],
  ['no id', '{"status": "SUCCESS", "result": 1}', 'application/json'],
  ['of a type that is not read', 'x', 'application/x-python-serialize'],
])('a reply that is %s is told and harms no other', async (_, text, contentType) => {
  const logs = errorLogs()
  const { broker } = await recorded()
  const backend = await rpc(broker)
  const expectation = await backend.expect('good')
  const bad: Message = {
    headers: {},
    body: Buffer.from(text),
    contentType,
    contentEncoding: 'utf-8',
    deliveryMode: 1,
    correlationId: 'bad',
  }
  await broker.publish(bad, { exchange: '', routingKey: backend.replyTo ?? '' })
  await backend.put(success('good', 1), { replyTo: backend.replyTo ?? '' })
  expect((await expectation.done).state).toBe('SUCCESS')
  expect(logs).toMatchObject([
    { room: 'backend', message: 'result cannot be read', fields: { id: 'bad', contentType } },
  ])
})

test('the results of one turn for one client go as one message, and to a client of Python each alone', async () => {
  const { broker, published } = await recorded()
  const backend = await rpc(broker)
  const ids = ['a', 'b', 'c']
  const expectations = await Promise.all(ids.map((id) => backend.expect(id)))
  const put = (replyTo: string): Promise<unknown> =>
    Promise.all(ids.map((id, runMs) => backend.put({ ...success(id, id), runMs }, { replyTo })))
  await put(backend.replyTo ?? '')
  expect(published).toHaveLength(1)
  expect(published[0]?.message).toMatchObject({ contentType: 'application/x-lovage-results', deliveryMode: 2 })
  const outcomes = await Promise.all(expectations.map(({ done }) => done))
  expect(outcomes.map(({ id, runMs }) => [id, runMs])).toEqual([...ids.entries()].map(([runMs, id]) => [id, runMs]))
  await broker.declare({ queues: [{ name: 'python', durable: false, autoDelete: false }] })
  await put('python')
  expect(published).toHaveLength(4)
  expect(published.slice(1).map(({ message }) => message.contentType)).toEqual(ids.map(() => 'application/json'))
})

test('a pack that the broker does not take is told to each who put a part of it', async () => {
  const { broker, failures } = await recorded()
  const backend = await rpc(broker)
  await backend.expect('a')
  failures.push(new LovageError('PUBLISH_REFUSED', { queue: 'x' }))
  const puts = ['a', 'b'].map((id) => backend.put(success(id, 1), { replyTo: backend.replyTo ?? '' }))
  const told = await Promise.allSettled(puts)
  expect(told.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})

test('a pack whose queue was not there is tried again, all of it', async () => {
  const clock = new VirtualClock()
  const { broker, failures } = await recorded()
  const backend = await rpc(broker, clock)
  const expectations = await Promise.all(['a', 'b'].map((id) => backend.expect(id)))
  failures.push(new LovageError('UNROUTABLE', { routingKey: 'x' }))
  const puts = ['a', 'b'].map((id) => backend.put(success(id, 1), { replyTo: backend.replyTo ?? '' }))
  await clock.play(1_000)
  await Promise.all(puts)
  expect((await Promise.all(expectations.map(({ done }) => done))).map(({ id }) => id)).toEqual(['a', 'b'])
})

test('a reply queue that could not be made is tried again with the next expectation', async () => {
  const { broker, failedDeclarations } = await recorded()
  const backend = await rpc(broker)
  failedDeclarations.push(new LovageError('TOPOLOGY_MISMATCH'))
  await expect(backend.expect('a')).rejects.toMatchObject({ code: 'TOPOLOGY_MISMATCH' })
  const expectation = await backend.expect('a')
  await backend.put(success('a', 1), { replyTo: backend.replyTo ?? '' })
  expect((await expectation.done).state).toBe('SUCCESS')
})

test('a URL that no result backend speaks is refused without its password', () => {
  const broker = openBroker('memory://x')
  expect(() => openBackend('pigeon://:secret@there', { broker })).toThrow(
    expect.objectContaining({ code: 'URL_UNSUPPORTED', fix: expect.stringContaining('rpc://') as string }) as Error,
  )
  expect(() => openBackend('://:secret@there', { broker })).toThrow(/^((?!secret).)*$/)
})
