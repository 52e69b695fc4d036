import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { Redis } from 'ioredis'
import type { Broker, Delivery } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { Inbox, textMessage, textOf, toQueue, until } from '../../../src/testing/broker/scene.ts'
import { describeWith } from '../../services/available.ts'
import { RedisScene } from '../../services/redis-scene.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

/** What other clients of the same Redis see, and leave there. */
describeWith(['redis'], 'kombu’s layout', () => {
  const redis = new RedisScene({ isEmptied: true })
  let queue: string

  beforeEach(() => {
    queue = `q-${randomUUID()}`
  })

  const broker = async (query = ''): Promise<Broker> => {
    return await redis.started(openBroker(redis.url() + query, PATIENT_BROKER))
  }

  const inboxOf = async (one: Broker, prefetch = 10): Promise<Inbox> => {
    const inbox = new Inbox()
    inbox.consumer = await one.consume({ queues: [queue], prefetch, onDelivery: (delivery) => inbox.take(delivery) })
    return inbox
  }

  const envelope = (text: string, priority = 0): string =>
    JSON.stringify({
      body: Buffer.from(text).toString('base64'),
      'content-encoding': 'utf-8',
      'content-type': 'text/plain',
      headers: {},
      properties: {
        delivery_info: { exchange: '', routing_key: queue },
        priority,
        body_encoding: 'base64',
        delivery_tag: randomUUID(),
      },
    })

  test('what is taken stands in unacked under a tag, as kombu writes it, until it is acknowledged', async () => {
    const one = await broker()
    await one.declare({ queues: [{ name: queue }] })
    await one.publish(textMessage('x', { priority: 0 }), toQueue(queue))
    const [text] = await redis.raw.lrange(queue, 0, -1)
    const before = Date.now() / 1000
    const delivery = await (await inboxOf(one)).next()
    const [tag, score] = await redis.raw.zrange('unacked_index', '0', '-1', 'WITHSCORES')
    expect(await redis.raw.hgetall('unacked')).toEqual({ [String(tag)]: `[${text}, "", "${queue}"]` })
    expect(Math.abs(Number(score) - before)).toBeLessThan(30)
    delivery.ack()
    await until('nothing is left of it', async () => (await redis.raw.exists('unacked', 'unacked_index', queue)) === 0)
  })

  test('a plain LPUSH of somebody else wakes the reader, from any of the four lists, the first list first', async () => {
    const one = await broker()
    await one.declare({ queues: [{ name: queue }] })
    const inbox = await inboxOf(one, 1)
    for (const step of ['', '\x06\x163', '\x06\x166', '\x06\x169']) {
      await redis.raw.lpush(queue + step, envelope(`from ${step}`))
      expect(await inbox.texts(1)).toEqual([`from ${step}`])
    }
    await inbox.consumer.cancel()
    for (const step of ['\x06\x169', '\x06\x166', '\x06\x163', ''])
      await redis.raw.lpush(queue + step, envelope(`at ${step}`))
    const again = await inboxOf(one, 1)
    expect(await again.texts(4)).toEqual(['at ', 'at \x06\x163', 'at \x06\x166', 'at \x06\x169'])
  })

  test('a queue that only Python has declared, or filled, can be published to and read', async () => {
    const one = await broker()
    await expect(one.publish(textMessage('x'), toQueue(queue))).rejects.toMatchObject({ code: 'UNROUTABLE' })
    await redis.raw.sadd(`_kombu.binding.${queue}`, `${queue}\x06\x16\x06\x16${queue}`)
    await one.publish(textMessage('a'), toQueue(queue))
    await one.publish(textMessage('b'), { exchange: queue, routingKey: queue })
    await redis.raw.del(`_kombu.binding.${queue}`)
    await one.publish(textMessage('c'), toQueue(queue))
    expect(await (await inboxOf(one)).texts(3)).toEqual(['a', 'b', 'c'])
  })

  test('bindings are members that kombu reads', async () => {
    const one = await broker()
    await one.declare({
      exchanges: [
        { name: 'direct', type: 'direct' },
        { name: 'topic', type: 'topic' },
      ],
      queues: [{ name: queue }],
      bindings: [
        { exchange: 'direct', queue, routingKey: 'k' },
        { exchange: 'topic', queue, routingKey: 'a.#' },
      ],
    })
    expect(await redis.raw.smembers('_kombu.binding.direct')).toEqual([`k\x06\x16\x06\x16${queue}`])
    expect(await redis.raw.smembers('_kombu.binding.topic')).toEqual([`a.#\x06\x16^a\\..*?$\x06\x16${queue}`])
    await one.admin?.deleteQueue(queue)
    expect(await redis.raw.exists('_kombu.binding.direct', '_kombu.binding.topic')).toBe(0)
  })

  test('the prefix of all keys stands before every key and channel, and nothing is left without it', async () => {
    const one = await broker('?global_keyprefix=shop_')
    await one.declare({
      exchanges: [
        { name: queue, type: 'direct' },
        { name: 'all', type: 'fanout' },
      ],
      queues: [{ name: queue }],
      bindings: [
        { exchange: queue, queue, routingKey: queue },
        { exchange: 'all', queue, routingKey: '' },
      ],
    })
    const inbox = await inboxOf(one)
    await one.publish(textMessage('x'), toQueue(queue))
    await one.publish(textMessage('y'), { exchange: 'all', routingKey: '' })
    await redis.raw.lpush(`shop_${queue}`, envelope('z'))
    const seen = [await inbox.next(), await inbox.next(), await inbox.next()].map(textOf).toSorted()
    expect(seen).toEqual(['x', 'y', 'z'])
    expect(await redis.raw.pubsub('CHANNELS', '*all*')).toEqual([])
    expect((await redis.raw.keys('*')).filter((key) => !key.startsWith('shop_'))).toEqual([])
  })

  test('a fanout of ours is heard by a kombu client on its channel, and the other way round', async () => {
    const one = await broker()
    await one.declare({
      exchanges: [{ name: 'news', type: 'fanout' }],
      queues: [{ name: queue }],
      bindings: [{ exchange: 'news', queue, routingKey: 'worker.#' }],
    })
    const inbox = await inboxOf(one)
    const listener = new Redis({ port: redis.port })
    const heard = new Promise<string[]>((resolve) => {
      listener.on('pmessage', (...all: string[]) => resolve(all))
    })
    await listener.psubscribe('/0.news/*')
    await one.publish(textMessage('ours'), { exchange: 'news', routingKey: 'worker.online' })
    const [, channel, text] = await heard
    expect(channel).toBe('/0.news/worker.online')
    expect(JSON.parse(String(text))).toMatchObject({ body: Buffer.from('ours').toString('base64') })
    expect(textOf(await inbox.next())).toBe('ours')
    await redis.raw.publish('/0.news/worker.heartbeat', envelope('theirs'))
    const theirs: Delivery = await inbox.next()
    expect(textOf(theirs)).toBe('theirs')
    expect([theirs.requeue(), theirs.ack()]).toEqual([true, false])
    const again = await inbox.next()
    expect([textOf(again), again.redelivered, again.ack()]).toEqual(['theirs', true, true])
    listener.disconnect()
  })

  test('an element that is no envelope is handed over to be put aside', async () => {
    const one = await broker()
    await one.declare({ queues: [{ name: queue }] })
    await redis.raw.lpush(queue, 'no envelope', envelope('one'))
    expect(await (await inboxOf(one)).texts(2)).toEqual(['no envelope', 'one'])
  })

  test('a key of another type stops reading with an error and loses nothing', async () => {
    const one = await broker()
    await one.declare({ queues: [{ name: queue }] })
    await redis.raw.set('unacked', 'a text')
    await one.publish(textMessage('x'), toQueue(queue))
    const inbox = await inboxOf(one)
    await until(
      'it was tried',
      async () => Number((/evalsha:calls=(\d+)/.exec(await redis.raw.info('commandstats')) ?? [])[1]) > 4,
    )
    expect(await redis.raw.llen(queue)).toBe(1)
    await redis.raw.del('unacked')
    expect(await inbox.texts(1)).toEqual(['x'])
  })
})
