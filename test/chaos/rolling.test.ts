import { afterAll, beforeAll, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { describeWith } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/reaper.ts'
import type { Place } from './rolling/fleet.ts'
import { roll, survive } from './rolling/rolling.ts'

const patience = 300_000

/** 200 results while two workers are killed: each of them arrives. */
async function expectAll(place: Place, pool = 'async'): Promise<void> {
  const survived = await survive(place, { results: 200, workers: 2, kills: 2, pool, random: seededRandom(7) })
  expect(survived).toMatchObject({ results: 200, arrived: 200, failed: 0, dead: 0 })
}

describeWith(['rabbitmq'], 'workers on RabbitMQ', () => {
  let place: Place
  beforeAll(async () => {
    place = { broker: await brokerUrl(import.meta.url), backend: 'rpc://', queue: 'rolling' }
  })

  test(
    'are restarted one after the other under load: nothing is lost, nothing has failed',
    async () => {
      const random = seededRandom(5)
      const rolled = await roll(place, { seconds: 6, everyMs: 2_000, perSecond: 100, random })
      expect(rolled).toMatchObject({ succeeded: rolled.sent, failed: 0, duplicates: 0, dead: 0 })
      expect(rolled.restarts).toBeGreaterThan(0)
    },
    patience,
  )

  test('are killed while a caller waits: all results arrive', () => expectAll({ ...place, queue: 'kills' }), patience)

  test('and their child processes too', () => expectAll({ ...place, queue: 'children' }, 'processes'), patience)
})

describeWith(['redis'], 'workers on Redis', () => {
  let redis: RedisNode
  beforeAll(async () => {
    redis = await RedisNode.start()
  })
  afterAll(() => redis?.remove())

  test(
    'are killed while a caller waits: all results arrive',
    async () => {
      const broker = `${redis.url(0)}?visibility_timeout=2`
      await expectAll({ broker, backend: redis.url(1), queue: 'kills' })
    },
    patience,
  )
})

test(
  'workers on the embedded broker are killed while a caller waits: all results arrive',
  async () => {
    const url = `embedded://${temporaryFolder('rolling')}`
    await expectAll({ broker: url, backend: url, queue: 'kills' })
  },
  patience,
)
