import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { App } from '../app/app.ts'
import type { Clock } from '../base/clock.ts'
import type { HeardEvent } from '../fleet/listener.ts'
import type { TaskPicture } from '../fleet/task-picture.ts'
import type { Freshness, QueueRow, Role, TaskDetail, TaskList, TaskRow, Topic, WorkerDetail, WorkerRow } from './api.ts'
import type { ResolvedOptions } from './options.ts'
import type { HostSource, ScheduleSource } from './sources.ts'

/** What the dashboard shows beside what the broker tells. */
export interface DashboardSources {
  readonly schedules?: ScheduleSource | undefined
  readonly hosts?: HostSource | undefined
}

/** Who asks. */
export interface Identity {
  /** null: nobody need log in here. */
  readonly user: string | null
  readonly role: Role
}

/** What is counted of a task. */
export interface TaskGlance {
  readonly name: string | null
  readonly receivedMs: number | null
  readonly startedMs: number | null
  readonly hasEta: boolean
}

/** Tasks as they are known here. */
export interface TaskReader {
  /** How many are held. */
  readonly size: number
  get(id: string): TaskRow | undefined
  /** What of it is counted: asked for with each event, so that no row need be made. */
  glance(id: string): TaskGlance | undefined
  detail(id: string): TaskDetail | undefined
  /** It, in the words of its events. */
  picture(id: string): TaskPicture | undefined
  /** The newest first, until the reader stops. What it is given changes no more. */
  rows(): Iterable<TaskRow>
  /**
   * Those that a filter matches, the newest first, a page at a time.
   * @throws LovageError `FILTER_INVALID`
   */
  query(filter: string, page: { readonly limit: number; readonly before?: string }): Promise<Omit<TaskList, 'asOfMs'>>
}

/** Workers and queues as they are known here. */
export interface FleetReader extends Freshness {
  /** Gateways have been heard of. */
  readonly hasGateways: boolean
  readonly workers: readonly WorkerRow[]
  readonly queues: readonly QueueRow[]
  worker(name: string): WorkerDetail | undefined
  /** Asks workers and broker again, at once; resolves when they have answered, or have not in time. */
  refresh(): Promise<void>
  /** As above, and what a worker has answered to each question last, by the question: `stats`, `active_queues`, `conf`. */
  answers(worker: string): Readonly<Record<string, unknown>> | undefined
}

/** What a part of the dashboard stands on. */
export interface DashboardContext {
  readonly app: App
  readonly clock: Clock
  readonly options: ResolvedOptions
  readonly sources: DashboardSources
  /** Folder of what outlives a restart; it is there. */
  readonly data: string
  readonly tasks: TaskReader
  readonly fleet: FleetReader
  /** Calls with all events that came together; the returned function ends it. */
  onEvents(listener: (events: readonly HeardEvent[]) => void): () => void
  /** Something that a topic shows has changed: whoever looks at it is told within a second. */
  changed(topic: Topic): void
  /** What `GET <topic>` answers, where a part of its own answers it: `jobs`. */
  provide(topic: Topic, read: () => unknown): void
  /** Called at the end, before connections close. */
  onStop(end: () => void | Promise<void>): void
}

/**
 * A part of the dashboard: routes, and hooks on all requests. Parts are registered in the order of `parts.ts`, on the
 * server itself, before it listens.
 */
export type DashboardPart = (server: FastifyInstance, context: DashboardContext) => void | Promise<void>

/** Everybody may do everything, where nobody need log in. */
const ANYBODY: Identity = Object.freeze({ user: null, role: 'admin' })

const known = new WeakMap<FastifyRequest, Identity>()

/** Who asks, as the part that lets people in has said. */
export function identityOf(request: FastifyRequest): Identity {
  return known.get(request) ?? ANYBODY
}

/** Says who asks, from now on until the request ends. `holds`: whether that is still so, for answers that go on and on. */
export function identify(request: FastifyRequest, identity: Identity, holds?: () => boolean): void {
  known.set(request, identity)
  if (holds) holding.set(request, holds)
}

const holding = new WeakMap<FastifyRequest, () => boolean>()

/** Whether who has asked may still be answered: they may have logged out since. */
export function isStillIn(request: FastifyRequest): boolean {
  return holding.get(request)?.() ?? true
}
