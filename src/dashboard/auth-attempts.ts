import type { Clock } from '../base/clock.ts'

/** So many wrong passwords cost nothing; each one more doubles the wait. */
const FREE = 5
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 15 * 60_000

/** After so long without another it is forgotten. */
const FORGET_MS = 60 * 60_000

/** Names and addresses that are remembered; those whose last attempt is the oldest are forgotten first. */
const MOST = 10_000

/** Each check takes 32 MiB and a thread: so many at a time, and so many wait. */
const MOST_AT_ONCE = 2
const MOST_WAITING = 20

interface Failures {
  count: number
  /** By a clock that nobody sets: one that is set back would keep people out until it has caught up. */
  lastAtMs: number
}

/** Keeps those who guess passwords waiting, by the name that they try and by where they come from. */
export class Attempts {
  readonly #failures = new Map<string, Failures>()
  readonly #clock: Clock
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Milliseconds until any of these may try again; 0: now. */
  waitMs(...keys: readonly string[]): number {
    const nowMs = this.#clock.monotonic()
    return Math.max(0, ...keys.map((key) => this.#openAtMs(key, nowMs) - nowMs))
  }

  failed(...keys: readonly string[]): void {
    const nowMs = this.#clock.monotonic()
    for (const key of keys) {
      const before = this.#failures.get(key)
      const count = before && nowMs < before.lastAtMs + FORGET_MS ? before.count : 0
      this.#failures.delete(key)
      if (this.#failures.size >= MOST) {
        const [first] = this.#failures.keys()
        if (first !== undefined) this.#failures.delete(first)
      }
      this.#failures.set(key, { count: count + 1, lastAtMs: nowMs })
    }
  }

  succeeded(...keys: readonly string[]): void {
    for (const key of keys) this.#failures.delete(key)
  }

  /** Runs a check of a password, a few at a time. Undefined: too many wait already. */
  async check<T>(run: () => Promise<T>): Promise<T | undefined> {
    if (this.#running >= MOST_AT_ONCE) {
      if (this.#waiting.length >= MOST_WAITING) return undefined
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#running++
    try {
      return await run()
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  #openAtMs(key: string, nowMs: number): number {
    const known = this.#failures.get(key)
    if (!known || known.count < FREE || nowMs >= known.lastAtMs + FORGET_MS) return nowMs
    return known.lastAtMs + Math.min(FIRST_WAIT_MS * 2 ** (known.count - FREE), LONGEST_WAIT_MS)
  }
}
