import amqplib, { type ChannelModel, type ConfirmChannel } from 'amqplib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { WireValue } from '../../src/protocol/headers.ts'
import { Inbox, textMessage, textOf, toQueue } from '../../src/testing/broker/scene.ts'
import { runChild } from '../services/child.ts'
import { PYTHON } from '../services/python.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

describeWith(['rabbitmq'], 'beside other clients', () => {
  let url: string
  let connection: ChannelModel
  let channel: ConfirmChannel
  let broker: Broker
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
    broker = openBroker(url, { name: 'interop', ...PATIENT_BROKER })
    await broker.start()
    connection = await amqplib.connect(url)
    channel = await connection.createConfirmChannel()
  })
  afterAll(async () => {
    await connection?.close()
    await broker?.stop()
  })

  async function inboxOf(queue: string): Promise<Inbox> {
    const inbox = new Inbox()
    await broker.declare({ queues: [{ name: queue }] })
    inbox.consumer = await broker.consume({ queues: [queue], prefetch: 10, onDelivery: (one) => inbox.take(one) })
    return inbox
  }

  test('a message of plain amqplib arrives with the types that amqplib gave its headers', async () => {
    const inbox = await inboxOf('from-amqplib')
    const headers = {
      text: 'x',
      byte: 5,
      short: 300,
      int: 70_000,
      long: 3_000_000_000,
      double: 1.5,
      yes: true,
      nothing: null,
      bytes: Buffer.from([1, 2]),
      list: [1, 'a'],
      when: { '!': 'timestamp', value: 1_700_000_000 },
      price: { '!': 'decimal', value: { places: 2, digits: 314 } },
    }
    channel.sendToQueue('from-amqplib', Buffer.from('hello'), {
      headers,
      contentType: 'text/plain',
      persistent: true,
      priority: 4,
      expiration: '60000',
    })
    await channel.waitForConfirms()
    const { message } = await inbox.next()
    expect(message.headers).toEqual({
      text: 'x',
      byte: new WireValue('b', 5),
      short: new WireValue('s', 300),
      int: 70_000,
      long: 3_000_000_000,
      double: 1.5,
      yes: true,
      nothing: null,
      bytes: Buffer.from([1, 2]),
      list: [new WireValue('b', 1), 'a'],
      when: new WireValue('T', 1_700_000_000n),
      price: new WireValue('D', { scale: 2, digits: 314 }),
    })
    expect(message).toMatchObject({ contentType: 'text/plain', deliveryMode: 2, priority: 4, expirationMs: 60_000 })
  })

  test('our message arrives at plain amqplib, and the amqplib of the application is not changed by ours', async () => {
    await broker.declare({ queues: [{ name: 'to-amqplib' }] })
    const headers = { small: 5, when: new WireValue('T', 1_700_000_000n), list: [1, null], nested: { a: true } }
    await broker.publish(textMessage('hello', { headers, correlationId: 'c' }), toQueue('to-amqplib'))
    const got = await channel.get('to-amqplib', { noAck: true })
    if (!got) throw new Error('nothing was there')
    expect(got.content.toString()).toBe('hello')
    // amqplib's own form of a timestamp: its decoder is its own still.
    expect(got.properties.headers).toEqual({ ...headers, when: { '!': 'timestamp', value: 1_700_000_000 } })
    expect(got.properties).toMatchObject({ correlationId: 'c', contentType: 'text/plain', deliveryMode: 2 })
  })

  test('a queue that others declared as Celery does is the same to us, and ours to them', async () => {
    await channel.assertQueue('celery-like', { durable: true, maxPriority: 10, expires: 86_400_000 })
    await broker.declare({ queues: [{ name: 'celery-like', maxPriority: 10, expiresMs: 86_400_000 }] })
    await broker.declare({
      exchanges: [{ name: 'celery-like-x', type: 'topic' }],
      queues: [{ name: 'celery-like-2', durable: false, autoDelete: true, messageTtlMs: 5000, expiresMs: 60_000 }],
    })
    await channel.assertExchange('celery-like-x', 'topic', { durable: true })
    const flags = { durable: false, autoDelete: true, messageTtl: 5000, expires: 60_000 }
    await channel.assertQueue('celery-like-2', flags)
    expect(await broker.admin?.depth('celery-like-2')).toMatchObject({ messages: 0 })
  })
})

describeWith(['rabbitmq', 'celery'], 'beside py-amqp', () => {
  test('integers of every size arrive at Celery’s client as they were, and its own arrive here', async () => {
    const url = await brokerUrl(import.meta.url)
    const broker = openBroker(url, PATIENT_BROKER)
    await broker.start()
    try {
      await broker.declare({ queues: [{ name: 'to-python' }, { name: 'from-python' }] })
      const headers = {
        a: 5,
        b: 200,
        c: 300,
        d: 40_000,
        e: -5,
        f: 3_000_000_000,
        g: 1_790_000_000_123,
        h: 1.5,
        i: null,
      }
      await broker.publish(textMessage('x', { headers }), toQueue('to-python'))
      const [line] = await runChild(PYTHON, ['-c', SCRIPT, url])
      expect(JSON.parse(line ?? '')).toEqual(headers)
      const inbox = new Inbox()
      await broker.consume({ queues: ['from-python'], prefetch: 1, onDelivery: (one) => inbox.take(one) })
      const delivery = await inbox.next()
      expect(textOf(delivery)).toBe('from python')
      expect(delivery.message.headers).toEqual({
        ...headers,
        // Python writes every integer beyond 32 bits as L, which is the plain form of negative ones only.
        f: new WireValue('L', 3_000_000_000n),
        g: new WireValue('L', 1_790_000_000_123n),
        neg: -3_000_000_000,
      })
      delivery.ack()
    } finally {
      await broker.stop()
    }
  })
})

const SCRIPT = `
import json, sys
from kombu import Connection
with Connection(sys.argv[1]) as connection:
    channel = connection.default_channel
    message = channel.basic_get('to-python', no_ack=True)
    headers = message.headers
    print(json.dumps(headers))
    import amqp
    channel.basic_publish(amqp.Message('from python', application_headers={**headers, 'neg': -3000000000}), routing_key='from-python')
`
