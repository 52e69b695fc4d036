import type { Clock } from '../base/clock.ts'

/** What is remembered of a task whose id a client was told. */
export interface Ticket {
  readonly task: string
  readonly acceptedAtMs: number
}

/** The tasks whose ids were given out by this gateway: they exist, even while nothing else is known of them. */
export class Tickets {
  readonly #held = new Map<string, Ticket>()
  readonly #most: number
  readonly #clock: Clock

  /** Holds the newest `most`. */
  constructor(most: number, clock: Clock) {
    this.#most = most
    this.#clock = clock
  }

  /** A client is told of `id`. */
  give(id: string, task: string): void {
    if (this.#held.size >= this.#most) {
      const [oldest] = this.#held.keys()
      if (oldest !== undefined) this.#held.delete(oldest)
    }
    this.#held.set(id, { task, acceptedAtMs: this.#clock.now() })
  }

  get(id: string): Ticket | undefined {
    return this.#held.get(id)
  }
}
