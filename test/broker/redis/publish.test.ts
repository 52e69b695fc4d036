import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Broker } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { textMessage, toQueue } from '../../../src/testing/broker/scene.ts'
import { describeWith } from '../../services/available.ts'
import { RedisNode } from '../../services/redis-node.ts'

/** Messages of one turn go to the server in one script. */
describeWith(['redis'], 'many messages at once', () => {
  let redis: RedisNode
  let raw: Redis
  let broker: Broker

  beforeAll(async () => {
    redis = await RedisNode.start()
    raw = new Redis({ port: redis.port })
    broker = openBroker(redis.url())
    await broker.start()
  })
  afterAll(async () => {
    await broker?.stop()
    raw?.disconnect()
    await redis?.remove()
  })

  const scripts = async (): Promise<number> =>
    Number(/cmdstat_evalsha:calls=(\d+)/.exec(await raw.info('commandstats'))?.[1])

  test('share a script, and keep their order', async () => {
    const queue = randomUUID()
    await broker.declare({ queues: [{ name: queue }] })
    const before = await scripts()
    const sent = Array.from({ length: 250 }, (_, i) => broker.publish(textMessage(String(i)), toQueue(queue)))
    await Promise.all(sent)
    expect(await scripts()).toBe(before + 3)
    const bodies = (await raw.lrange(queue, 0, -1)).map((text) => {
      const { body } = JSON.parse(text) as { body: string }
      return Number(Buffer.from(body, 'base64').toString())
    })
    expect(bodies.toReversed()).toEqual(sent.map((_, i) => i))
  })

  test('share no fate: each is told what became of it', async () => {
    const [good, full, wrong, priorities] = [1, 2, 3, 4].map(() => randomUUID()) as [string, string, string, string]
    await broker.declare({
      queues: [
        { name: good },
        { name: full, maxLength: 1, arguments: { 'x-overflow': 'reject-publish' } },
        { name: wrong },
        { name: priorities, maxPriority: 9 },
      ],
    })
    await raw.set(wrong, 'no list')
    const to = (queue: string, priority = 0): Promise<void> =>
      broker.publish(textMessage('x', { priority }), toQueue(queue))
    const outcomes = await Promise.allSettled([
      to(good),
      to(full),
      to(full),
      to(wrong),
      to('nowhere'),
      broker.publish(textMessage('x'), toQueue('nowhere'), { mandatory: false }),
      to(priorities, 9),
      to(priorities, 0),
      broker.publish(textMessage('x'), { exchange: 'no exchange', routingKey: good }),
      to(good),
    ])
    const codes = outcomes.map((one) => (one.status === 'fulfilled' ? '' : (one.reason as { code: string }).code))
    const refused = 'PUBLISH_REFUSED'
    expect(codes).toEqual(['', '', refused, refused, 'UNROUTABLE', '', '', '', 'UNROUTABLE', ''])
    expect(String((outcomes[3] as PromiseRejectedResult).reason)).toContain('WRONGTYPE')
    expect([await raw.llen(good), await raw.llen(full)]).toEqual([2, 1])
    expect([await raw.llen(priorities), await raw.llen(`${priorities}\x06\x169`)]).toEqual([1, 1])
  })
})
