import { LovageError } from '../base/errors.ts'
import type { Destination } from './broker.ts'

/** No queue took a mandatory message, or its exchange is not there. */
export function unroutable({ exchange, routingKey }: Destination): LovageError {
  return new LovageError('UNROUTABLE', { exchange: exchange || "''", routingKey })
}

/** A queue that refuses what is more than its length. */
export function queueFull(queue: string): LovageError {
  return new LovageError('PUBLISH_REFUSED', { problem: `queue ${queue} is full` })
}
