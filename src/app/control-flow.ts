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

/** What `currentTask().signal` aborts with at the soft time limit. A task that lets it through fails with it. */
export class SoftTimeLimitExceeded extends Error {
  constructor(limitMs: number) {
    super(`the soft time limit of ${limitMs} ms is over`)
    this.name = 'SoftTimeLimitExceeded'
  }
}

/** What `currentTask().signal` aborts with at the hard time limit, when the task has already been given up. */
export class TimeLimitExceeded extends Error {
  constructor(limitMs: number) {
    super(`the time limit of ${limitMs} ms is over`)
    this.name = 'TimeLimitExceeded'
  }
}

/**
 * What `currentTask().signal` aborts with when the worker stops and its grace period is over. A task that lets it through
 * goes back to its queue and is run again by another worker.
 */
export class WorkerStopping extends Error {
  constructor() {
    super('the worker stops')
    this.name = 'WorkerStopping'
  }
}

/**
 * What `currentTask().signal` aborts with when nobody needs the result any more: its deadline has passed, or all who waited
 * are gone. Only in tasks marked `abandonable`; one that lets it through ends as REVOKED.
 */
export class TaskAbandoned extends Error {
  /** `expired`: the deadline has passed. `abandoned`: nobody waits. */
  readonly why: 'expired' | 'abandoned'

  constructor(why: 'expired' | 'abandoned') {
    super(why === 'expired' ? 'the deadline has passed' : 'nobody waits for the task any more')
    this.name = 'TaskAbandoned'
    this.why = why
  }
}

/** What `currentTask().signal` aborts with when the task is revoked while it runs, and has already been given up. */
export class TaskRevoked extends Error {
  constructor() {
    super('the task was revoked')
    this.name = 'TaskRevoked'
  }
}
