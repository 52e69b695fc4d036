import { beforeEach, describe, expect, test } from 'vitest'
import { ASK } from '../../../src/broker/embedded/wire/frames.ts'
import type { ByteWriter } from '../../../src/broker/embedded/wire/byte-writer.ts'
import { writeTable } from '../../../src/broker/embedded/wire/value-codec.ts'
import type { Headers } from '../../../src/protocol/headers.ts'
import { FakeClient } from './fake-client.ts'
import { FakeFiles } from '../../../src/testing/simulator/fake-files.ts'
import { KeptEngine, turns } from './kept-engine.ts'

const MiB = 2 ** 20
const MOST_BEHIND = 8 * MiB

let files: FakeFiles
let engine: KeptEngine
beforeEach(() => {
  files = new FakeFiles()
  engine = new KeptEngine(files)
})

/** A message that begins as one, and then is none. */
function publishNonsense(client: FakeClient, queue: string, rest: (writer: ByteWriter) => void): void {
  client.ask(ASK.publish, (writer) => {
    writer.u8(1)
    writer.text('')
    writer.text(queue)
    rest(writer)
  })
}

test('a message that nobody can read is refused, and its sender goes on', async () => {
  await engine.declare({ name: 'q', messageTtlMs: 10, arguments: { 'x-dead-letter-exchange': '' } })
  const client = new FakeClient(engine)
  publishNonsense(client, 'q', (writer) => writer.u8(1))
  publishNonsense(client, 'q', (writer) => {
    writer.u16(1 << 9)
    writer.u8(0)
    writer.f64(0)
    writer.u32(9999)
  })
  publishNonsense(client, 'q', (writer) => {
    writer.u16((1 << 9) | (1 << 7))
    writer.u8(0)
    writer.f64(Number.NaN)
    writer.text('text/plain')
    writer.text('utf-8')
    writeTable(writer, {})
  })
  await turns()
  client.read()
  expect(client.failures.map(({ code }) => code)).toEqual(['PUBLISH_REFUSED', 'PUBLISH_REFUSED', 'PUBLISH_REFUSED'])
  expect(client.destroyed).toBe(false)
  expect(engine.server.engine.depth('q')?.messages).toBe(0)
})

test('a queue whose limits are none is refused', async () => {
  const client = new FakeClient(engine)
  for (const limits of [{ messageTtlMs: 'x' }, { expiresMs: -1 }, { maxLength: Number.NaN }, { maxPriority: 1e9 }]) {
    client.ask(ASK.declare, (writer) =>
      writeTable(writer, { queues: [{ name: 'q', ...limits }] } as unknown as Headers),
    )
  }
  await turns()
  client.read()
  expect(client.failures.map(({ code }) => code)).toEqual(Array(4).fill('ENCODE_FAILED'))
  expect(engine.server.engine.depth('q')).toBeUndefined()
})

test.each([
  { op: 'set', key: 'a:b', value: 'x' },
  { op: 'set', value: 'x', ttlMs: 1000 },
  { op: 'set', key: 'a:b', value: 5, ttlMs: 1000 },
  { op: 'append', key: 'a:b', value: 'x', ttlMs: 1000, maxEntries: -1 },
  { op: 'put', key: 'a:b', atMs: 5, value: 'x' },
  { op: 'lease', key: 'a:b', ttlMs: Number.NaN, holder: 'h', slots: 1 },
  { op: 'constructor' },
])('what is no operation of the tables ends its client, and leaves nothing in the journal: %j', async (operation) => {
  const sane = new FakeClient(engine)
  const client = new FakeClient(engine)
  client.ask(ASK.operate, (writer) => writeTable(writer, operation as unknown as Headers))
  expect(client.destroyed).toBe(true)
  sane.putResult('k', Buffer.from('v'))
  await engine.durable()
  const next = new KeptEngine(files)
  expect(next.server.results.get('k')?.value.toString()).toBe('v')
  expect(next.server.tables.bytes).toBe(0)
})

test('a result that is kept for no known time ends its client, and others run out in their time', async () => {
  const client = new FakeClient(engine)
  client.putResult('endless', Buffer.from('v'), Number.NaN)
  expect(client.destroyed).toBe(true)
  const sane = new FakeClient(engine)
  sane.putResult('short', Buffer.from('v'), 50)
  await turns()
  engine.clock.advance(100)
  expect(engine.server.results.get('short')).toBeUndefined()
})

test('large messages wait in their queue, and not in memory a second time, for a client that does not read', async () => {
  await engine.declare({ name: 'q' })
  for (let i = 0; i < 40; i++) await engine.publish('q', '', { body: Buffer.alloc(MiB) })
  const client = new FakeClient(engine)
  client.consume('q', 0)
  await turns(10)
  expect(client.writableLength).toBeGreaterThan(MiB)
  expect(client.writableLength).toBeLessThan(MOST_BEHIND)
  for (let left = 100; left > 0 && client.deliveries < 40; left--) {
    client.read()
    await turns()
    expect(client.writableLength).toBeLessThan(MOST_BEHIND)
  }
  expect(client.deliveries).toBe(40)
})

test('a client that does not read is told of results when it reads again, and they do not pile up for it', async () => {
  const [waiter, worker] = [new FakeClient(engine), new FakeClient(engine)]
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
  waiter.say(ASK.watch, (writer) => {
    for (const key of keys) writer.text(key)
  })
  for (const key of keys) worker.putResult(key, Buffer.alloc(MiB / 2))
  await turns(5)
  expect(waiter.writableLength).toBeLessThan(MOST_BEHIND)
  for (let left = 100; left > 0 && waiter.results.length < keys.length; left--) {
    waiter.read()
    await turns()
    expect(waiter.writableLength).toBeLessThan(MOST_BEHIND)
  }
  expect(waiter.results.toSorted()).toEqual(keys.toSorted())
})

describe('an owner that ends cleanly', () => {
  let client: FakeClient
  let isDrained: boolean
  beforeEach(async () => {
    await engine.declare({ name: 'q' })
    client = new FakeClient(engine)
    client.consume('q', 2)
    await Promise.all(['a', 'b', 'c'].map((text) => engine.publish('q', text)))
    await turns()
    client.read()
    expect(client.tags).toEqual([1, 2])
    isDrained = false
    void engine.server.drain(1_000).then(() => (isDrained = true))
  })

  test('hands out nothing more, and waits for what is in hand', async () => {
    client.ack(1)
    await turns()
    client.read()
    expect({ isDrained, tags: client.tags }).toEqual({ isDrained: false, tags: [1, 2] })
    client.ack(2)
    await turns()
    expect(isDrained).toBe(true)
    expect(engine.texts('q')).toEqual(['c'])
  })

  test('waits no longer for one who has gone', async () => {
    client.destroy()
    await turns()
    expect(isDrained).toBe(true)
    expect(engine.texts('q')).toEqual(['a', 'b', 'c'])
  })

  test('waits so long and no longer', async () => {
    engine.clock.advance(999)
    await turns()
    expect(isDrained).toBe(false)
    engine.clock.advance(1)
    await turns()
    expect(isDrained).toBe(true)
  })
})
