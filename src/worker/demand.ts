import { MAX_PREFETCH, multiplied, type ResolvedCreditOptions } from './credit-options.ts'

/** How things are in a worker, as far as it matters to how many messages it asks for. */
export interface Load {
  /** Slots of all pools, and those of them that are free. */
  readonly size: number
  readonly free: number
  /** Tasks that could start now, and wait: for a slot of their pool, or for their rate limit. */
  readonly waiting: number
  /** Tasks that wait for their time. */
  readonly held: number
  /** Tasks in hand that take no credit. */
  readonly leased: number
}

/** The options that it goes by. */
export type DemandOptions = ResolvedCreditOptions & {
  /** Slots of all pools at the start. */
  readonly slots: number
}

/**
 * How many messages a worker wants in hand: one for each slot, and those beyond. Each task that waits where others could
 * run (its pool is full and another is not, or its rate limit holds it) lets one more come, up to the high water mark;
 * from there on nothing more comes until so many of them have gone that the low one is reached.
 */
export class Demand {
  readonly #options: DemandOptions
  /** How many may come in addition for those who wait. */
  #parked = 0
  #isFull = false

  constructor(options: DemandOptions) {
    this.#options = options
  }

  prefetch({ size, free, waiting, held, leased }: Load): number {
    const { maxHeld, lowWater } = this.#options
    const beyond = this.#beyond(size)
    // Where no slot is free those who wait need no company: what came too much must not let more come.
    this.#parked = free > 0 ? waiting : Math.min(this.#parked, Math.max(0, waiting - beyond))
    // When it is full, free slots stay free until the low mark is reached: all that comes might have to wait as well.
    const ready = this.#isFullWith(this.#parked) ? size - free + lowWater : size + beyond + this.#parked
    const wanted = ready + Math.min(held, maxHeld) - leased
    return Math.min(MAX_PREFETCH, Math.max(1, wanted))
  }

  /** Messages in hand beyond those that can run: as many as at the start, or by the multiplier. */
  #beyond(size: number): number {
    const { prefetch, slots, prefetchMultiplier, highWater } = this.#options
    return multiplied(size, prefetchMultiplier, highWater) ?? prefetch - slots
  }

  #isFullWith(parked: number): boolean {
    const { highWater, lowWater } = this.#options
    this.#isFull = this.#isFull ? parked > lowWater : parked >= highWater
    return this.#isFull
  }
}
