import { afterAll, beforeAll, expect, test } from 'vitest'
import { type LogRecord, onLog } from '../../src/base/log.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { Inbox, textOf, until } from '../../src/testing/broker/scene.ts'
import { FakeAmqpServer } from './fake-amqp-server.ts'

let server: FakeAmqpServer
let broker: Broker
let inbox: Inbox
const records: LogRecord[] = []
const endLog = onLog((record) => records.push(record))

beforeAll(async () => {
  server = await FakeAmqpServer.start()
  broker = openBroker(server.url)
  await broker.start()
  inbox = new Inbox()
  await broker.consume({ queues: ['q'], prefetch: 0, onDelivery: (one) => inbox.take(one) })
})
afterAll(async () => {
  endLog()
  await broker.stop()
  await server.stop()
})

const GOOD = Buffer.from('\x01aI\0\0\0\x07', 'latin1')

const GARBAGE: readonly (readonly [string, Buffer])[] = [
  ['an unknown tag', Buffer.from('\x01bZ\x01\x02\x03', 'latin1')],
  ['a text longer than the table', Buffer.from('\x01bS\xff\xff\xff\xffx', 'latin1')],
  ['a name longer than the table', Buffer.from('\xffb', 'latin1')],
  ['a name without a value', Buffer.from('\x01b', 'latin1')],
  ['a number that is cut off', Buffer.from('\x01bl\0\0', 'latin1')],
  ['a list longer than the table', Buffer.from('\x01bA\0\0\x01\0I\0\0\0\x01', 'latin1')],
  ['a table in a table that is torn', Buffer.from('\x01bF\0\0\0\x04\x01cZZ', 'latin1')],
  ['five thousand tables in each other', Buffer.concat(Array.from({ length: 5000 }, (_, i) => nest(4999 - i)))],
]

function nest(inside: number): Buffer {
  const bytes = Buffer.from('\x01nF\0\0\0\0', 'latin1')
  bytes.writeUInt32BE(inside * 7, 3)
  return bytes
}

test.each(GARBAGE)('%s costs nobody anything but what cannot be read', async (_, garbage) => {
  const before = records.length
  const tag = inbox.all.length + 1
  server.deliver(tag, Buffer.concat([GOOD, garbage]), 'torn')
  server.deliver(tag + 1, GOOD, 'whole')
  const [torn, whole] = [await inbox.next(), await inbox.next()]
  expect([textOf(torn), torn.message.headers['a']]).toEqual(['torn', 7])
  expect([textOf(whole), whole.message.headers]).toEqual(['whole', { a: 7 }])
  expect([torn.ack(), whole.ack()]).toEqual([true, true])
  await until('both were acked', () => server.acked.includes(tag) && server.acked.includes(tag + 1))
  expect(broker.state).toBe('connected')
  const told = records.slice(before).filter((record) => record.level === 'warn')
  expect(told.map((record) => record.message)).toEqual(['header table could not be read to its end'])
})
