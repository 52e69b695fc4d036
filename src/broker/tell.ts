import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { BrokerState } from './broker.ts'

/** Tells a listener of a state; what it throws must not stop the broker on its way there. */
export function tell(listener: (state: BrokerState) => void, state: BrokerState): void {
  try {
    listener(state)
  } catch (error) {
    log('error', 'broker', 'state listener threw', { state, error: messageOf(error) })
  }
}
