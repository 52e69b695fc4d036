import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { RedisLostError } from '../../../src/base/redis/redis-connection.ts'
import type { Broker } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { RedisBroker } from '../../../src/broker/redis/redis-broker.ts'
import { redisLinks, type OpenRedisLink } from '../../../src/broker/redis/redis-link.ts'
import { parseRedisBrokerUrl } from '../../../src/broker/redis/redis-options.ts'
import { MOVES } from '../../../src/broker/redis/scripts.ts'
import { Inbox, textMessage, textOf, toQueue, until } from '../../../src/testing/broker/scene.ts'
import { describeWith } from '../../services/available.ts'
import { RedisScene } from '../../services/redis-scene.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

describeWith(['redis'], 'leases', () => {
  const redis = new RedisScene({ isEmptied: true })
  let queue: string

  beforeEach(() => {
    queue = `q-${randomUUID()}`
  })

  const url = (query = '?visibility_timeout=1'): string => redis.url() + query

  const started = async (one: Broker): Promise<Broker> => {
    await redis.started(one)
    await one.declare({ queues: [{ name: queue }] })
    return one
  }

  const withLink = (openLink: OpenRedisLink, longestLeaseMs = 60_000): Promise<Broker> =>
    started(
      new RedisBroker({
        url: parseRedisBrokerUrl(url('')),
        clock: systemClock,
        openLink,
        longestLeaseMs,
        publishTimeoutMs: 5000,
        connectTimeoutMs: 5000,
        heartbeatS: 30,
        maxMessageBytes: 1e6,
        name: 'test',
      }),
    )

  const inboxOf = async (one: Broker, prefetch = 10): Promise<Inbox> => {
    const inbox = new Inbox()
    inbox.consumer = await one.consume({ queues: [queue], prefetch, onDelivery: (delivery) => inbox.take(delivery) })
    return inbox
  }

  /** A message in the hands of somebody of Python's, since long ago. */
  const leave = async (tag: string, exchange: string, routingKey: string, priority = 0): Promise<void> => {
    const properties = { delivery_info: { exchange, routing_key: routingKey }, priority, delivery_tag: tag }
    const envelope = JSON.stringify({ body: 'e30=', headers: { n: 1 }, properties })
    await redis.raw.hset('unacked', tag, `[${envelope}, ${JSON.stringify(exchange)}, ${JSON.stringify(routingKey)}]`)
    await redis.raw.zadd('unacked_index', 1, tag)
  }

  test('a message in hand is renewed, and not given to anybody else', async () => {
    const [one, two] = [
      await started(openBroker(url(), PATIENT_BROKER)),
      await started(openBroker(url(), PATIENT_BROKER)),
    ]
    await one.publish(textMessage('long'), toQueue(queue))
    const held = await (await inboxOf(one)).next()
    const others = await inboxOf(two)
    const scoreOf = async (): Promise<number> =>
      Number((await redis.raw.zrange('unacked_index', '0', '0', 'WITHSCORES'))[1])
    const first = await scoreOf()
    await until('its lease would have run out three times', async () => (await scoreOf()) > first + 3)
    expect(others.all.length).toBe(0)
    expect([held.isOurs, held.ack()]).toEqual([true, true])
    await until('it is acknowledged', async () => (await redis.raw.exists('unacked', queue)) === 0)
  })

  test('what a process held that is cut off comes back, and that process hears of it', async () => {
    const one = await started(openBroker(redis.proxy.urlFor(url())))
    const texts = ['a', 'b', 'c']
    for (const text of texts) await one.publish(textMessage(text), toQueue(queue))
    const lost = await inboxOf(one)
    const held = [await lost.next(), await lost.next(), await lost.next()]
    redis.proxy.mode = 'black-hole'
    const two = await started(openBroker(url(), PATIENT_BROKER))
    const inbox = await inboxOf(two)
    const back = [await inbox.next(), await inbox.next(), await inbox.next()]
    expect(back.map((delivery) => [textOf(delivery), delivery.redelivered])).toEqual(texts.map((text) => [text, true]))
    redis.proxy.cut()
    redis.proxy.mode = 'open'
    await until('it knows', () => held.every((delivery) => !delivery.isOurs))
    expect(held[0]?.ack()).toBe(false)
    expect(back.map((delivery) => delivery.ack())).toEqual([true, true, true])
    await until('nothing is left', async () => (await redis.raw.exists('unacked', queue)) === 0)
    expect(lost.all.length).toBe(3)
  })

  test('a process that is gone is missed by its session, long before its visibility timeout', async () => {
    const session = randomUUID()
    await redis.raw.zadd('_lovage.v1.sessions', 1, session)
    const now = Date.now() / 1000
    for (const text of ['1', '2']) {
      const tag = `${session}-${text.padStart(12, '0')}`
      await leave(tag, '', queue)
      await redis.raw.zadd('unacked_index', now, tag)
    }
    await leave('of-nobody', '', queue)
    await redis.raw.zadd('unacked_index', now, 'of-nobody')
    const one = await withLink(redisLinks(), 400)
    const inbox = await inboxOf(one)
    expect((await inbox.next()).redelivered).toBe(true)
    await inbox.next()
    await until('it is buried', async () => (await redis.raw.zscore('_lovage.v1.sessions', session)) === null)
    expect(await redis.raw.hkeys('unacked')).toContain('of-nobody')
    expect(inbox.all.length).toBe(2)
  })

  test('what Python left goes where it was going, to the list of its priority, with kombu’s marks', async () => {
    const one = await started(openBroker(url(), PATIENT_BROKER))
    await one.declare({
      exchanges: [{ name: 'topic', type: 'topic' }],
      bindings: [{ exchange: 'topic', queue, routingKey: 'a.#' }],
    })
    await leave('straight', '', `${queue}-other`, 6)
    await leave('routed', 'topic', 'a.b')
    await leave('nowhere', 'topic', 'x')
    const inbox = await inboxOf(one)
    const delivery = await inbox.next()
    expect(delivery).toMatchObject({ exchange: 'topic', routingKey: 'a.b', redelivered: true })
    expect(delivery.message.headers).toEqual({ n: 1 })
    const list = `${queue}-other\x06\x166`
    await until('the other is back', async () => (await redis.raw.llen(list)) === 1)
    expect(JSON.parse((await redis.raw.lindex(list, 0)) ?? '')).toMatchObject({
      headers: { n: 1, redelivered: true },
      properties: { delivery_info: { redelivered: true }, priority: 6 },
    })
    delivery.ack()
    await until('only what nobody takes stays', async () => (await redis.raw.hkeys('unacked')).join() === 'nowhere')
  })

  test('nobody sweeps while another holds kombu’s lock', async () => {
    await redis.raw.set('unacked_mutex', 'somebody')
    await leave('tag', '', queue)
    const inbox = await inboxOf(await started(openBroker(url(), PATIENT_BROKER)))
    const triesOf = async (): Promise<number> => {
      const stats = await redis.raw.info('commandstats')
      return Number((/cmdstat_set:calls=(\d+)/.exec(stats) ?? [])[1])
    }
    const before = await triesOf()
    await until('it was tried some times', async () => (await triesOf()) >= before + 3)
    expect(inbox.all.length).toBe(0)
    await redis.raw.del('unacked_mutex')
    await inbox.next()
    await until('the lock is given back', async () => (await redis.raw.exists('unacked_mutex')) === 0)
  })

  test('a taking whose answer is lost loses nothing: it comes over the next connection, as new', async () => {
    let taken = 0
    const one = await withLink(async (options) => {
      const link = await redisLinks()(options)
      return {
        run: (...args) => link.run(...args),
        call: (...args) => link.call(...args),
        listen: (...args) => link.listen(...args),
        unlisten: (...args) => link.unlisten(...args),
        close: () => link.close(),
        facts: link.facts,
        get isOpen() {
          return link.isOpen
        },
        get rings() {
          return link.rings
        },
        read: async (...args) => {
          const answer = (await link.read(...args)) as [unknown, unknown, unknown[]]
          if (args[0] !== MOVES.take || answer[2].length === 0 || taken++ > 0) return answer
          link.close()
          options.onClosed(new Error('planted'))
          throw new RedisLostError('planted')
        },
      }
    })
    for (const text of ['a', 'b', 'c']) await one.publish(textMessage(text), toQueue(queue))
    const inbox = await inboxOf(one)
    const seen = [await inbox.next(), await inbox.next(), await inbox.next()]
    expect(seen.map((delivery) => [textOf(delivery), delivery.redelivered])).toEqual([
      ['a', false],
      ['b', false],
      ['c', false],
    ])
    expect(taken).toBeGreaterThan(1)
    expect(await redis.raw.hlen('unacked')).toBe(3)
  })

  test('what is settled while the connection is lost is settled over the next one', async () => {
    const one = await started(openBroker(redis.proxy.urlFor(url(''))))
    for (const text of ['a', 'b', 'c']) await one.publish(textMessage(text), toQueue(queue))
    const inbox = await inboxOf(one, 3)
    const [a, b, c] = [await inbox.next(), await inbox.next(), await inbox.next()]
    redis.proxy.mode = 'refusing'
    redis.proxy.cut()
    await until('it is lost', () => one.state === 'lost')
    expect([a.isOurs, a.ack(), b.requeue(), c.isOurs]).toEqual([true, true, true, true])
    redis.proxy.mode = 'open'
    const again = await inbox.next()
    expect([textOf(again), again.redelivered, again.ack(), c.ack()]).toEqual(['b', true, true, true])
    await until('nothing is left', async () => (await redis.raw.exists('unacked', 'unacked_index', queue)) === 0)
    expect(inbox.all.length).toBe(4)
  })
})
