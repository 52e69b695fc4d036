import type { App } from '../app/app.ts'
import { backendHas, brokerHas } from '../app/capabilities.ts'
import { childPlace } from '../app/child-place.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { LagFigures } from '../base/lag.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import { nextStep, type StopStep } from './ending.ts'
import type { EmitterCounts } from '../fleet/emitter.ts'
import type { HeartFigures } from '../fleet/heart.ts'
import { WorkerEvents } from './events.ts'
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './options.ts'
import type { AutoscaleRange } from './autoscale.ts'
import { shownWork, type TaskInHand } from './look.ts'
import { Remote } from './remote.ts'
import type { RevokeOptions } from './revoke.ts'
import { Shift } from './shift.ts'
import { Steering } from './steering.ts'
import { Tally, type WorkerCounts } from './tally.ts'

export type { AutoscaleRange, RevokeOptions, StopStep, TaskInHand, WorkerCounts, WorkerOptions }

/** What a worker is doing. */
export type WorkerState = 'stopped' | 'starting' | 'running' | 'stopping'

/** What a worker has done, and what it has in hand. */
export interface WorkerStats extends WorkerCounts {
  /** Tasks that run now. */
  readonly running: number
  /** Tasks that wait for a free slot. */
  readonly waiting: number
  /** Tasks that wait for their time. */
  readonly held: number
  /** Functions that were given up at a time limit and have not returned. */
  readonly abandoned: number
  /** How late the event loop of the tasks was in the last minute; undefined where that is not measured. */
  readonly lag: LagFigures | undefined
  /** Events that it told. */
  readonly events: EmitterCounts
}

/**
 * Runs the tasks of an application off its queues. Made by {@link worker}.
 *
 * `stop` ends warmly: no more messages are taken, what has not started goes back to its queue, what runs has the grace
 * period to end. A second `stop` meanwhile ends the grace period: softly where there is time for that, then coldly.
 */
export class Worker implements Service {
  readonly options: ResolvedWorkerOptions
  /** Resolves when the worker was told from afar to end; it then stops by itself. */
  readonly shutdownAsked: Promise<void>
  readonly #app: App
  readonly #clock: Clock
  readonly #tally = new Tally()
  readonly #events: WorkerEvents
  readonly #steering: Steering
  readonly #remote: Remote | undefined
  #tellShutdown: () => void = () => {}
  #state: WorkerState = 'stopped'
  #step: StopStep | undefined
  #shift: Shift | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #reloading: Promise<void> | undefined

  constructor(app: App, given: WorkerOptions, clock: Clock) {
    this.options = resolveWorkerOptions(given, app.settings, app.registry)
    this.#app = app
    this.#clock = clock
    const { options } = this
    const { lamport } = app
    const figures = (): HeartFigures => ({ active: this.#shift?.running ?? 0, processed: this.#tally.counts.started })
    this.#events = this.#tally.events = new WorkerEvents({ clock, lamport, options, figures })
    this.#steering = new Steering(this.options, app, clock)
    this.shutdownAsked = new Promise((resolve) => (this.#tellShutdown = resolve))
    const shutdown = (how: StopStep): void => {
      this.#tellShutdown()
      const failed = (error: unknown): void =>
        log('error', 'worker', 'worker did not stop well', { hostname: this.hostname, error: messageOf(error) })
      this.stop(how).catch(failed)
    }
    const panel = { app, options, clock, steering: this.#steering, tally: this.#tally, events: this.#events }
    if (options.remoteControl) this.#remote = new Remote({ ...panel, shutdown, reload: () => this.reload() })
  }

  get hostname(): string {
    return this.options.hostname
  }

  get state(): WorkerState {
    return this.#state
  }

  stats(): WorkerStats {
    const { running = 0, waiting = 0, held = 0, abandoned = 0, lag } = this.#shift ?? {}
    return { ...this.#tally.counts, running, waiting, held, abandoned, lag, events: { ...this.#events.counts } }
  }

  /**
   * Connects, declares the queues and begins to read them. In a thread or process of a pool it does nothing.
   * @throws LovageError `BROKER_UNREACHABLE`, `BROKER_REFUSED`, `TOPOLOGY_MISMATCH`
   */
  start(): Promise<void> {
    // The module of a program that runs a worker is also what the children of its pools load.
    if (childPlace()) return Promise.resolve()
    if (this.#stopping) return this.#stopping.then(() => this.start())
    this.#starting ??= this.#start().catch(async (error: unknown) => {
      await this.#remote?.stop()
      await this.#events.end()
      this.#starting = undefined
      this.#state = 'stopped'
      throw error
    })
    return this.#starting
  }

  /**
   * Stops, by default warmly; while it stops, each further call goes one step on, or to the one that is named.
   * @param how `warm`: as `gracePeriod` says. `soft`: as `softShutdownTimeout` says, and cold where that is 0. `cold`: what
   * runs is cut off.
   */
  stop(how?: StopStep): Promise<void> {
    const step = nextStep(this.#step, how, this.options.softShutdownTimeoutMs)
    if (this.#stopping) {
      if (step === this.#step) return this.#stopping
      this.#step = step
      log('info', 'worker', 'worker stops', { hostname: this.hostname, how: step })
      this.#shift?.hurry(step)
      return this.#stopping
    }
    if (!this.#starting) return Promise.resolve()
    this.#state = 'stopping'
    this.#step = step
    this.#stopping = this.#stop(this.#starting).finally(() => {
      this.#starting = undefined
      this.#stopping = undefined
      this.#step = undefined
      this.#state = 'stopped'
    })
    return this.#stopping
  }

  /**
   * Ends tasks by their ids, with REVOKED: those that come (each id is remembered until its task expires, where that is
   * known, else for three hours and as one of 50,000), those that wait, and with `terminate` those that run. Gives the ids
   * of those that ran and were ended.
   */
  revoke(ids: string | readonly string[], options: RevokeOptions = {}): string[] {
    return this.#steering.revoke(typeof ids === 'string' ? [ids] : ids, options)
  }

  /**
   * Gives a task another rate limit in this worker, from now on: `'10/s'`, `'100/m'`, `'1000/h'` or a number a second; 0 or
   * null: none.
   * @throws LovageError `TASK_UNKNOWN`, `OPTION_INVALID`
   */
  rateLimit(task: string, rate: string | number | null): void {
    this.#steering.rateLimit(task, rate)
  }

  /**
   * Keeps the worker's own pool between two sizes from now on: see `WorkerOptions.autoscale`.
   * @throws LovageError `OPTION_INVALID`
   */
  autoscale(max: number, min = 1): void {
    this.#steering.autoscale(max, min)
  }

  /** Between which sizes the pool is kept; undefined: it has one size. */
  get autoscaleRange(): AutoscaleRange | undefined {
    return this.#steering.range
  }

  /** Tells the events of tasks from now on. False: it did so already. */
  enableEvents(): boolean {
    return this.#events.tellTasks(true)
  }

  /** Tells them no longer. False: it did not. */
  disableEvents(): boolean {
    return this.#events.tellTasks(false)
  }

  /**
   * Adds to the worker's own pool so many slots, threads or processes, as long as it runs. Gives how many tasks it now runs
   * at once.
   * @throws LovageError `AUTOSCALE_ON`, `WORKER_STOPPED`, `OPTION_INVALID`
   */
  grow(count = 1): number {
    return this.#steering.resize(count)
  }

  /** Takes them away, all but one; tasks that run go on. @throws as {@link grow} does */
  shrink(count = 1): number {
    return this.#steering.resize(-count)
  }

  /** Tasks that run. */
  active(): TaskInHand[] {
    return this.#steering.active.map(shownWork)
  }

  /** Tasks that wait for a slot or for their rate limit. */
  reserved(): TaskInHand[] {
    return this.#steering.reserved.map(shownWork)
  }

  /** Tasks that wait for their time. */
  scheduled(): TaskInHand[] {
    return this.#steering.scheduled.map(shownWork)
  }

  /** Ids that are revoked and remembered, the latest last. */
  revoked(): string[] {
    return this.#steering.revoked.ids()
  }

  /**
   * Has the children of pools `threads` and `processes` replaced by new ones, which load the code of now; the old ones end
   * what they have begun. Code that cannot be loaded, or that lacks a task, leaves the old ones. What runs in this process
   * (pool `async`, names and options of tasks) stays as it was loaded. Never rejects: the log says what was done.
   */
  reload(): Promise<void> {
    this.#reloading ??= this.#reload().finally(() => (this.#reloading = undefined))
    return this.#reloading
  }

  async #reload(): Promise<void> {
    const { hostname } = this
    if (this.#state !== 'running' || !this.#shift) {
      return log('warn', 'worker', 'not reloaded: the worker does not run', { hostname, state: this.#state })
    }
    const fix = 'Stop it with SIGTERM and start another, or run its tasks in pool processes or threads'
    try {
      const { reloaded, kept } = await this.#shift.reload()
      if (reloaded.length > 0) log('info', 'worker', 'worker reloaded', { hostname, pools: reloaded })
      if (kept.length > 0) log('warn', 'worker', 'not reloaded: pool async runs in this process', { hostname, fix })
    } catch (error) {
      log('error', 'worker', 'not reloaded: the old code goes on', { hostname, error: messageOf(error) })
    }
  }

  async #start(): Promise<void> {
    this.#state = 'starting'
    this.#shift = undefined
    this.#warn()
    const { hooks } = this.#app
    const event = { hostname: this.hostname }
    await hooks.run('workerInit', event)
    // The one child of this pool is the process itself.
    if (this.options.pool === 'async') await hooks.run('childInit', { ...event, pool: 'async' })
    this.#events.open((await this.#app.client()).broker)
    const lasting = { tally: this.#tally, steering: this.#steering, ready: this.#remote?.start() }
    this.#shift = await Shift.begin(this.#app, this.options, this.#clock, lasting)
    if (!this.#stopping) this.#state = 'running'
    this.#events.begin()
    const { hostname, queues, pool, concurrency, prefetch } = this.options
    const tasks = this.#app.registry.names().length
    log('info', 'worker', 'worker ready', { hostname, queues, pool, concurrency, prefetch, tasks })
    await hooks.run('workerReady', event)
  }

  async #stop(starting: Promise<void>): Promise<void> {
    // Whoever started it hears of a failure; for the one who stops it is stopped.
    await starting.catch(() => {})
    if (!this.#shift) return
    const how = this.#step ?? 'warm'
    log('info', 'worker', 'worker stops', { hostname: this.hostname, how, running: this.#shift.running })
    const { hooks } = this.#app
    const event = { hostname: this.hostname }
    // At once with the stop, not before it: others wait for what is handed back.
    const told = hooks.run('workerShuttingDown', { ...event, how })
    this.#events.leave()
    // A new worker of this name may be there soon, and its commands are for it alone.
    await Promise.all([this.#remote?.stop(), this.#shift.end(how)])
    await this.#events.end()
    await told
    if (this.options.pool === 'async') await hooks.run('childExit', { ...event, pool: 'async' })
    const { succeeded, failed, returned } = this.#tally.counts
    log('info', 'worker', 'worker stopped', { hostname: this.hostname, succeeded, failed, returned })
  }

  /** Says what would otherwise be a silent surprise. */
  #warn(): void {
    const { registry, settings } = this.#app
    if (registry.names().length === 0) log('warn', 'worker', 'no task is defined: every message will be refused', {})
    if (brokerHas('processes', settings) && !backendHas('processes', settings)) {
      log('warn', 'worker', 'results stay in this process: callers in others wait in vain', { fix: 'use rpc://' })
    }
  }
}

/**
 * Makes a worker for the tasks of an application, not started.
 * @throws LovageError `OPTION_INVALID`, `CAPABILITY_MISSING`
 */
export function worker(app: App, options: WorkerOptions = {}, { clock = systemClock }: { clock?: Clock } = {}): Worker {
  return new Worker(app, options, clock)
}
