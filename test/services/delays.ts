import { systemClock } from '../../src/base/clock.ts'
import { openBroker } from '../../src/broker/open.ts'
import type { App } from '../../src/index.ts'
import { textMessage, toQueue } from '../../src/testing/broker/scene.ts'

/** Has a RabbitMQ make the queues in which messages wait: what is sent while it does would go straight into its queue. */
export async function makeDelays(url: string): Promise<void> {
  const broker = openBroker(url, { publishTimeoutMs: 60_000, connectTimeoutMs: 60_000 })
  await broker.start()
  try {
    await broker.declare({ queues: [{ name: 'warm' }] })
    // Declaring may take longer than the first of them waits; the last one is soon gone from there.
    for (let tries = 0; ; tries++) {
      const at = await broker.delays?.publish(textMessage('warm'), toQueue('warm'), systemClock.now() + 1900)
      if (at === 'kept') break
      if (tries === 20) throw new Error('RabbitMQ keeps no messages until their time')
    }
  } finally {
    await broker.stop()
  }
}

/** The application's workers hold what is for later themselves, as where the broker cannot keep it. */
export async function withoutDelays(app: App): Promise<void> {
  const { broker } = await app.client()
  Object.defineProperty(broker, 'delays', { value: undefined })
}
