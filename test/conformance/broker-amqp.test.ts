import { beforeAll, expect, test } from 'vitest'
import { openBroker } from '../../src/broker/open.ts'
import { systemClock } from '../../src/base/clock.ts'
import { textMessage, toQueue } from '../../src/testing/broker/scene.ts'
import { brokerSuite } from '../../src/testing/broker-suite.ts'
import { brokerUrl, describeWith } from '../services/rabbitmq.ts'

describeWith(['rabbitmq'], 'RabbitMQ', () => {
  let url: string
  beforeAll(async () => {
    url = await brokerUrl(import.meta.url)
    // Made once, it is there for all: what is sent meanwhile would go straight into its queue.
    const broker = openBroker(url, { publishTimeoutMs: 60_000, connectTimeoutMs: 60_000 })
    await broker.start()
    await broker.declare({ queues: [{ name: 'warm' }] })
    const message = textMessage('warm')
    expect(await broker.delays?.publish(message, toQueue('warm'), systemClock.now() + 10_000)).toBe('kept')
    await broker.stop()
  })

  brokerSuite({ test, expect }, (options) => openBroker(url, options), { hidesDelayed: true })
})
