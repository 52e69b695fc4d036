import { randomUUID } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import type { Broker, BrokerDelays } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { Inbox, textMessage, textOf, toQueue, until } from '../../../src/testing/broker/scene.ts'
import { describeWith } from '../../services/available.ts'
import { RedisNode } from '../../services/redis-node.ts'
import { RedisScene } from '../../services/redis-scene.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

const LONG_MS = 600_000
const PREFIX = 'shop_'

describeWith(['redis'], 'messages for later on Redis', () => {
  const redis = new RedisScene({ isEmptied: true })
  let queue: string

  beforeEach(() => {
    queue = `q-${randomUUID()}`
  })

  const started = async (): Promise<{ broker: Broker; delays: BrokerDelays }> => {
    const broker = await redis.started(openBroker(`${redis.url()}?global_keyprefix=${PREFIX}`, PATIENT_BROKER))
    await broker.declare({ queues: [{ name: queue }] })
    const { delays } = broker
    if (!delays) throw new Error('there are no delays')
    return { broker, delays }
  }
  const later = (delays: BrokerDelays, text = 'later', inMs = LONG_MS): Promise<string> =>
    delays.publish(textMessage(text, { headers: { eta: 'then' } }), toQueue(queue), systemClock.now() + inMs)
  const inQueue = (): Promise<number> => redis.raw.llen(PREFIX + queue)
  /** As if all movers had been killed, long ago. */
  const killMovers = (): Promise<unknown> => redis.raw.del(`${PREFIX}_lovage.v1.movers`)
  const read = async (broker: Broker): Promise<Inbox> => {
    const inbox = new Inbox()
    inbox.consumer = await broker.consume({ queues: [queue], prefetch: 0, onDelivery: (one) => inbox.take(one) })
    return inbox
  }

  test('where nobody moves what is due, they go into their queues as Celery sends them', async () => {
    const { delays } = await started()
    expect(await later(delays)).toBe('queued')
    const [text = '{}'] = await redis.raw.lrange(PREFIX + queue, 0, -1)
    expect(JSON.parse(text)).toMatchObject({
      headers: { eta: 'then' },
      properties: { delivery_tag: expect.any(String) },
    })
    expect(await redis.raw.exists(`${PREFIX}_lovage.v1.due`)).toBe(0)
  })

  test('they wait under keys of ours, below the prefix, and leave none behind', async () => {
    const { broker, delays } = await started()
    const stop = await delays.move([queue])
    expect(await later(delays, 'soon', 3000)).toBe('kept')
    expect(await inQueue()).toBe(0)
    const names = (await redis.raw.keys('*')).filter((key) => /due|delayed|movers/.test(key))
    expect(names.toSorted()).toEqual(
      ['_lovage.v1.delayed.', '_lovage.v1.due', '_lovage.v1.due.', '_lovage.v1.movers']
        .map((name) => PREFIX + name + (name.endsWith('.') ? queue : ''))
        .toSorted(),
    )
    expect(await (await read(broker)).texts(1)).toEqual(['soon'])
    await stop()
    expect((await redis.raw.keys('*')).filter((key) => /due|delayed|movers/.test(key))).toEqual([])
  })

  test('the last mover that leaves puts them into their queues; one that is not the last leaves them', async () => {
    const [one, two] = [await started(), await started()]
    const [stopOne, stopTwo] = [await one.delays.move([queue]), await two.delays.move([queue])]
    for (let i = 0; i < 1200; i++) void later(one.delays, `${i}`)
    expect(await later(one.delays, 'last')).toBe('kept')
    await stopOne()
    expect(await inQueue()).toBe(0)
    expect(await one.broker.admin?.depth(queue)).toMatchObject({ messages: 0, delayed: 1201 })
    await stopTwo()
    expect(await one.broker.admin?.depth(queue)).toEqual({ queue, messages: 1201, consumers: 0 })
    expect(await later(one.delays)).toBe('queued')
  })

  test('a broker that stops is a mover no more', async () => {
    const { broker, delays } = await started()
    await delays.move([queue])
    await later(delays)
    await broker.stop()
    expect(await inQueue()).toBe(1)
  })

  test('when all movers were killed, who sends the next one puts those that wait into their queues', async () => {
    const [killed, sender] = [await started(), await started()]
    await killed.delays.move([queue])
    for (const text of ['a', 'b']) await later(sender.delays, text)
    await killMovers()
    expect(await later(sender.delays, 'c')).toBe('queued')
    expect(await inQueue()).toBe(3)
  })

  test('when all movers were killed, the next one moves what is due', async () => {
    const killed = await started()
    await killed.delays.move([queue])
    await later(killed.delays, 'due', 400)
    await killMovers()
    const { broker, delays } = await started()
    await delays.move([queue])
    expect(await (await read(broker)).texts(1)).toEqual(['due'])
  })

  test('a delivery is moved in one step: it stands in one place, and in no hands', async () => {
    const { broker, delays } = await started()
    await delays.move([queue])
    const inbox = await read(broker)
    await broker.publish(textMessage('far', { priority: 3 }), toQueue(queue))
    const far = await inbox.next()
    expect(await delays.keep(far, systemClock.now() + LONG_MS)).toBe(true)
    expect(await redis.raw.hlen(`${PREFIX}unacked`)).toBe(0)
    expect(await redis.raw.zcard(`${PREFIX}unacked_index`)).toBe(0)
    expect(await redis.raw.hlen(`${PREFIX}_lovage.v1.delayed.${queue}`)).toBe(1)
    expect(await inQueue()).toBe(0)
  })

  test('where nobody moves, a delivery is not kept, and stays ours', async () => {
    const { broker, delays } = await started()
    const inbox = await read(broker)
    await broker.publish(textMessage('far'), toQueue(queue))
    const far = await inbox.next()
    expect(await delays.keep(far, systemClock.now() + LONG_MS)).toBe(false)
    expect([far.isOurs, far.ack()]).toEqual([true, true])
  })

  test('those of a queue that is no list do not keep the others', async () => {
    const { broker, delays } = await started()
    await delays.move([queue])
    const bad = `bad-${randomUUID()}`
    await broker.declare({ queues: [{ name: bad }] })
    await redis.raw.set(PREFIX + bad, 'somebody else’s')
    await delays.publish(textMessage('stuck'), toQueue(bad), systemClock.now() + 100)
    await later(delays, 'goes on', 300)
    expect(await (await read(broker)).texts(1)).toEqual(['goes on'])
    expect(await redis.raw.hlen(`${PREFIX}_lovage.v1.delayed.${bad}`)).toBe(1)
    await redis.raw.del(PREFIX + bad)
    await until('it comes when its queue can take it', async () => (await redis.raw.llen(PREFIX + bad)) === 1)
  })

  test('when the last mover goes, a queue that takes nothing holds up no other', async () => {
    const { broker, delays } = await started()
    const end = await delays.move([queue])
    const bad = `bad-${randomUUID()}`
    await broker.declare({ queues: [{ name: bad }] })
    await redis.raw.set(PREFIX + bad, 'somebody else’s')
    await delays.publish(textMessage('stuck'), toQueue(bad), systemClock.now() + LONG_MS)
    await later(delays, 'goes on', LONG_MS + 1000)
    await end()
    expect(await inQueue()).toBe(1)
    expect(await redis.raw.hlen(`${PREFIX}_lovage.v1.delayed.${bad}`)).toBe(1)
  })

  test('they wait through a restart of the server, and a mover goes on', async () => {
    const node = await RedisNode.start(['--appendonly', 'yes', '--appendfsync', 'always'])
    const broker = openBroker(node.url(), PATIENT_BROKER)
    try {
      await broker.start()
      await broker.declare({ queues: [{ name: queue }] })
      await broker.delays?.move([queue])
      const atMs = systemClock.now() + 1500
      for (const text of ['a', 'b']) await broker.delays?.publish(textMessage(text), toQueue(queue), atMs)
      await node.kill()
      await node.start()
      const inbox = new Inbox()
      await broker.consume({ queues: [queue], prefetch: 0, onDelivery: (one) => inbox.take(one) })
      expect((await inbox.texts(2)).toSorted()).toEqual(['a', 'b'])
      expect(systemClock.now() >= atMs).toBe(true)
      expect(inbox.all.map(textOf).length).toBe(2)
    } finally {
      await broker.stop()
      await node.remove()
    }
  })
})
