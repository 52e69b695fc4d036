import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { describeWith } from '../services/available.ts'
import { RedisNode } from '../services/redis-node.ts'

describeWith(['redis'], 'Redis', () => {
  let redis: RedisNode
  beforeAll(async () => {
    redis = await RedisNode.start()
  })
  afterAll(() => redis.remove())

  const prefix = randomUUID()
  // Scripts of many at once may take their time on a busy machine.
  const open = { connectTimeoutMs: 30_000, answerTimeoutMs: 30_000 }
  storeSuite({ test, expect }, (options) => {
    return openStore(`${redis.url(2)}?global_keyprefix=${prefix}`, { ...open, ...options })
  })
})
