import { isLogged, log, type LogLevel } from '../base/log.ts'
import { type Failure, failureText } from '../protocol/failure.ts'
import type { DeadReason, Outcome } from '../protocol/outcome.ts'
import type { WorkerEvents } from './events.ts'
import type { Ending } from './settle.ts'
import type { Work } from './work.ts'
import { traceIdOf, traceOfMessage } from '../protocol/trace-context.ts'

/** What a worker has done since it was made. */
export interface WorkerCounts {
  /** Messages handed to it, redelivered ones included. */
  readonly received: number
  /** Functions called. */
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  /** Expired before they could run. */
  readonly revoked: number
  /** Ended by `Ignore`. */
  readonly ignored: number
  /** Refused by their task with `Reject`. */
  readonly rejected: number
  /** Messages moved to the dead letters, for whatever reason. */
  readonly dead: number
  /** Messages given back to their queue: not started, cut off, or rejected with `requeue`. */
  readonly returned: number
  /** Redelivered while the task was still in hand here: not started again. */
  readonly adopted: number
  /** Dropped, because another message of a task that is to run once had come before. */
  readonly duplicates: number
  /** Times that a message in hand was moved under a lease, or under a newer one. */
  readonly leased: number
  /** Due much later, and left to the broker until then. */
  readonly kept: number
  /** Settled, or about to start, when the message was no longer ours: somebody runs it again. */
  readonly lost: number
}

const LEVELS: Readonly<Record<string, LogLevel>> = { FAILURE: 'error', REVOKED: 'warn', REJECTED: 'warn' }

/** Counts what happens, and tells it: one line a task, and events where they are wanted. */
export class Tally {
  /** Set by who makes it. */
  events: WorkerEvents | undefined
  readonly counts = {
    received: 0,
    started: 0,
    succeeded: 0,
    failed: 0,
    retried: 0,
    revoked: 0,
    ignored: 0,
    rejected: 0,
    dead: 0,
    returned: 0,
    adopted: 0,
    duplicates: 0,
    leased: 0,
    kept: 0,
    lost: 0,
  } satisfies WorkerCounts

  /** Functions called, by name of task: none that is not registered. */
  readonly totals = new Map<string, number>()

  /** A task has been taken into hand. */
  received(work: Work): void {
    if (this.events?.tells(work)) this.events.received(work)
  }

  /** Its function is about to be called. */
  started(work: Work): void {
    const { task } = work.request
    this.counts.started++
    this.totals.set(task, (this.totals.get(task) ?? 0) + 1)
    if (this.events?.tells(work)) this.events.started(work)
  }

  /** A task is about to be sent again. Told now: the next try may end before this one has been settled. */
  retries(work: Work, outcome: Outcome): void {
    if (this.events?.tells(work)) this.events.ended(work, outcome)
  }

  /** A task has been settled. */
  settled(work: Work, outcome: Outcome, ending: Ending): void {
    const { counts } = this
    const { state } = outcome
    if (state === 'SUCCESS') counts.succeeded++
    else if (state === 'FAILURE') counts.failed++
    else if (state === 'RETRY') counts.retried++
    else if (state === 'REVOKED') counts.revoked++
    else if (state === 'IGNORED') counts.ignored++
    else if (!work.isCutOff) counts.rejected++
    this.#ended(ending)
    if (state !== 'RETRY' && this.events?.tells(work)) this.events.ended(work, outcome)
    if (!isLogged()) return
    const { id, task, retries, custom } = work.request
    const trace = traceOfMessage(custom)
    log(LEVELS[state] ?? 'info', 'worker', 'task done', {
      task,
      id,
      state,
      queue: work.delivery.queue,
      waitMs: work.waitMs,
      runMs: outcome.runMs,
      ...(trace && { trace: traceIdOf(trace) }),
      ...(retries > 0 && { retries }),
      ...(ending !== 'acked' && { ending }),
      ...(outcome.retry && { retryInMs: outcome.retry.delayMs }),
      ...problemOf(outcome),
    })
  }

  /** A message that is no task has been moved away. */
  buried(queue: string, { code, message }: DeadReason): void {
    this.#ended('dead')
    log('error', 'worker', 'message moved to the dead letters', { queue, code, error: message })
  }

  #ended(ending: Ending): void {
    if (ending === 'dead') this.counts.dead++
    if (ending === 'back') this.counts.returned++
    if (ending === 'lost') this.counts.lost++
  }
}

function problemOf({ state, result, traceback, dead }: Outcome): { error?: string; traceback?: string | null } {
  if (state === 'SUCCESS' || state === 'IGNORED') return {}
  if (dead && state === 'REJECTED') return { error: dead.message }
  if (!('value' in result) || result.value === null) return {}
  const failure = result.value as Failure
  return { error: `${failure.exc_type}: ${failureText(failure)}`, ...(traceback !== null && { traceback }) }
}
