import { log } from '../base/log.ts'
import type { NodeReply } from '../fleet/ask.ts'
import type { ControlOptions } from './control.ts'

/** Whom to ask, and how long to wait. */
export type InspectOptions = Omit<ControlOptions, 'reply'>

/** The answers, by name of node. Nodes that did not answer are missing. */
export type ByNode<T> = Readonly<Record<string, T>>

/** A task in the hands of a worker, as it travels (Celery's `Request.info`). */
export interface TaskInfo {
  readonly id: string
  readonly name: string
  /** Values, or with `safe` the text of them. */
  readonly args: readonly unknown[] | string
  readonly kwargs: Readonly<Record<string, unknown>> | string
  readonly type: string
  readonly hostname: string
  /** Seconds since 1970; null: it does not run. */
  readonly time_start: number | null
  readonly acknowledged: boolean
  readonly delivery_info: Readonly<Record<string, unknown>>
  readonly worker_pid: number | null
}

/** A task that waits for its time. */
export interface ScheduledInfo {
  readonly eta: string | null
  readonly priority: number
  readonly request: TaskInfo
}

type Asks = (command: string, given: Readonly<Record<string, unknown>>) => Promise<readonly NodeReply[]>

/** Questions to workers. Made by `app.control.inspect()`; all throw as {@link Control} does. */
export class Inspect {
  readonly #asks: Asks

  constructor(asks: Asks) {
    this.#asks = asks
  }

  /** Any question by its name on the wire. */
  async ask<T = unknown>(command: string, given: Readonly<Record<string, unknown>> = {}): Promise<ByNode<T>> {
    const replies = await this.#asks(command, given)
    const byNode = new Map<string, unknown>()
    const twice = new Set<string>()
    for (const { hostname, value } of replies) {
      if (byNode.has(hostname)) twice.add(hostname)
      byNode.set(hostname, value)
    }
    if (twice.size > 0) {
      const fix = 'give each worker a name of its own (-n)'
      log('warn', 'app', 'several workers answered by one name', { hostnames: [...twice].slice(0, 100), fix })
    }
    return Object.fromEntries(byNode) as ByNode<T>
  }

  ping(): Promise<ByNode<{ readonly ok: 'pong' }>> {
    return this.ask('ping')
  }

  /** Tasks that run; with `safe` their arguments as text. */
  active({ safe }: { readonly safe?: boolean } = {}): Promise<ByNode<readonly TaskInfo[]>> {
    return this.ask('active', safe === undefined ? {} : { safe })
  }

  /** Tasks that wait for a slot or for their rate limit. */
  reserved(): Promise<ByNode<readonly TaskInfo[]>> {
    return this.ask('reserved')
  }

  /** Tasks that wait for their time. */
  scheduled(): Promise<ByNode<readonly ScheduledInfo[]>> {
    return this.ask('scheduled')
  }

  /** Ids that are remembered as revoked. */
  revoked(): Promise<ByNode<readonly string[]>> {
    return this.ask('revoked')
  }

  /** Names of the tasks, each with those of its options that are named here. Default: exchange, routing_key, rate_limit. */
  registered(...options: readonly string[]): Promise<ByNode<readonly string[]>> {
    return this.ask('registered', { taskinfoitems: options })
  }

  stats(): Promise<ByNode<Readonly<Record<string, unknown>>>> {
    return this.ask('stats')
  }

  /** The queues that are read, with all that was declared of them. */
  activeQueues(): Promise<ByNode<readonly Readonly<Record<string, unknown>>[]>> {
    return this.ask('active_queues')
  }

  /** Settings that are not the default, or with `withDefaults` all; passwords are left out. */
  conf({ withDefaults = false }: { readonly withDefaults?: boolean } = {}): Promise<
    ByNode<Readonly<Record<string, unknown>>>
  > {
    return this.ask('conf', { with_defaults: withDefaults })
  }

  /** What a report of a bug should have in it. */
  report(): Promise<ByNode<{ readonly ok: string }>> {
    return this.ask('report')
  }

  /** Where tasks are that a worker has in hand: `active`, `reserved` or `ready`, and what is known of them. */
  queryTask(...ids: readonly string[]): Promise<ByNode<Readonly<Record<string, readonly [string, TaskInfo]>>>> {
    return this.ask('query_task', { ids })
  }

  /** The Lamport clocks. */
  clock(): Promise<ByNode<{ readonly clock: number }>> {
    return this.ask('clock')
  }
}
