import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { describeWith } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { mixed } from './mixed/mixed.ts'

const patience = 300_000

describeWith(
  ['rabbitmq', 'redis', 'celery'],
  'two Python workers and two of ours on one queue, killed at random',
  () => {
    let redis: RedisNode
    beforeAll(async () => {
      redis = await RedisNode.start()
    })
    afterAll(() => redis?.remove())

    const expectAll = async (broker: string, backend: string, spare = false): Promise<void> => {
      const end = await mixed(
        { broker, backend, queue: 'mixed' },
        { results: 200, kills: 3, spare, random: seededRandom(11) },
      )
      expect(end).toMatchObject({ ours: 100, theirs: 100, dead: 0 })
      expect(end.beganOurs).toBeGreaterThan(0)
      expect(end.beganTheirs).toBeGreaterThan(0)
    }

    test(
      'bring all results to callers in both languages over RabbitMQ',
      async () => expectAll(await brokerUrl(import.meta.url), 'rpc://'),
      patience,
    )

    test('and over Redis', () => expectAll(redis.url(0), redis.url(1), true), patience)
  },
)
