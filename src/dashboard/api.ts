/**
 * The dashboard's JSON API, as it travels: what `GET /api/v1/...` answers, and what `POST /api/v1/actions/...` takes. The
 * pages are written against these shapes and import nothing else of the server.
 *
 * Times are epoch milliseconds, durations milliseconds; null: nobody knows, or there is none.
 */

/** How fresh what is shown is: stale data must look stale. */
export interface Freshness {
  /** When the server has last heard from whom this is about. */
  readonly asOfMs: number
  /** Why it can be no newer; undefined: it is as new as it should be. */
  readonly staleBecause?: string
}

/** Counts of one bucket of time. */
export interface Bucket {
  readonly atMs: number
  readonly sent: number
  readonly started: number
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  readonly revoked: number
}

/** `GET overview?range=15m|1h|6h|24h` */
export interface Overview extends Freshness {
  /** The scheme and host of the broker, never a password. */
  readonly broker: string
  readonly series: { readonly stepMs: number; readonly buckets: readonly Bucket[] }
  /** Per second, over the last minute. */
  readonly rates: {
    readonly sent: number
    readonly started: number
    readonly succeeded: number
    readonly failed: number
    readonly retried: number
  }
  /** From where to where tasks flow: who sends, into which queues, read by which workers. Rates per second, last minute. */
  readonly flow: {
    readonly senders: readonly {
      readonly name: string
      readonly kind: 'gateway' | 'beat' | 'client'
      readonly rate: number
    }[]
    readonly queues: readonly {
      readonly name: string
      readonly ready: number | null
      readonly oldestMs: number | null
      readonly rate: number
    }[]
    readonly workers: readonly {
      readonly name: string
      readonly busy: number
      readonly slots: number | null
      readonly rate: number
      readonly queues: readonly string[]
    }[]
  }
  /** What needs a look first, the worst first. Empty: all is well. */
  readonly attention: readonly Attention[]
  /** Names that fail, the most first, over the range. */
  readonly failing: readonly {
    readonly name: string
    readonly error: string
    readonly count: number
    /** Of the runs of that name, 0 to 1. */
    readonly share: number
  }[]
  readonly next: readonly { readonly schedule: string; readonly atMs: number }[]
}

/** One thing that needs a look. */
export interface Attention {
  readonly level: 'bad' | 'warn'
  /** One sentence. */
  readonly text: string
  /** The page that shows more, with its filter: `/tasks?q=state:FAILURE`. */
  readonly link: string
  readonly sinceMs: number | null
}

/** A row of the list of tasks. */
export interface TaskRow {
  readonly id: string
  readonly name: string | null
  readonly state: string
  readonly queue: string | null
  readonly worker: string | null
  /** Python's repr, cut. */
  readonly args: string | null
  readonly kwargs: string | null
  /** Of the exception, one line. */
  readonly error: string | null
  readonly retries: number
  readonly sentMs: number | null
  readonly receivedMs: number | null
  readonly startedMs: number | null
  readonly endedMs: number | null
  /** From start to end. */
  readonly runMs: number | null
  /** From sending, or reception, to start. */
  readonly waitMs: number | null
  /** When something was last heard of it: what the list is ordered by, the newest first. */
  readonly updatedMs: number
}

/** `GET tasks?q=&limit=100&before=<cursor>&facets=1` */
export interface TaskList extends Freshness {
  readonly rows: readonly TaskRow[]
  /** Of the next page; null: this was the last. */
  readonly before: string | null
  /** How many match, of how many. */
  readonly matching: number
  readonly held: number
  /** With `facets=1`: how many of what matches have which value, the most first. */
  readonly facets?: Readonly<Record<'state' | 'name' | 'queue' | 'worker', readonly Facet[]>>
  /** With `facets=1`: how many of what matches were updated when; for the picture above the list. */
  readonly histogram?: { readonly stepMs: number; readonly fromMs: number; readonly counts: readonly number[] }
}

export interface Facet {
  readonly value: string
  readonly count: number
}

/** What is wrong in a filter, and where. Answered with status 400. */
export interface FilterProblem {
  readonly code: 'FILTER_INVALID'
  readonly message: string
  readonly fix: string
  /** Offset into `q`. */
  readonly at: number
}

/** One stretch of a task's life, for the anatomy bar. */
export interface Stretch {
  readonly kind: 'queued' | 'prefetched' | 'running' | 'waiting'
  readonly fromMs: number
  /** null: it still lasts. */
  readonly toMs: number | null
  /** Number of the try, from 0. */
  readonly attempt: number
}

/** `GET tasks/:id` */
export interface TaskDetail extends TaskRow, Freshness {
  readonly stretches: readonly Stretch[]
  readonly result: string | null
  readonly traceback: string | null
  readonly exceptionType: string | null
  readonly etaMs: number | null
  readonly expiresMs: number | null
  readonly client: string | null
  readonly exchange: string | null
  readonly routingKey: string | null
  readonly rootId: string | null
  readonly parentId: string | null
  /** The tree that it belongs to, as far as it is known: root first, at most 500. */
  readonly family: readonly {
    readonly id: string
    readonly parentId: string | null
    readonly name: string | null
    readonly state: string
  }[]
  /** What it has told of its progress last. */
  readonly progress: unknown
  /** Every event heard of it, the oldest first. */
  readonly events: readonly { readonly type: string; readonly atMs: number; readonly worker: string | null }[]
  /** What may be done with it now, by whoever asks. */
  readonly actions: readonly string[]
}

/** `GET tasks/:id/why`: why it is not running, or what became of it; the likeliest first. */
export interface Why {
  readonly id: string
  readonly state: string
  readonly reasons: readonly Reason[]
  /** What could not be found out here, and why. */
  readonly unknown: readonly { readonly what: string; readonly because: string }[]
}

export interface Reason {
  /** A stable word: `NO_WORKER_READS_QUEUE`. `docs/guide-why.md` has them all. */
  readonly code: string
  /** One sentence, with names and numbers. */
  readonly text: string
  /** What to do about it; undefined: nothing need be done. */
  readonly fix?: string
  /** It is seen, or it follows from what is seen. */
  readonly certainty: 'certain' | 'likely'
  /** The command that shows it: `lovage inspect active_queues`. */
  readonly evidence?: string
}

/** A task in a slot of a worker. */
export interface Slot {
  readonly id: string
  readonly name: string
  readonly sinceMs: number
}

/** `GET workers` answers `{ workers, ... }`; `GET workers/:name` one with all fields. */
export interface WorkerRow extends Freshness {
  readonly name: string
  readonly status: 'online' | 'offline' | 'left'
  /** `lovage`, `py-celery`. */
  readonly software: string | null
  readonly version: string | null
  readonly pid: number | null
  /** `async`, `threads`, `processes`, `prefork`, `gevent`, ... */
  readonly pool: string | null
  readonly slots: number | null
  readonly active: readonly Slot[]
  readonly reserved: number | null
  readonly scheduled: number | null
  readonly processed: number | null
  readonly succeeded: number
  readonly failed: number
  readonly retried: number
  readonly load: readonly number[] | null
  readonly rssBytes: number | null
  /** How late its event loop is, p99; of ours alone. */
  readonly loopLagMs: number | null
  readonly queues: readonly string[]
  readonly upSinceMs: number | null
  /** For the strip: 1 for each heartbeat interval of the last 60 in which it was heard, the newest last. */
  readonly heartbeats: readonly (0 | 1)[]
  readonly autoscale: { readonly min: number; readonly max: number } | null
}

export interface WorkerList extends Freshness {
  readonly workers: readonly WorkerRow[]
}

export interface WorkerDetail extends WorkerRow {
  /** Names of tasks it knows, and their limits. */
  readonly tasks: readonly {
    readonly name: string
    readonly rateLimit: string | null
    readonly timeLimit: string | null
  }[]
  readonly prefetch: number | null
  /** As the worker answers `stats` and `conf`, secrets redacted. */
  readonly stats: unknown
  readonly conf: unknown
}

/** `GET queues` answers `{ queues, ... }` */
export interface QueueRow {
  readonly name: string
  readonly ready: number | null
  readonly unacked: number | null
  readonly consumers: number | null
  /** Tasks that wait for their time. */
  readonly delayed: number | null
  readonly dead: number | null
  readonly oldestMs: number | null
  /** Per second, last minute. */
  readonly inRate: number
  readonly outRate: number
  /** Until it is empty at these rates; null: never, or unknown. */
  readonly drainMs: number | null
  readonly workers: readonly string[]
  /** Depth, one value each 10 s, of the last hour, the newest last; null where it was not read. */
  readonly depths: readonly (number | null)[]
  /** Wait times of the last hour: for each 5 minutes, how many waited how long (buckets of `waitBucketsMs`). */
  readonly waits: readonly (readonly number[])[]
}

export interface QueueList extends Freshness {
  readonly queues: readonly QueueRow[]
  /** Upper bounds of the buckets of `waits`; the last has none. */
  readonly waitBucketsMs: readonly number[]
  /** What this broker cannot tell, by the name of the column: `oldestMs`. */
  readonly cannot: Readonly<Record<string, string>>
}

/** `GET queues/:name/dead?limit=100` */
export interface DeadList {
  readonly queue: string
  readonly total: number
  readonly letters: readonly {
    readonly id: string | null
    readonly task: string | null
    readonly code: string
    readonly message: string
    readonly atMs: number | null
    readonly bytes: number
    readonly isPoison: boolean
  }[]
}

/** `GET schedules` */
export interface ScheduleList extends Freshness {
  /** Why there are none to be shown; undefined: there are. */
  readonly missing?: string
  readonly schedules: readonly {
    readonly name: string
    readonly schedule: string
    readonly timezone: string
    readonly task: string
    readonly isPaused: boolean
    readonly isEnabled: boolean
    readonly isInCode: boolean
    readonly runs: number
    readonly skipped: number
    readonly failures: number
    readonly last: { readonly id: string; readonly atMs: number; readonly state: string | null } | null
    readonly nextMs: number | null
    /** Ticks of the next 24 h, at most 300; and runs of the last 24 h with their outcomes. */
    readonly coming: readonly number[]
    readonly past: readonly { readonly id: string; readonly atMs: number; readonly state: string }[]
  }[]
}

/** `GET gateways` */
export interface GatewayList extends Freshness {
  readonly gateways: readonly {
    readonly name: string
    readonly url: string | null
    readonly status: 'online' | 'offline' | 'left'
    readonly inFlight: number
    readonly routes: readonly {
      readonly method: string
      readonly path: string
      readonly task: string | null
      readonly rate: number
      readonly inFlight: number
      readonly p50Ms: number | null
      readonly p95Ms: number | null
      readonly p99Ms: number | null
      /** Answers by status since it started: `{ "200": 41, "503": 2 }`. */
      readonly statuses: Readonly<Record<string, number>>
      /** Refusals by their error code: `{ "DEADLINE_HOPELESS": 2 }`. */
      readonly refusals: Readonly<Record<string, number>>
    }[]
  }[]
}

/** `GET processes`: every process on every host. */
export interface ProcessList extends Freshness {
  readonly missing?: string
  readonly hosts: readonly {
    readonly name: string
    readonly tags: readonly string[]
    /** undefined: it answers. */
    readonly unreachable?: { readonly sinceMs: number; readonly why: string }
  }[]
  readonly processes: readonly ProcessRow[]
}

export interface ProcessRow {
  readonly host: string
  readonly group: string
  readonly name: string
  /** supervisord's words; of a host that does not answer, the last that is known. */
  readonly state: string
  readonly description: string
  readonly pid: number | null
  readonly startMs: number | null
  readonly stopMs: number | null
  readonly exitStatus: number | null
  readonly error: string | null
  /** Changes of the last 24 h, as far as this dashboard has seen them: for the ribbon. */
  readonly history: readonly { readonly atMs: number; readonly state: string }[]
}

/** What a batch has come to: `POST actions/process` answers with its id, and the stream tells of it on the topic `jobs`. */
export interface Job {
  readonly id: string
  readonly title: string
  readonly by: string
  readonly atMs: number
  readonly items: readonly {
    readonly target: string
    readonly status: 'queued' | 'running' | 'done' | 'failed' | 'cancelled'
    readonly text: string | null
    readonly tookMs: number | null
  }[]
  readonly isOver: boolean
}

/** `GET jobs`: the newest first. */
export interface JobList {
  readonly jobs: readonly Job[]
}

export type Role = 'view' | 'operate' | 'admin'

/**
 * `GET session`, and what `POST login` (`{ user, password }`) answers; without a session every call but these is answered
 * with 401. `POST logout` ends it.
 */
export interface Session {
  /** null: nobody need log in here. */
  readonly user: string | null
  readonly role: Role
  readonly version: string
  /** Which pages have something to show: `processes`, `schedules`, `gateway`. */
  readonly has: Readonly<Record<'schedules' | 'gateways' | 'processes', boolean>>
}

/** `GET audit?limit=200`: who did what, the newest first. */
export interface AuditList {
  readonly entries: readonly AuditEntry[]
}

export interface AuditEntry {
  readonly atMs: number
  readonly user: string
  readonly from: string
  readonly action: string
  readonly target: string
  /** As given, secrets redacted. */
  readonly options: unknown
  readonly outcome: 'done' | 'refused' | 'failed'
  readonly text: string
}

/** Every state change: `POST actions/<name>` with `{ target, ...options }` as JSON. */
export interface ActionAnswer {
  readonly ok: boolean
  /** One sentence on what came of it, for people. */
  readonly text: string
  /** Of a batch. */
  readonly job?: string
  /** By worker, host or id, where several were asked. */
  readonly each?: Readonly<Record<string, { readonly ok: boolean; readonly text: string }>>
}

/** What an error answers, with its status. */
export interface ApiError {
  readonly code: string
  readonly message: string
  readonly fix?: string
}

/**
 * `GET live?topics=overview,workers` (server-sent events): one stream a tab. Each event has as its name a topic, as its data
 * the whole of what `GET <topic>` answers, and an id to resume from; sent each second where something has changed, and a
 * comment each 10 s. `overview` takes the tab's range (`&range=`), `tasks` its filter (`&q=`), `task` an id (`&task=`). An
 * event `hello` comes first: `{ "version": ..., "resumed": true }`.
 */
export const TOPICS = [
  'overview',
  'tasks',
  'task',
  'workers',
  'queues',
  'schedules',
  'gateways',
  'processes',
  'jobs',
] as const
export type Topic = (typeof TOPICS)[number]
