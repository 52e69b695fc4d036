import { beforeAll, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { makeDelays } from '../services/delays.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'
import { PATIENT_BROKER } from '../services/patience.ts'

describeWith(['rabbitmq'], 'RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
    await makeDelays(url)
  })

  brokerSuite({ test, expect }, (options) => openBroker(url, { ...PATIENT_BROKER, ...options }), { hidesDelayed: true })
})
