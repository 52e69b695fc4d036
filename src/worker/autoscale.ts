import type { Clock, Timer } from '../base/clock.ts'
import { log } from '../base/log.ts'

/** How often it looks whether the pool is larger than it need be. */
const LOOK_MS = 1_000

/** Between which sizes a pool is kept. */
export interface AutoscaleRange {
  /** Most tasks at once. */
  readonly max: number
  /** So many slots are there at least. */
  readonly min: number
}

/** What autoscaling needs. */
export interface AutoscaleOptions extends AutoscaleRange {
  readonly clock: Clock
  /** How long after it last grew a pool may shrink. */
  readonly keepaliveMs: number
  /** Slots of the pool. */
  readonly size: () => number
  /** Tasks that run in it or wait for it. */
  readonly load: () => number
  readonly resize: (size: number) => void
}

/** As Celery's: a pool grows at once when it has more tasks than slots, and shrinks to what it needs after a while. */
export class Autoscale {
  readonly #options: AutoscaleOptions
  #range: AutoscaleRange
  #grownAtMs: number
  #timer: Timer | undefined
  #isStopped = false

  constructor(options: AutoscaleOptions) {
    this.#options = options
    this.#range = { max: options.max, min: options.min }
    this.#grownAtMs = options.clock.monotonic()
    this.#fit()
    this.look()
  }

  get range(): AutoscaleRange {
    return this.#range
  }

  change(range: AutoscaleRange): void {
    this.#range = range
    this.#fit()
    this.look()
  }

  /** There may be more tasks than there were. */
  look(): void {
    const { size, load } = this.#options
    const wanted = Math.min(load(), this.#range.max)
    if (wanted > size()) this.#grow(wanted)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #fit(): void {
    const { size } = this.#options
    const { max, min } = this.#range
    if (size() < min) this.#grow(min)
    else if (size() > max) this.#resize(max)
    else this.#plan()
  }

  #grow(size: number): void {
    this.#grownAtMs = this.#options.clock.monotonic()
    this.#resize(size)
  }

  #resize(to: number): void {
    const { size, load, resize } = this.#options
    log('info', 'worker', 'pool is resized', { from: size(), to, load: load(), ...this.#range })
    resize(to)
    this.#plan()
  }

  /** Only what may shrink need be looked at. */
  #plan(): void {
    const { clock, size } = this.#options
    if (this.#timer || this.#isStopped || size() <= this.#range.min) return
    this.#timer = clock.after(LOOK_MS, () => this.#shrink(), { unref: true })
  }

  #shrink(): void {
    this.#timer = undefined
    const { clock, keepaliveMs, size, load } = this.#options
    const wanted = Math.max(load(), this.#range.min)
    const isIdle = wanted < size() && clock.monotonic() - this.#grownAtMs >= keepaliveMs
    if (isIdle) this.#resize(wanted)
    else this.#plan()
  }
}
