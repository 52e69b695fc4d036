import { beforeAll, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'

describeWith(['rabbitmq'], 'RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
  })

  brokerSuite({ test, expect }, (options) => openBroker(url, options), { hasNoDelays: true })
})
