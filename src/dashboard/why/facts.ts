/**
 * What is known of one task, as plain data: gathered from workers, broker, results, schedules and events, and read by
 * `rank.ts`, which says what follows from it. Times are epoch ms.
 */
export interface Facts {
  /** The id that was asked for; or the name of a schedule or of its task. */
  readonly id: string
  readonly nowMs: number
  /** Its name, where it is known before a message of it is found. */
  readonly task: string | undefined
  readonly broker: BrokerFacts
  /** What its events have told, where somebody listened. */
  readonly heard: HeardFacts | undefined
  /** What the result backend has; undefined: nothing. */
  readonly result: ResultFacts | undefined
  /** Workers that answered. */
  readonly workers: readonly WorkerFacts[]
  /** Workers that must have it, or should be there, and did not answer. */
  readonly silent: readonly SilentFacts[]
  /** In whose hands it is. */
  readonly hand: HandFacts | undefined
  /** Queues that were looked into. */
  readonly queues: readonly QueueFacts[]
  /** Its message, where one was found. */
  readonly message: MessageFacts | undefined
  /** Its dead letter. */
  readonly dead: DeadFacts | undefined
  /** The task that has to end before this one is sent. */
  readonly parent: ParentFacts | undefined
  /** Workers that have been told to revoke it. */
  readonly revokedBy: readonly string[]
  /** A gateway told a client of this id, so that it exists. */
  readonly ticket: { readonly task: string; readonly atMs: number } | undefined
  /** Schedules of this name, or of a task of this name. */
  readonly schedules: readonly ScheduleEntry[]
  /** What could not be found out. */
  readonly unknown: readonly { readonly what: string; readonly because: string }[]
}

export interface BrokerFacts {
  /** Without password. */
  readonly url: string
  /** Set: nothing could be asked of it. */
  readonly problem?: { readonly code: string; readonly text: string; readonly fix: string }
}

export interface HeardFacts {
  readonly state: string
  readonly name?: string | undefined
  readonly queue?: string | undefined
  readonly worker?: string | undefined
  readonly error?: string | undefined
  readonly retries?: number | undefined
  readonly etaMs?: number | undefined
  readonly expiresMs?: number | undefined
  readonly sentMs?: number | undefined
  readonly startedMs?: number | undefined
  /** When the state began. */
  readonly atMs?: number | undefined
  readonly hasExpired?: boolean | undefined
}

export interface ResultFacts {
  readonly state: string
  readonly atMs?: number | undefined
  /** The exception in one line; of REVOKED the reason: `expired`, `revoked`, `terminated`. */
  readonly error?: string | undefined
  /** With STARTED: who has it. */
  readonly worker?: string | undefined
}

export interface WorkerFacts {
  readonly name: string
  /** One of Lovage's, which tells of all that it has in hand. Python's do not of what waits for its rate limit. */
  readonly isOurs: boolean
  /** Tasks at a time; undefined: it does not say. */
  readonly slots: number | undefined
  readonly running: number | undefined
  readonly queues: readonly string[]
  /** Queues that it was started with and was told to read no more. */
  readonly paused: readonly string[]
  /** Names of its tasks; undefined: it did not answer that. */
  readonly tasks: ReadonlySet<string> | undefined
  /** Rates by name of task: `10/m`. */
  readonly rates: ReadonlyMap<string, string>
}

export interface SilentFacts {
  readonly name: string
  /** Whether its connection is there: then it is alive and does not answer. Undefined: that could not be found out. */
  readonly isConnected: boolean | undefined
  /** It is known to have this task. */
  readonly holds: boolean
}

export interface HandFacts {
  readonly worker: string
  readonly place: 'active' | 'reserved' | 'scheduled'
  readonly task: string
  readonly sinceMs?: number | undefined
  readonly etaMs?: number | undefined
  readonly retries?: number | undefined
  /** What runs there now, the longest first: at most 5. */
  readonly ahead: readonly { readonly id: string; readonly task: string; readonly sinceMs: number | undefined }[]
}

export interface QueueFacts {
  readonly name: string
  /** False: there is no such queue. */
  readonly isThere: boolean
  readonly ready: number
  readonly consumers: number
  /** Messages that were looked at, the oldest first. */
  readonly looked: number
  /** It takes no more: it has as many as it may, and refuses others. */
  readonly isFull?: boolean | undefined
  /** The task would be sent there: its own route, or who asks says so. */
  readonly isIts: boolean
}

export interface MessageFacts {
  readonly queue: string
  /** How many wait before it; undefined: it is in no queue, and waits for its time. */
  readonly ahead: number | undefined
  readonly task: string | undefined
  /** When it is due. */
  readonly etaMs?: number | undefined
  readonly expiresMs?: number | undefined
  readonly retries: number
}

export interface DeadFacts {
  readonly queue: string
  readonly key: string
  readonly task: string | undefined
  readonly code: string
  readonly text: string
  readonly atMs?: number | undefined
}

export interface ParentFacts {
  readonly id: string
  readonly task: string | undefined
  /** Where that one is. */
  readonly where: 'queue' | 'delayed' | 'active' | 'reserved' | 'scheduled'
  /** The queue, or the worker. */
  readonly at: string
}

export interface ScheduleEntry {
  readonly name: string
  readonly task: string
  readonly isPaused: boolean
  readonly isEnabled: boolean
  readonly lastId?: string | undefined
  readonly nextMs?: number | undefined
}
