import type { Duration } from '../base/duration.ts'
import type { Outcome } from '../protocol/outcome.ts'

/** How long to wait for a result. */
export interface GetOptions {
  /** Longest wait. Default: until the task expires, or as long as results are kept (`resultExpires`). */
  readonly timeout?: Duration
  /** Ends the wait early, with its reason. The task goes on. */
  readonly signal?: AbortSignal
}

/** What a task told before it ended. */
export interface TaskUpdate {
  readonly id: string
  /** STARTED, RETRY, PROGRESS, or a name of the task's own. */
  readonly state: string
  readonly meta: unknown
}

/** The result of a task that has been sent. Never thenable, so that it can be returned from an async function. */
export interface AsyncResult<Result = unknown> {
  /** Id of the task. */
  readonly id: string
  /**
   * What the task returned.
   * @throws TaskError when it failed or was revoked
   * @throws LovageError `RESULT_TIMEOUT`, `RESULT_IGNORED`, `RESULT_FORGOTTEN`, `BROKER_CLOSED`
   */
  get(options?: GetOptions): Promise<Result>
  /** How the task ended, whatever came of it. Throws as `get` does, but for TaskError. */
  outcome(options?: GetOptions): Promise<Outcome>
  /** The newest outcome known, final or not; undefined when nothing is. Does not wait for the task. */
  latest(): Promise<Outcome | undefined>
  /** Calls `listener` with each thing the task tells before it ends. Returns how to end that. */
  onUpdate(listener: (update: TaskUpdate) => void): () => void
  /** Drops what is known of it, here and where results are stored. */
  forget(): Promise<void>
}
