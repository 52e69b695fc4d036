import type { App } from '../app/app.ts'
import type { AskedBinding } from '../app/queues.ts'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Pool } from '../pool/pool.ts'
import { Autoscale, type AutoscaleRange } from './autoscale.ts'
import { MAX_PREFETCH } from './credit-options.ts'
import type { InHand } from './in-hand.ts'
import type { Lanes } from './lanes.ts'
import type { ResolvedWorkerOptions } from './options.ts'
import { Rates } from './rates.ts'
import { Reading } from './reading.ts'
import type { RevokeOptions, Revoking } from './revoke.ts'
import { Revoked } from './revoked.ts'
import { RevokedStamps, type Stamps } from './revoked-stamps.ts'
import { type Limits, TimeLimits } from './time-limits.ts'
import type { Work } from './work.ts'

/** What of a worker can be steered while it runs. */
export interface Steered {
  readonly lanes: Lanes
  readonly inHand: InHand
  readonly revoking: Revoking
  /** Those who wait for their time. */
  readonly held: () => Iterable<Work>
  /** Tasks left to the broker until their time. */
  readonly away: () => readonly Work[]
  /** The rate of a task has changed. */
  readonly onRate: (task: string) => void
  /** A pool has another size. */
  readonly onResize: () => void
  /** How many messages it wants in hand. */
  readonly prefetch: () => number
  /** Reads the queues of now; `queue` is declared before. */
  readonly read: (queue?: string) => Promise<void>
}

/** What a worker can be told, and what it tells, while it runs. Remembers it from one start to the next. */
export class Steering {
  readonly rates: Rates
  readonly timeLimits: TimeLimits
  readonly revoked: Revoked
  readonly stamps: RevokedStamps = new RevokedStamps()
  readonly reading: Reading
  readonly #clock: Clock
  readonly #keepaliveMs: number
  /** Slots of one child of the worker's own pool. */
  readonly #unit: number
  /** Where no task comes before there is a slot for it, none waits that could tell that there are too few slots. */
  readonly #spare: number
  /** When the worker began to read its queues, monotonic; 0: it has not. */
  startedAtMs = 0
  #range: AutoscaleRange | undefined
  #steered: Steered | undefined
  #autoscale: Autoscale | undefined

  constructor(
    options: ResolvedWorkerOptions,
    { registry, settings }: Pick<App, 'registry' | 'settings'>,
    clock: Clock,
  ) {
    this.rates = new Rates(registry)
    this.timeLimits = new TimeLimits(registry, options)
    this.reading = new Reading(settings, clock, options.queues)
    this.revoked = new Revoked(clock)
    this.#clock = clock
    this.#unit = options.pool === 'async' ? 1 : options.perChild
    this.#spare = options.prefetch > options.slots ? 0 : 1
    this.#range = options.autoscale && { max: options.autoscale.max, min: options.autoscale.min }
    this.#keepaliveMs = options.autoscale?.keepaliveMs ?? KEEPALIVE_MS
  }

  /** A shift begins. */
  attach(steered: Steered): void {
    this.#steered = steered
    this.startedAtMs = this.#clock.monotonic()
    this.#scale()
  }

  /** It is about to end: the pool grows and shrinks no more. */
  keepSize(): void {
    this.#autoscale?.stop()
    this.#autoscale = undefined
  }

  /** It has ended. */
  detach(): void {
    this.keepSize()
    this.#steered = undefined
  }

  /** Tasks have come, or have begun to wait. */
  look(): void {
    this.#autoscale?.look()
  }

  get range(): AutoscaleRange | undefined {
    return this.#range
  }

  revoke(ids: readonly string[], options: RevokeOptions): string[] {
    if (this.#steered) return this.#steered.revoking.revoke(ids, options)
    for (const id of ids) this.revoked.add(id)
    return []
  }

  revokeStamped(stamps: Stamps, options: RevokeOptions): string[] {
    if (!this.stamps.add(stamps)) log('error', 'worker', 'stamps are not remembered: there are too many', {})
    return this.#steered?.revoking.revokeStamped(stamps, options) ?? []
  }

  rateLimit(task: string, rate: string | number | null): void {
    this.rates.set(task, rate)
    log('info', 'worker', 'rate limit is changed', { task, rate })
    this.#steered?.onRate(task)
  }

  timeLimit(task: string, limits: Limits): void {
    this.timeLimits.set(task, limits)
    log('info', 'worker', 'time limits are changed', { task, ...limits })
  }

  async addConsumer(name: string, binding: AskedBinding): Promise<void> {
    const isNew = this.reading.ownOf(name) === undefined
    const queue = this.reading.ask(name, binding)
    try {
      await this.#steered?.read(queue)
    } catch (error) {
      if (isNew) this.reading.remove(queue)
      throw error
    }
    log('info', 'worker', 'a queue is read too', { queue: name, ...binding })
  }

  /** False: it was not read. */
  async cancelConsumer(name: string): Promise<boolean> {
    const queue = this.reading.ownOf(name)
    if (queue === undefined) return false
    const restore = this.reading.remove(queue, { isTold: true })
    try {
      await this.#steered?.read()
    } catch (error) {
      restore()
      throw error
    }
    log('info', 'worker', 'a queue is read no more', { queue: name })
    return true
  }

  autoscale(max: number, min: number): void {
    if (!Number.isSafeInteger(min) || min < 1) throw invalid('min', min, 'Write a whole number, 1 or more')
    if (!Number.isSafeInteger(max) || max < min) throw invalid('max', max, `Write a whole number, ${min} or more`)
    if (max * this.#unit > MOST_SLOTS) throw tooMany('max', max * this.#unit)
    this.#range = { max, min }
    if (this.#autoscale) this.#autoscale.change(this.#slots(this.#range))
    else this.#scale()
  }

  /** Adds so many tasks at once to the worker's own pool, threads or processes of it; one is left. Gives its slots. */
  resize(by: number): number {
    if (!Number.isSafeInteger(by)) throw invalid('count', by, 'Write a whole number')
    if (this.#range) throw new LovageError('AUTOSCALE_ON')
    if (!this.#steered) throw new LovageError('WORKER_STOPPED', { what: 'resized' })
    const { pool } = this.#steered.lanes.main
    const size = Math.max(this.#unit, pool.size + by * this.#unit)
    if (size > MOST_SLOTS) throw tooMany('count', size)
    this.#resize(size)
    return pool.size
  }

  /** How many messages it wants in hand; 0 while it is stopped. */
  get prefetch(): number {
    return this.#steered?.prefetch() ?? 0
  }

  /** The pools, the worker's own first; none while it is stopped. */
  get pools(): readonly Pool[] {
    return this.#steered?.lanes.pools ?? []
  }

  /** Tasks that run. */
  get active(): readonly Work[] {
    return this.#works((work) => work.job !== undefined)
  }

  /** Tasks that wait for their time, in hand or left to the broker. */
  get scheduled(): readonly Work[] {
    return this.#steered ? [...this.#steered.held(), ...this.#steered.away()] : []
  }

  /** Tasks that wait for a slot or for their rate limit. */
  get reserved(): readonly Work[] {
    const held = new Set(this.#steered?.held())
    // What is on its way to the broker is told as scheduled.
    return this.#works((work) => !work.hasStarted && !work.isSettled && !work.isPassedOn && !held.has(work))
  }

  #works(wanted: (work: Work) => boolean): readonly Work[] {
    return this.#steered ? [...this.#steered.inHand.works].filter(wanted) : []
  }

  #scale(): void {
    if (!this.#range || !this.#steered) return
    const { pool, slots } = this.#steered.lanes.main
    this.#autoscale = new Autoscale({
      ...this.#slots(this.#range),
      clock: this.#clock,
      keepaliveMs: this.#keepaliveMs,
      size: () => pool.size,
      load: () => pool.running + slots.starting + slots.waiting + this.#spare,
      resize: (size) => this.#resize(size),
    })
  }

  #slots({ max, min }: AutoscaleRange): AutoscaleRange {
    return { max: max * this.#unit, min: min * this.#unit }
  }

  #resize(size: number): void {
    const { lanes, onResize } = this.#steered as Steered
    lanes.main.pool.resize(size)
    lanes.main.slots.fill()
    onResize()
  }
}

/** As many as at the start. */
const MOST_SLOTS = MAX_PREFETCH - 1

/** Celery's. */
const KEEPALIVE_MS = 30_000

function invalid(option: string, value: unknown, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option, where: 'the worker', problem: `is ${String(value)}`, fix })
}

function tooMany(option: string, slots: number): LovageError {
  const problem = `makes ${slots} slots, more than ${MOST_SLOTS}`
  return new LovageError('OPTION_INVALID', { option, where: 'the worker', problem, fix: 'Ask for fewer' })
}
