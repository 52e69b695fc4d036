import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBackend } from '../../src/backend/open.ts'
import { openBroker } from '../../src/broker/open.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { describeWith } from '../services/available.ts'
import { RedisNode } from '../services/redis-node.ts'

describeWith(['redis'], 'Redis', () => {
  let redis: RedisNode
  beforeAll(async () => {
    redis = await RedisNode.start()
  })
  afterAll(() => redis.remove())

  backendSuite({ test, expect }, async (options) => {
    // Results need no broker; those of one test have a prefix of their own.
    const broker = openBroker(`memory://${randomUUID()}`)
    const url = `${redis.url(1)}?global_keyprefix=${randomUUID()}`
    return {
      client: openBackend(url, { broker, ...options }),
      worker: openBackend(url, { broker }),
      end: async () => {},
    }
  })
})
