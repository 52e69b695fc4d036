/**
 * What to ask: a call that has not been sent, as Celery writes it into messages (celery.canvas.Signature). Key order and
 * names are Celery's, because Python reads them.
 */
export interface Signature {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Anything `apply_async` takes, in Celery's own names (`task_id`, `reply_to`, `link`, `queue`, ...). */
  readonly options: Readonly<Record<string, unknown>>
  readonly subtask_type: string | null
  /** The previous result is not put in front of `args`. */
  readonly immutable: boolean
}

/** What follows a task: the third element of a protocol 2 body. */
export interface Embed {
  readonly callbacks: readonly Signature[] | null
  readonly errbacks: readonly Signature[] | null
  /** In reverse: the next task is the last element. */
  readonly chain: readonly Signature[] | null
  readonly chord: Signature | null
}
