import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/testing/seeded.ts'
import { describeWith } from '../services/available.ts'
import { brokerUrl } from '../services/rabbitmq.ts'
import { RedisNode } from '../services/redis-node.ts'
import { temporaryFolder } from '../services/temporary-folder.ts'
import { type ChordsKilled, killWhileChordsRun } from './chords/kills.ts'

const OPTIONS = { chords: 20, members: 4, workers: 2, kills: 2 }
const HOLDS = { chords: 20, right: 20, called: 4, strangers: 0, changed: 0, queuesLeft: 0, begunInTwoCopies: 0 }
const LONG = { timeout: 240_000 }

/** `npm run prove -- chords` kills more workers, and counts what is sent twice. */
async function verdict(broker: string, backend = broker): Promise<ChordsKilled> {
  return killWhileChordsRun({ broker, backend }, { ...OPTIONS, random: seededRandom(7) })
}

describe('Workers are killed while chords run: each body has its one outcome, each failure calls back', () => {
  const home = temporaryFolder()

  test('on the embedded broker', LONG, async () => {
    expect(await verdict(`embedded://${home}/home`)).toMatchObject(HOLDS)
  })

  describeWith(['redis'], 'on Redis', () => {
    let redis: RedisNode
    beforeAll(async () => {
      redis = await RedisNode.start()
    })
    afterAll(() => redis?.remove())

    test('under Celery’s keys', LONG, async () => {
      expect(await verdict(`${redis.url(0)}?visibility_timeout=2`, redis.url(1))).toMatchObject(HOLDS)
    })
  })

  describeWith(['rabbitmq'], 'on RabbitMQ', () => {
    test('in queues, over rpc', LONG, async () => {
      expect(await verdict(await brokerUrl(import.meta.url), 'rpc://')).toMatchObject(HOLDS)
    })
  })
})
