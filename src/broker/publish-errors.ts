import { LovageError } from '../base/errors.ts'
import type { Destination } from './broker.ts'

/** No queue took a mandatory message, or its exchange is not there. */
export function unroutable({ exchange, routingKey }: Destination): LovageError {
  return new LovageError('UNROUTABLE', { exchange: exchange || "''", routingKey })
}
