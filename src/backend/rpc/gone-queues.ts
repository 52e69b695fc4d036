import type { Clock } from '../../base/clock.ts'

const REMEMBER_MS = 60_000
const MAX_REMEMBERED = 1_000

/**
 * Reply queues that were not there for all the tries of a result. The next results for them are tried once: a client
 * that left a thousand tasks behind must not hold the worker for a thousand times the patience.
 */
export class GoneQueues {
  readonly #clock: Clock
  readonly #untilMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(queue: string): boolean {
    return (this.#untilMs.get(queue) ?? 0) > this.#clock.monotonic()
  }

  add(queue: string): void {
    this.#untilMs.delete(queue)
    this.#untilMs.set(queue, this.#clock.monotonic() + REMEMBER_MS)
    if (this.#untilMs.size <= MAX_REMEMBERED) return
    for (const oldest of this.#untilMs.keys()) return void this.#untilMs.delete(oldest)
  }

  delete(queue: string): void {
    if (this.#untilMs.size > 0) this.#untilMs.delete(queue)
  }
}
