import type { Freshness } from './api-tasks.ts'

/** The part of the dashboard's JSON API that is about workers, queues, schedules, gateways and hosts: see `api.ts`. */

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
    /** null: none of its own. */
    readonly timeLimitMs: number | null
    readonly softTimeLimitMs: number | null
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
    /** Its id and reason: what names it where it is requeued or dropped. */
    readonly key?: string
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
