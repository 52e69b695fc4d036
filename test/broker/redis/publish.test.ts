import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { Broker } from '../../../src/broker/broker.ts'
import { openBroker } from '../../../src/broker/open.ts'
import { textMessage, toQueue } from '../../../src/testing/broker/scene.ts'
import { describeWith } from '../../services/available.ts'
import { RedisScene, scriptsRun } from '../../services/redis-scene.ts'
import { PATIENT_BROKER } from '../../services/patience.ts'

/** Messages of one turn go to the server in one script. */
describeWith(['redis'], 'many messages at once', () => {
  const redis = new RedisScene()
  let broker: Broker

  beforeAll(async () => {
    broker = openBroker(redis.url(), PATIENT_BROKER)
    await broker.start()
  })

  test('share a script, and keep their order', async () => {
    const queue = randomUUID()
    await broker.declare({ queues: [{ name: queue }] })
    const before = await scriptsRun(redis)
    const sent = Array.from({ length: 250 }, (_, i) => broker.publish(textMessage(String(i)), toQueue(queue)))
    await Promise.all(sent)
    expect(await scriptsRun(redis)).toBe(before + 3)
    const bodies = (await redis.raw.lrange(queue, 0, -1)).map((text) => {
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
    await redis.raw.set(wrong, 'no list')
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
    expect([await redis.raw.llen(good), await redis.raw.llen(full)]).toEqual([2, 1])
    expect([await redis.raw.llen(priorities), await redis.raw.llen(`${priorities}\x06\x169`)]).toEqual([1, 1])
  })
})
