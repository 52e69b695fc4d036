import type { Clock } from '../base/clock.ts'
import type { Broker, Delivery } from '../broker/broker.ts'
export function deadQueueOf(queue: string): string {
  return `${queue}.dead`
}
export async function deadLetter(
  broker: Broker,
  delivery: Delivery,
  reason: { code: string; message: string },
  clock: Clock,
): Promise<void> {
  const name = deadQueueOf(delivery.queue)
  await broker.declare({ queues: [{ name }] })
  const headers = {
    ...delivery.message.headers,
    'x-lovage-dead-reason': reason.code,
    'x-lovage-dead-message': reason.message,
    'x-lovage-dead-at': clock.now(),
  }
  await broker.publish({ ...delivery.message, headers }, { exchange: '', routingKey: name })
  delivery.ack()
}
