import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { AmqpDelays } from '../../../src/broker/amqp/amqp-delays.ts'
import { textMessage, toQueue, within } from '../../../src/testing/broker/scene.ts'

test('a message for later fails within the time limit where its queue cannot be bound', async () => {
  const delays = new AmqpDelays({
    clock: systemClock,
    queueType: 'quorum',
    publishTimeoutMs: 50,
    // The connection is lost, and nobody knows it yet.
    ask: (entity) => (entity === 'queue q' ? new Promise(() => {}) : Promise.resolve(undefined as never)),
    publish: async () => {},
  })
  const sent = delays.publish(textMessage('later'), toQueue('q'), systemClock.now() + 60_000)
  await expect(within('it fails', sent)).rejects.toMatchObject({ code: 'PUBLISH_TIMEOUT', details: { timeoutMs: 50 } })
})
