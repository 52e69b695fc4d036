/** What a retry may say of itself. */
export interface RetryPlan {
  /** Wait before the next try, in milliseconds. Undefined: as the task's options say. */
  readonly delayMs: number | undefined
  /** Most retries, in place of the task's `maxRetries`; `Infinity` is for ever. */
  readonly maxRetries: number | undefined
}

/**
 * Throw it from a task to have the message run again later: `throw currentTask().retry({ countdown: '10s' })`. When the
 * retries are used up the task fails with `cause`, or with Celery's MaxRetriesExceededError where there is none.
 */
export class Retry extends Error implements RetryPlan {
  readonly delayMs: number | undefined
  readonly maxRetries: number | undefined

  constructor(plan: Partial<RetryPlan> = {}, cause?: unknown) {
    super('Task can be retried', cause === undefined ? undefined : { cause })
    this.name = 'Retry'
    this.delayMs = plan.delayMs
    this.maxRetries = plan.maxRetries
  }
}

/** Throw it from a task that refuses its message: it goes back to its queue, or to the dead letters. No result. */
export class Reject extends Error {
  readonly requeue: boolean

  constructor(reason = 'rejected by the task', { requeue = false }: { requeue?: boolean } = {}) {
    super(reason)
    this.name = 'Reject'
    this.requeue = requeue
  }
}

/** Throw it from a task that is done and wants no result stored: the message is acknowledged, nothing is published. */
export class Ignore extends Error {
  constructor(reason = 'ignored by the task') {
    super(reason)
    this.name = 'Ignore'
  }
}
