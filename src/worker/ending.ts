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
const ABORTED_MS = 500

/**
 * How a worker stops, from the most patient to the least: `warm` lets what runs end for `gracePeriod`, `soft` for
 * `softShutdownTimeout`, `cold` cuts it off.
 */
export type StopStep = 'warm' | 'soft' | 'cold'

export const STOP_STEPS: readonly StopStep[] = ['warm', 'soft', 'cold']

/** The step that follows, where `asked` is undefined the next in order. There is no way back, and no soft one without its time. */
export function nextStep(now: StopStep | undefined, asked: StopStep | undefined, softMs: number): StopStep {
  const following = STOP_STEPS[now === undefined ? 0 : STOP_STEPS.indexOf(now) + 1] ?? 'cold'
  const step = asked === undefined ? following : asked
  const later = now !== undefined && STOP_STEPS.indexOf(now) > STOP_STEPS.indexOf(step) ? now : step
  return later === 'soft' && softMs === 0 ? 'cold' : later
}

/** Ends a consumer. What goes wrong is logged: its messages go back when the connection is closed. */
export async function cancelConsumer(clock: Clock, consumer: Consumer | undefined): Promise<void> {
  const timeout = (): Error => new LovageError('STOP_TIMEOUT', { what: 'The consumer', timeoutMs: CANCEL_MS })
  try {
    await deadline(clock, consumer?.cancel() ?? Promise.resolve(), CANCEL_MS, timeout)
  } catch (error) {
    log('warn', 'worker', 'consumer was not cancelled', { error: messageOf(error) })
  }
}

/** What finishing needs. */
export interface FinishOptions {
  readonly gracePeriodMs: number
  readonly softShutdownTimeoutMs: number
  /** With how much patience; may change meanwhile. */
  readonly step: () => StopStep | undefined
  /** Has nothing wait for the broker any more. */
  readonly giveUp: () => void
}

/** Lets what runs end, as long as there is patience, cuts off what is left, and stops the pools. */
export async function finish(inHand: InHand, lanes: Lanes, options: FinishOptions): Promise<void> {
  const { gracePeriodMs, softShutdownTimeoutMs, step, giveUp } = options
  const patience = { warm: gracePeriodMs, soft: softShutdownTimeoutMs, cold: 0 }
  for (let now: StopStep | undefined; now !== step() && inHand.isBusy;) {
    now = step() ?? 'warm'
    await inHand.idle(patience[now], true)
  }
  if (inHand.isBusy) await cutOff(inHand, lanes)
  await lanes.stop()
  if (!inHand.isBusy) return
  // What is left could not be stored or sent: the broker cannot be reached. Unsettled messages are its again.
  giveUp()
  await inHand.idle(ABORTED_MS)
  if (inHand.isBusy) log('error', 'worker', 'stopped with messages in hand', { inHand: inHand.size })
}

/** Aborts what runs, waits a moment, and gives up what is left: the pool hands it back. */
async function cutOff(inHand: InHand, lanes: Lanes): Promise<void> {
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
