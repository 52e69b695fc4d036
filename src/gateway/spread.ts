/** Each bucket reaches a sixth further than the one before it: what is read from it is at most so much too high. */
const STEP = 1.16

/** The first bucket, in milliseconds. */
const LEAST_MS = 0.1

/** Enough for ten minutes; what is longer counts as that. */
const BUCKETS = 106

const LOG_STEP = Math.log(STEP)

/**
 * How long things have taken lately, in little room: counts by length, in parts of time of which the oldest are forgotten
 * as new ones begin.
 */
export class Spread {
  readonly #parts: Uint32Array[]
  #now = 0

  /** `parts`: how many are remembered. */
  constructor(parts: number) {
    this.#parts = Array.from({ length: Math.max(1, parts) }, () => new Uint32Array(BUCKETS))
  }

  add(ms: number): void {
    const at = ms <= LEAST_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / LEAST_MS) / LOG_STEP))
    const part = this.#parts[this.#now] as Uint32Array
    part[at] = (part[at] as number) + 1
  }

  /** A new part begins, in place of the oldest. */
  turn(): void {
    this.#now = (this.#now + 1) % this.#parts.length
    this.#parts[this.#now]?.fill(0)
  }

  get count(): number {
    return this.#parts.reduce((sum, part) => part.reduce((all, one) => all + one, sum), 0)
  }

  /** The lengths within which these shares (0 to 1) of all were, in milliseconds; null where there was none. */
  within(...shares: readonly number[]): (number | null)[] {
    const { count } = this
    return shares.map((share) => {
      if (count === 0) return null
      let left = Math.max(1, Math.ceil(count * share))
      for (let at = 0; at < BUCKETS; at++) {
        for (const part of this.#parts) left -= part[at] as number
        if (left <= 0) return Math.round(LEAST_MS * STEP ** at * 100) / 100
      }
      return null
    })
  }
}
