import { randomBytes } from 'node:crypto'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { WireValue } from '../../../src/protocol/headers.ts'
import { brokerUrl, describeWith } from '../../services/rabbitmq.ts'
import { channelOf, closeAll, connectTo, Heard, send } from './live-client.ts'

describeWith(['rabbitmq'], 'on RabbitMQ', () => {
  let url: string
  let queues = 0
  /** The name of a queue of this test's own. */
  const name = (): string => `live-${process.pid}-${++queues}`

  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })
  afterEach(closeAll)

  test('a connection knows whom it talks to, and closes in order', async () => {
    const heard = new Heard()
    const connection = await connectTo(url, { events: { onClosed: ({ message }) => heard.say(message) } })
    expect(connection.serverProperties.product).toBe('RabbitMQ')
    await connection.close()
    expect(heard.words).toEqual(['the connection was closed'])
  })

  test('messages are confirmed, thousands at a time, and arrive as they were', async () => {
    const heard = new Heard()
    const connection = await connectTo(url)
    const queue = name()
    const channel = await channelOf(connection, heard)
    await channel.call('queue.declare', { queue })
    await channel.call('confirm.select', {})
    let confirmed = 0
    const publisher = await channelOf(connection, heard, {
      onConfirm: (tag, multiple) => {
        confirmed = multiple ? tag : Math.max(confirmed, tag)
        if (confirmed === 5_000) heard.say('all confirmed')
      },
    })
    await publisher.call('confirm.select', {})
    for (let i = 1; i <= 5_000; i++) send(publisher, queue, String(i), { deliveryMode: 2 })
    await heard.until('all confirmed')
    const bodies: string[] = []
    const consumer = await channelOf(connection, heard, {
      onDelivery: ({ body }, { deliveryTag }) => {
        bodies.push(Buffer.from(body).toString())
        consumer.ack(deliveryTag)
        if (bodies.length === 5_000) heard.say('all read')
      },
    })
    await consumer.call('basic.qos', { prefetchCount: 300 })
    await consumer.consume(queue, 'c', false)
    await heard.until('all read')
    expect(bodies).toEqual(Array.from({ length: 5_000 }, (_, i) => String(i + 1)))
    // Closed, the channel gives back what was not acknowledged: nothing.
    await consumer.close()
    expect(await channel.call('queue.delete', { queue })).toEqual({ messageCount: 0 })
  })

  test.each([0, 1, 4_088, 16_384, 131_064, 131_065, 1_000_000])(
    'a body of %i bytes arrives byte for byte',
    async (size) => {
      const connection = await connectTo(url)
      const channel = await channelOf(connection)
      const { queue } = await channel.call('queue.declare', { exclusive: true })
      const body = randomBytes(size)
      send(channel, queue, body)
      const got = await channel.get(queue)
      expect(Buffer.compare(got?.content.body ?? Buffer.alloc(1), body)).toBe(0)
      expect(got?.args).toMatchObject({ exchange: '', routingKey: queue, redelivered: false, messageCount: 0 })
    },
  )

  test('frames are as small as they were tuned to', async () => {
    const connection = await connectTo(url, { frameMax: 4_096 })
    expect(connection.frameMax).toBe(4_096)
    const channel = await channelOf(connection)
    const { queue } = await channel.call('queue.declare', { exclusive: true })
    const body = randomBytes(50_000)
    expect(() => send(channel, queue, body, { headers: { big: 'x'.repeat(4_100) } })).toThrow(
      /more than the 4088 of one frame/,
    )
    send(channel, queue, body)
    const got = await channel.get(queue)
    expect(Buffer.compare(got?.content.body ?? Buffer.alloc(1), body)).toBe(0)
  })

  test('headers of every tag that RabbitMQ knows come back with their tags', async () => {
    const connection = await connectTo(url)
    const channel = await channelOf(connection)
    const { queue } = await channel.call('queue.declare', { exclusive: true })
    const headers = {
      text: 'é',
      none: null,
      yes: true,
      int: -5,
      positive: 2 ** 40,
      negative: -(2n ** 60n),
      half: 0.5,
      list: [1, 'a', null, [2.5], { deep: false }],
      table: { a: { b: {} } },
      bytes: Buffer.from([0, 255]),
      typed: [
        new WireValue('b', -128),
        new WireValue('B', 255),
        new WireValue('s', -300),
        new WireValue('u', 65_535),
        new WireValue('i', 4_294_967_295),
        new WireValue('l', 1n),
        new WireValue('L', 2n ** 62n),
        new WireValue('f', 0.25),
        new WireValue('d', 1),
        new WireValue('D', { digits: -314, scale: 2 }),
        new WireValue('T', 1_790_000_000n),
      ],
    }
    const properties = {
      headers,
      contentType: 'c',
      priority: 7,
      expiration: '60000',
      timestamp: 5,
      type: 't',
      userId: 'guest',
    }
    send(channel, queue, 'b', properties)
    const got = await channel.get(queue)
    expect(got?.content.properties).toEqual(properties)
    expect(got?.content.undecodable).toBeUndefined()
  })

  test('what no queue takes comes back before its confirmation, also among others', async () => {
    const heard = new Heard()
    const connection = await connectTo(url)
    const channel = await channelOf(connection, heard)
    const { queue } = await channel.call('queue.declare', { exclusive: true })
    await channel.call('confirm.select', {})
    send(channel, queue, 'a', { correlationId: '1' })
    send(channel, 'nowhere', 'b', { correlationId: '2' })
    send(channel, 'nowhere', 'c', { correlationId: '3' }, false)
    send(channel, queue, 'd', { correlationId: '4' })
    await heard.until(/^ack (4|3 and below|4 and below)$/)
    expect(heard.words.filter((word) => word.startsWith('return'))).toEqual(['return 312 nowhere 2'])
    expect(heard.words.indexOf('return 312 nowhere 2')).toBeLessThan(
      heard.words.findIndex((word) => /^ack [2-4]/.test(word)),
    )
  })

  test('a full queue that refuses says nack', async () => {
    const heard = new Heard()
    const connection = await connectTo(url)
    const channel = await channelOf(connection, heard)
    const limits = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
    const { queue } = await channel.call('queue.declare', { exclusive: true, arguments: limits })
    await channel.call('confirm.select', {})
    send(channel, queue, 'a')
    await heard.until('ack 1')
    send(channel, queue, 'b')
    expect(await heard.until(/^nack 2/)).toBeUndefined()
  })

  test('what is requeued, rejected, or not acknowledged goes where it should', async () => {
    const heard = new Heard()
    const connection = await connectTo(url)
    const queue = name()
    const admin = await channelOf(connection)
    await admin.call('queue.declare', { queue })
    for (const body of ['a', 'b', 'c']) send(admin, queue, body)
    const consumer = await channelOf(connection, heard)
    await consumer.call('basic.qos', { prefetchCount: 10 })
    await consumer.consume(queue, 'c', false)
    await heard.until(/^delivery/, 3)
    expect([consumer.nack(1, true), consumer.nack(2, false)]).toEqual([true, true])
    await heard.until('delivery 4 a again')
    await consumer.close()
    const left: string[] = []
    for (let got = await admin.get(queue); got; got = await admin.get(queue))
      left.push(Buffer.from(got.content.body).toString())
    expect(left).toEqual(['a', 'c'])
    await admin.call('queue.delete', { queue })
  })

  test('a cancelled consumer hears no more, one whose queue is deleted hears that', async () => {
    const heard = new Heard()
    const connection = await connectTo(url)
    const [one, other] = [name(), name()]
    const admin = await channelOf(connection)
    const consumer = await channelOf(connection, heard)
    for (const queue of [one, other]) {
      await admin.call('queue.declare', { queue })
      await consumer.consume(queue, queue, true)
    }
    await consumer.cancel(one)
    await admin.call('queue.delete', { queue: other })
    await heard.until(`cancelled ${other}`)
    send(admin, one, 'unheard')
    expect(await admin.call('queue.purge', { queue: one })).toEqual({ messageCount: 1 })
    expect(heard.words).toEqual([`cancelled ${other}`])
    await admin.call('queue.delete', { queue: one })
  })

  test('what the broker refuses ends one channel and no other', async () => {
    const heard = new Heard()
    const connection = await connectTo(url)
    const neighbour = await channelOf(connection, heard)
    const { queue } = await neighbour.call('queue.declare', { queue: name(), exclusive: true })
    const missing = await channelOf(connection)
    await expect(missing.call('queue.declare', { queue: name(), passive: true })).rejects.toMatchObject({
      name: 'LinkError',
      scope: 'channel',
      code: 404,
      message: expect.stringContaining('no queue') as string,
    })
    const other = await channelOf(connection)
    await expect(other.call('queue.declare', { queue, exclusive: true, autoDelete: true })).rejects.toMatchObject({
      code: 406,
    })
    const lost = await channelOf(connection, heard)
    lost.publish({ exchange: 'none', routingKey: '', mandatory: true, properties: {}, body: Buffer.from('x') })
    await heard.until('closed channel 404')
    expect(lost.error?.isByPublish).toBe(true)
    expect(() => send(lost, queue, 'b')).toThrow('no exchange')
    send(neighbour, queue, 'b')
    expect((await neighbour.get(queue))?.args.routingKey).toBe(queue)
  })

  test('exchanges are declared, bound to each other and unbound', async () => {
    const connection = await connectTo(url)
    const channel = await channelOf(connection)
    const [from, to] = [name(), name()]
    const { queue } = await channel.call('queue.declare', { exclusive: true })
    for (const exchange of [from, to])
      await channel.call('exchange.declare', { exchange, type: 'topic', autoDelete: true })
    await channel.call('queue.bind', { queue, exchange: to, routingKey: '#' })
    await channel.call('exchange.bind', { destination: to, source: from, routingKey: 'a.*' })
    channel.publish({ exchange: from, routingKey: 'a.b', mandatory: true, properties: {}, body: Buffer.from('b') })
    expect((await channel.get(queue))?.args).toMatchObject({ exchange: from, routingKey: 'a.b' })
    await channel.call('exchange.unbind', { destination: to, source: from, routingKey: 'a.*' })
    await channel.call('queue.unbind', { queue, exchange: to, routingKey: '#' })
  })

  test('a transaction, which we do not use, is spoken all the same', async () => {
    const channel = await channelOf(await connectTo(url))
    await channel.call('tx.select', {})
    await channel.call('tx.commit', {})
    await channel.call('tx.rollback', {})
    await channel.call('basic.recover', { requeue: true })
    expect(channel.error).toBeUndefined()
  })

  test('more than the socket takes waits until it does, and nothing is lost', async () => {
    const heard = new Heard()
    const connection = await connectTo(url, { maxBufferedBytes: 200_000, events: { onRoom: () => heard.say('room') } })
    const ids: unknown[] = []
    const channel = await channelOf(connection, heard, {
      onConfirm: (tag) => tag === 400 && heard.say('confirmed'),
      onDelivery: ({ properties, body }) => {
        ids.push(properties.correlationId)
        if (body.length !== 50_000) heard.say(`cut short: ${properties.correlationId}`)
        if (ids.length === 400) heard.say('all')
      },
    })
    const { queue } = await channel.call('queue.declare', { exclusive: true })
    await channel.call('confirm.select', {})
    const body = Buffer.alloc(50_000, 'x')
    let turns = 0
    for (let sent = 0; sent < 400;) {
      for (; sent < 400 && connection.hasRoom; sent++) send(channel, queue, body, { correlationId: String(sent) })
      if (sent < 400) await heard.until('room', ++turns)
    }
    expect(turns).toBeGreaterThan(10)
    await heard.until('confirmed')
    await channel.consume(queue, 'c', true)
    await heard.until('all')
    expect(ids).toEqual(Array.from({ length: 400 }, (_, i) => String(i)))
    expect(heard.words.filter((word) => word.startsWith('cut'))).toEqual([])
  })
})
