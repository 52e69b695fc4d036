import { WorkerStopping } from '../app/control-flow.ts'
import { type Clock, deadline } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Consumer } from '../broker/broker.ts'
import type { InHand } from './in-hand.ts'
import type { Lanes } from './lanes.ts'

/** Longest wait for the broker to say that it will send nothing more. */
const CANCEL_MS = 5_000

/** How long tasks have, once their signals have aborted, before they are given up. */
export const ABORTED_MS = 500

/** Ends a consumer. What goes wrong is logged: its messages go back when the connection is closed. */
export async function cancelConsumer(clock: Clock, consumer: Consumer | undefined): Promise<void> {
  const timeout = (): Error => new LovageError('STOP_TIMEOUT', { what: 'The consumer', timeoutMs: CANCEL_MS })
  try {
    await deadline(clock, consumer?.cancel() ?? Promise.resolve(), CANCEL_MS, timeout)
  } catch (error) {
    log('warn', 'worker', 'consumer was not cancelled', { error: messageOf(error) })
  }
}

/** Aborts what runs, waits a moment, and gives up what is left: the pool hands it back. */
export async function cutOff(inHand: InHand, lanes: Lanes): Promise<void> {
  const reason = new WorkerStopping()
  let count = 0
  for (const work of inHand.works) {
    if (!work.job) continue
    work.isCutOff = true
    lanes.abort(work, reason)
    count++
  }
  if (count > 0) log('warn', 'worker', 'running tasks are told to stop', { running: count })
  await inHand.idle(ABORTED_MS)
  await lanes.stop()
  await inHand.idle(ABORTED_MS)
}
