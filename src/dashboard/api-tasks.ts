/** The part of the dashboard's JSON API that is about tasks: see `api.ts`. */

/** How fresh what is shown is: stale data must look stale. */
export interface Freshness {
  /** When the server has last heard from whom this is about. */
  readonly asOfMs: number
  /** Why it can be no newer; undefined: it is as new as it should be. */
  readonly staleBecause?: string
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
  /** What it has told of its progress last, while it runs; null: nothing. */
  readonly progress: unknown
  /** Why that is not known, or no newer. */
  readonly progressUnknown?: string
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
