import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { describeWith } from '../services/available.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { hurtBeats } from './beats/hurt-beats.ts'

const ROUND = { ticks: 60, entries: 10, everyMs: 1_000, beats: 3, leaseMs: 1_000, faultEveryMs: 700 }
const HOLDS = { missing: 0, twice: 0, strangers: 0 }
const LONG = { timeout: 180_000 }

// `npm run prove -- beats` sends 2,000 ticks, on RabbitMQ too.
describe('Three beats are killed and halted past their leases: each tick is run once', () => {
  const home = `embedded://${temporaryFolder()}/home`

  test('on the embedded broker', LONG, async () => {
    const place = { broker: home, backend: home, store: home }
    expect(await hurtBeats(place, { ...ROUND, random: seededRandom(1) })).toMatchObject(HOLDS)
  })

  describeWith(['redis'], 'on Redis', () => {
    let redis: RedisNode
    beforeAll(async () => {
      redis = await RedisNode.start()
    })
    afterAll(() => redis?.remove())

    test('with the store there', LONG, async () => {
      const place = { broker: redis.url(0), backend: redis.url(0), store: redis.url(0) }
      expect(await hurtBeats(place, { ...ROUND, random: seededRandom(2) })).toMatchObject(HOLDS)
    })
  })
})
