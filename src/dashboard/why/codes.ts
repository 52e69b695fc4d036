/** One cause: what is said of it whatever the task. */
export interface Cause {
  /** What it is, as a heading. */
  readonly title: string
  /** What to do about it; undefined: nothing need be done. */
  readonly fix?: string
}

/**
 * Every cause by its code, which does not change; the order is that in which they are told where several hold.
 * `docs/guide-why.md` has the same table; a test holds the two equal.
 */
export const CAUSES = {
  SUCCEEDED: { title: 'It has run' },
  NO_WORKER_KNOWS_TASK: {
    title: 'Workers read its queue, and none knows a task of this name',
    fix: 'Deploy its code to a worker of the queue, or send it to the queue of a worker that has it',
  },
  DEAD_LETTER: {
    title: 'It was put aside',
    fix: 'Mend the cause; then send it again with `lovage dead requeue`, or drop it',
  },
  EXPIRED: {
    title: 'Its time ran out before it could start',
    fix: 'Send it again; give it a later `expires`, or more workers, where that happens often',
  },
  REVOKED: { title: 'It was revoked', fix: 'Send it again under another id if it is to run after all' },
  FAILED: { title: 'It has failed', fix: 'The log of the worker has the traceback; mend the cause and send it again' },
  RUNNING: { title: 'It runs now' },
  RETRY_LATER: { title: 'It has failed and is tried again later' },
  DUE_LATER: { title: 'Its time has not come' },
  RESERVED_BEHIND: {
    title: 'A worker has it, and runs others first',
    fix: 'Give the worker more slots (`lovage control pool_grow`), or a lower prefetch (`--prefetch-multiplier`)',
  },
  RATE_LIMITED: {
    title: 'A worker has it, and a rate limit holds it',
    fix: 'Raise the limit: `lovage control rate_limit <task> <rate>`, 0 for none',
  },
  BROKER_UNREACHABLE: {
    title: 'The broker or the results cannot be reached from here',
    fix: 'Start it, or mend its address; `lovage doctor` shows what is wrong',
  },
  BROKER_REFUSED: {
    title: 'The broker or the results refuse us',
    fix: 'See the credentials, and the memory and the disk of the server; `lovage doctor` shows what is wrong',
  },
  QUEUE_PAUSED: {
    title: 'All workers were told to read its queue no more',
    fix: 'Have them read it again: `lovage control add_consumer <queue>`',
  },
  NO_WORKER_READS_QUEUE: {
    title: 'Nobody reads its queue',
    fix: 'Start a worker with `-Q <queue>`, or have one read it too: `lovage control add_consumer <queue>`',
  },
  WORKER_STALLED: {
    title: 'A worker that must have it is connected and does not answer',
    fix: 'See whether its event loop is blocked (its log says so), then restart it; the task comes again with another',
  },
  WORKER_SILENT: {
    title: 'A worker that does not answer has it, or reads its queue',
    fix: 'See whether that worker runs. The broker gives the task to another when it has given up the connection',
  },
  SLOTS_BUSY: {
    title: 'It is the next, and every slot of the workers is busy',
    fix: 'Start another worker, or give one more slots: `lovage control pool_grow`',
  },
  WAITING_IN_QUEUE: {
    title: 'Others are before it in its queue',
    fix: 'Wait; or start more workers for the queue',
  },
  WAITING_FOR_PARENT: { title: 'It is sent when the task before it has ended' },
  QUEUE_FULL: {
    title: 'Its queue takes no more',
    fix: 'Drain the queue or raise its limit; who sent the task was told `PUBLISH_REFUSED`',
  },
  QUEUE_MISSING: {
    title: 'There is no such queue',
    fix: 'Start a worker that reads it, which makes it; see the spelling',
  },
  SCHEDULE_PAUSED: {
    title: 'The schedule that would send it is paused',
    fix: 'Let it go on: `lovage beat resume <entry>`',
  },
  SCHEDULE_DISABLED: {
    title: 'The schedule that would send it is not enabled',
    fix: 'Enable it in its code',
  },
  SCHEDULE_LATE: {
    title: 'The schedule is due, and no beat has sent it',
    fix: 'See that a beat runs: `lovage beat`',
  },
  SCHEDULE_LATER: { title: 'The schedule sends it later' },
  UNKNOWN_ID: {
    title: 'Nobody knows of it',
    fix: 'See the id; say where to look with `--queue`; have senders tell of what they send (`sendSentEvent`)',
  },
} as const satisfies Record<string, Cause>

export type Code = keyof typeof CAUSES

/** All codes, in the order in which they are told. */
export const CODES: readonly Code[] = Object.keys(CAUSES) as Code[]
