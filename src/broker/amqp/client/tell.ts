import { messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'

/** Calls a listener. What it throws must not end the connection that calls it. */
export function tell(listener: () => void): void {
  try {
    listener()
  } catch (error) {
    log('error', 'broker', 'a listener of the AMQP client threw', { problem: messageOf(error) })
  }
}
