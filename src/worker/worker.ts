import type { App } from '../app/app.ts'
import { backendHas, brokerHas } from '../app/capabilities.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import type { LagFigures } from '../base/lag.ts'
import { log } from '../base/log.ts'
import type { Service } from '../base/service.ts'
import { type ResolvedWorkerOptions, resolveWorkerOptions, type WorkerOptions } from './options.ts'
import { Shift } from './shift.ts'
import { Tally, type WorkerCounts } from './tally.ts'

export type { WorkerCounts, WorkerOptions }

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
}

/**
 * Runs the tasks of an application off its queues. Made by {@link worker}.
 *
 * `stop` ends warmly: no more messages are taken, what has not started goes back to its queue, what runs has the grace
 * period to end. A second `stop` meanwhile ends the grace period.
 */
export class Worker implements Service {
  readonly options: ResolvedWorkerOptions
  readonly #app: App
  readonly #clock: Clock
  readonly #tally = new Tally()
  #state: WorkerState = 'stopped'
  /** Somebody who stops it cannot wait. */
  #isHurried = false
  #shift: Shift | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(app: App, given: WorkerOptions, clock: Clock) {
    this.options = resolveWorkerOptions(given, app.settings)
    this.#app = app
    this.#clock = clock
  }

  get hostname(): string {
    return this.options.hostname
  }

  get state(): WorkerState {
    return this.#state
  }

  stats(): WorkerStats {
    const { running = 0, waiting = 0, held = 0, abandoned = 0, lag } = this.#shift ?? {}
    return { ...this.#tally.counts, running, waiting, held, abandoned, lag }
  }

  /**
   * Connects, declares the queues and begins to read them.
   * @throws LovageError `BROKER_UNREACHABLE`, `BROKER_REFUSED`, `TOPOLOGY_MISMATCH`
   */
  start(): Promise<void> {
    if (this.#stopping) return this.#stopping.then(() => this.start())
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = undefined
      this.#state = 'stopped'
      throw error
    })
    return this.#starting
  }

  stop(): Promise<void> {
    if (this.#stopping) {
      this.#isHurried = true
      this.#shift?.hurry()
      return this.#stopping
    }
    if (!this.#starting) return Promise.resolve()
    this.#state = 'stopping'
    this.#stopping = this.#stop(this.#starting).finally(() => {
      this.#starting = undefined
      this.#stopping = undefined
      this.#isHurried = false
      this.#state = 'stopped'
    })
    return this.#stopping
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
    this.#shift = await Shift.begin(this.#app, this.options, this.#clock, this.#tally)
    if (!this.#stopping) this.#state = 'running'
    const { hostname, queues, pool, concurrency, prefetch } = this.options
    const tasks = this.#app.registry.names().length
    log('info', 'worker', 'worker ready', { hostname, queues, pool, concurrency, prefetch, tasks })
    await hooks.run('workerReady', event)
  }

  async #stop(starting: Promise<void>): Promise<void> {
    // Whoever started it hears of a failure; for the one who stops it is stopped.
    await starting.catch(() => {})
    if (!this.#shift) return
    if (this.#isHurried) this.#shift.hurry()
    log('info', 'worker', 'worker stops', { hostname: this.hostname, running: this.#shift.running })
    const { hooks } = this.#app
    const event = { hostname: this.hostname }
    // At once with the stop, not before it: others wait for what is handed back.
    const told = hooks.run('workerShuttingDown', { ...event, how: this.#isHurried ? 'cold' : 'warm' })
    await this.#shift.end()
    await told
    if (this.options.pool === 'async') await hooks.run('childExit', { ...event, pool: 'async' })
    const { succeeded, failed, returned } = this.#tally.counts
    log('info', 'worker', 'worker stopped', { hostname: this.hostname, succeeded, failed, returned })
  }

  /** Says what would otherwise be a silent surprise. */
  #warn(): void {
    const { registry, settings } = this.#app
    const names = registry.names()
    if (names.length === 0) log('warn', 'worker', 'no task is defined: every message will be refused', {})
    const limited = names.filter((name) => registry.get(name)?.options.rateLimitPerSecond !== undefined)
    if (limited.length > 0) log('warn', 'worker', 'rateLimit is not applied by this version', { tasks: limited })
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
