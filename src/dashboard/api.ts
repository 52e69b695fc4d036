/**
 * The dashboard's JSON API, as it travels: what `GET /api/v1/...` answers, and what `POST /api/v1/actions/...` takes. The
 * pages are written against these shapes and import nothing else of the server.
 *
 * Times are epoch milliseconds, durations milliseconds; null: nobody knows, or there is none.
 */

import type { Freshness } from './api-tasks.ts'

export type * from './api-tasks.ts'
export type * from './api-fleet.ts'

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
      /** `worker`: sent by tasks, or following them. */
      readonly kind: 'gateway' | 'beat' | 'worker' | 'client'
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
