import { afterAll, beforeAll, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { describeWith } from '../services/available.ts'
import { PATIENT_BROKER } from '../services/patience.ts'
import { RedisNode } from '../services/redis-node.ts'

describeWith(['redis'], 'Redis', () => {
  let redis: RedisNode
  beforeAll(async () => {
    redis = await RedisNode.start()
  })
  afterAll(() => redis.remove())

  brokerSuite({ test, expect }, (options) => openBroker(redis.url(), { ...PATIENT_BROKER, ...options }), {
    keepsExpired: true,
    refusesDeadLetterExchange: true,
    fansOutToReaders: true,
  })
})
