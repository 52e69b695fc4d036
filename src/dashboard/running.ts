import type { FastifyInstance } from 'fastify'
import type { HeardEvent } from '../fleet/listener.ts'
import type { Topic } from './api.ts'
import type { DashboardContext, DashboardSources } from './context.ts'
import { Ear } from './fleet/ear.ts'
import { FleetWatch } from './fleet/fleet-watch.ts'
import { History } from './history/history.ts'
import { LiveHub } from './live/live-hub.ts'
import { Hosts } from './read/hosts.ts'
import { askedOf, readRoutes } from './read/routes.ts'
import { TaskProgress } from './read/task-progress.ts'
import { Timetable } from './read/timetable.ts'
import { Topics } from './read/topics.ts'
import { Redactor } from './redact.ts'
import { actionsOf } from './tasks/task-actions.ts'
import { KnownTasks } from './tasks/known-tasks.ts'

/** What the context is made from. */
export type Basis = Pick<DashboardContext, 'app' | 'clock' | 'options' | 'data'> & {
  readonly sources: DashboardSources
}

/** Schedules and hosts are asked so often while somebody looks at them, at most. */
const ASK_MS = 5_000

type Listener = (events: readonly HeardEvent[]) => void

/** All that hears, asks and tells while a dashboard runs. */
export class Running {
  readonly index: KnownTasks
  readonly context: DashboardContext
  readonly #clock: Basis['clock']
  readonly #ear: Ear
  readonly #history: History
  readonly #fleet: FleetWatch
  readonly #timetable: Timetable
  readonly #hosts: Hosts
  readonly #progress: TaskProgress
  readonly #topics: Topics
  readonly #hub: LiveHub
  readonly #listeners = new Set<Listener>()
  readonly #ends: (() => void | Promise<void>)[] = []
  #askedAtMs = 0
  #wasStale: string | undefined

  constructor(basis: Basis) {
    const { app, clock, options, sources } = basis
    this.#clock = clock
    const redactor = new Redactor(options.redact)
    this.index = new KnownTasks({
      ...options,
      clock,
      queueOf: (worker) => this.#fleet.queueOf(worker),
      actionsOf,
      redact: (field, text, name) => redacted(redactor, field, text, name),
    })
    this.#history = new History({
      folder: basis.data,
      clock,
      index: this.index,
      maxBytes: options.historyBytes,
      ageMs: options.historyAgeMs,
    })
    this.#ear = new Ear(app, clock, (events) => this.#hear(events))
    const changed = (topic: Topic): void => this.#hub.changed(topic)
    const staleBecause = (): string | undefined => this.#ear.staleBecause
    this.#fleet = new FleetWatch({ app, clock, options, index: this.index, staleBecause, changed })
    this.#timetable = new Timetable(sources.schedules, clock, this.index)
    this.#hosts = new Hosts(sources.hosts, clock, (text) => redactor.text(text))
    this.#progress = new TaskProgress({ app, clock, index: this.index, redactor, changed: () => changed('task') })
    this.#topics = new Topics({
      broker: app.settings.broker,
      clock,
      index: this.index,
      fleet: this.#fleet,
      progress: this.#progress,
      timetable: this.#timetable,
      hosts: this.#hosts,
    })
    this.#hub = new LiveHub({
      clock,
      topics: this.#topics,
      maxClients: options.maxClients,
      looked: (topics, tasks) => this.#looked(topics, tasks),
    })
    this.context = {
      ...basis,
      tasks: this.index,
      fleet: this.#fleet,
      onEvents: (listener) => {
        this.#listeners.add(listener)
        return () => void this.#listeners.delete(listener)
      },
      changed,
      provide: (topic, read) => this.#topics.provide(topic, read),
      onStop: (end) => void this.#ends.push(end),
    }
  }

  routes(server: FastifyInstance): void {
    readRoutes(server, this.context, {
      topics: this.#topics,
      fleet: this.#fleet,
      progress: this.#progress,
      timetable: this.#timetable,
      hosts: this.#hosts,
    })
    server.get('/api/v1/live', (request, reply) => this.#hub.open(request, reply, askedOf(request)))
  }

  /** Hears and asks from now on. Resolves when that was tried once. */
  async begin(): Promise<void> {
    this.#hub.begin()
    this.#fleet.begin()
    // What was heard before comes in behind what is heard from now on.
    const restored = this.#history.begin()
    void restored.then(() => {
      for (const topic of ['tasks', 'task', 'overview'] as const) this.#hub.changed(topic)
    })
    await this.#ear.begin()
  }

  /** Ends the streams, so that the server can close. */
  endStreams(): void {
    this.#hub.end()
  }

  async end(): Promise<void> {
    this.#hub.end()
    this.#fleet.end()
    await this.#ear.end()
    await this.#history.end()
    for (const end of this.#ends.splice(0).toReversed()) await end()
  }

  #hear(events: readonly HeardEvent[]): void {
    this.#fleet.hear(events)
    if (this.index.hear(events)) for (const topic of ['tasks', 'task', 'overview'] as const) this.#hub.changed(topic)
    for (const listener of this.#listeners) listener(events)
  }

  #looked(topics: ReadonlySet<Topic>, tasks: ReadonlySet<string>): void {
    this.#fleet.looked()
    for (const id of tasks) void this.#progress.ask(id)
    const stale = this.#ear.staleBecause
    if (stale !== this.#wasStale) for (const topic of ['tasks', 'task'] as const) this.#hub.changed(topic)
    this.#wasStale = stale
    const nowMs = this.#clock.now()
    if (nowMs - this.#askedAtMs < ASK_MS) return
    this.#askedAtMs = nowMs
    if (topics.has('schedules') || topics.has('overview')) void this.#timetable.ask()
    if (topics.has('processes') || topics.has('overview')) void this.#hosts.ask()
  }
}

function redacted(redactor: Redactor, field: string, text: string, name: string | null): string {
  const shown: Parameters<Redactor['task']>[0] = redactor.task({ name, [field]: text })
  return (shown as Readonly<Record<string, string | undefined>>)[field] ?? text
}
