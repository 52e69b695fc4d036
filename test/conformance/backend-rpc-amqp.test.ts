import { beforeAll, expect, test } from 'vitest'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { rpcPair } from '../backend/rpc-pair.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'

describeWith(['rabbitmq'], 'rpc over RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  backendSuite({ test, expect }, (options) => rpcPair(url, options))
})
