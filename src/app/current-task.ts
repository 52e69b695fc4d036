import { AsyncLocalStorage } from 'node:async_hooks'
import { systemClock } from '../base/clock.ts'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import type { Embed } from '../protocol/signature.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { TraceContext } from '../protocol/trace-context.ts'
import { checkAll, date, duration, whole, type Checks } from './check.ts'
import { Retry } from './control-flow.ts'

/** How a task asks to be run again. */
export interface RetryOptions {
  /** Wait before the next try. Default: the task's `retryBackoff`, or its `retryDelay`. */
  readonly countdown?: Duration
  /** When to try again, in place of `countdown`. */
  readonly eta?: Date
  /** Most retries, in place of the task's `maxRetries`; null is for ever. */
  readonly maxRetries?: number | null
  /** What went wrong. It becomes the failure when retries are used up. */
  readonly cause?: unknown
}

/** How the message came. */
export interface DeliveryInfo {
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
}

/** The run that the calling code is part of. Its functions may be taken apart: `const { signal, progress } = currentTask()`. */
export interface CurrentTask {
  readonly id: string
  readonly name: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** 0 in the first run. */
  readonly retries: number
  /**
   * Aborts at the soft time limit, when the task is revoked while it runs, and when the worker must stop; where the task is
   * `abandonable`, also when nobody needs it any more.
   */
  readonly signal: AbortSignal
  /** When nobody needs its result any more; undefined: that is not known. */
  readonly deadline: Date | undefined
  /** Milliseconds until then, 0 at least; `Infinity` where there is no deadline. */
  readonly remainingMs: number
  /** The trace that its message came in; undefined: none. Tasks that it sends are in it too. */
  readonly trace: TraceContext | undefined
  /** The headers of the message. */
  readonly request: TaskRequest
  readonly delivery: DeliveryInfo
  /** Name of the worker node. */
  readonly hostname: string
  /** What follows it in its canvas; undefined where that is not known. */
  readonly embed?: Embed
  /** Tells whoever waits how far it is: state `PROGRESS` with `meta`. */
  progress(this: void, meta: unknown): void
  /** Tells whoever waits of a state of the task's own. */
  updateState(this: void, state: string, meta?: unknown): void
  /** Makes what to throw to be run again: `throw retry({ countdown: '10s' })`. */
  retry(this: void, options?: RetryOptions): Retry
  /** Has its signal abort: for what a task stands on. */
  abort?(this: void, reason: Error): void
  /** Called with the id of each task that is sent from inside this one: Celery's trail. */
  sent(this: void, id: string): void
}

const storage = new AsyncLocalStorage<CurrentTask>()

/**
 * The task that the calling code runs in.
 * @throws LovageError `CURRENT_TASK_NONE` outside of a task
 */
export function currentTask(): CurrentTask {
  const current = storage.getStore()
  if (!current) throw new LovageError('CURRENT_TASK_NONE')
  return current
}

/** As {@link currentTask}, but undefined outside of a task. */
export function currentTaskIfAny(): CurrentTask | undefined {
  return storage.getStore()
}

/**
 * Makes what to throw to be run again: `throw retry({ countdown: '10s' })`. Outside of a task, where a function is called
 * as it is, it makes the same error, which then says so to the caller; its `cause` is the one given.
 * @throws LovageError `OPTION_INVALID`
 */
export function retry(options?: RetryOptions): Retry {
  const current = storage.getStore()
  return current ? current.retry(options) : retryWith(options, systemClock.now())
}

/** Calls `fn` so that it, and everything it starts, runs as `current`. */
export function runWithTask<T>(current: CurrentTask, fn: () => T): T {
  return storage.run(current, fn)
}

const RETRY_CHECKS: Checks<{ countdown: number; eta: Date; maxRetries: number; cause: unknown }> = {
  countdown: duration,
  eta: date,
  maxRetries: (value) => (value === null ? Infinity : whole(0)(value)),
  cause: (value) => value,
}

/**
 * The {@link Retry} that the options ask for; `nowMs` is epoch time.
 * @throws LovageError `OPTION_INVALID`
 */
export function retryWith(options: RetryOptions = {}, nowMs: number): Retry {
  const invalid = (option: string, problem: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', { option, where: 'retry()', problem, fix })
  const { countdown, eta, maxRetries, cause } = checkAll(options, RETRY_CHECKS, {
    unknown: (option, fix) => invalid(option, 'does not exist', fix),
    invalid,
  })
  return new Retry({ delayMs: countdown ?? (eta && Math.max(0, eta.getTime() - nowMs)), maxRetries }, cause)
}
