import type { Clock } from '../base/clock.ts'

/** Half of how long a task is remembered, and most that are at a time. */
const HALF_MS = 150_000
const HALF_COUNT = 5_000

/**
 * Tasks that were acknowledged of late. Nobody confirms an acknowledgement: one that was on its way when the connection
 * went, or that RabbitMQ had not written down when it was killed, is lost, and the message comes again. Not remembered for
 * long, because who sends the same id again much later wants it to run.
 */
export class Acked {
  readonly #clock: Clock
  // Two halves, of which the older is dropped as a whole: no walking over what has gone.
  #newer = new Set<string>()
  #older = new Set<string>()
  #sinceMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#sinceMs = clock.monotonic()
  }

  add(key: string): void {
    this.#age()
    if (this.#newer.size >= HALF_COUNT) this.#turn(this.#clock.monotonic())
    this.#newer.add(key)
  }

  /** Whether it was acknowledged of late; it is forgotten with that. */
  delete(key: string): boolean {
    this.#age()
    return this.#newer.delete(key) || this.#older.delete(key)
  }

  #age(): void {
    const nowMs = this.#clock.monotonic()
    const ageMs = nowMs - this.#sinceMs
    if (ageMs < HALF_MS) return
    this.#turn(this.#sinceMs + HALF_MS)
    if (ageMs >= 2 * HALF_MS) this.#turn(nowMs)
  }

  #turn(sinceMs: number): void {
    this.#older = this.#newer
    this.#newer = new Set()
    this.#sinceMs = sinceMs
  }
}
