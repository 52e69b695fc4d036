import type { Clock } from '../base/clock.ts'

/** How many messages the worker may have in hand. Many changes in one turn of the event loop go to the broker as one. */
export class Credit {
  readonly #clock: Clock
  readonly #apply: (prefetch: number) => void
  #wanted: number
  #applied: number
  #isPlanned = false

  constructor(clock: Clock, prefetch: number, apply: (prefetch: number) => void) {
    this.#clock = clock
    this.#apply = apply
    this.#wanted = prefetch
    this.#applied = prefetch
  }

  set(prefetch: number): void {
    this.#wanted = prefetch
    if (this.#isPlanned || prefetch === this.#applied) return
    this.#isPlanned = true
    this.#clock.turn(() => {
      this.#isPlanned = false
      if (this.#wanted === this.#applied) return
      this.#applied = this.#wanted
      this.#apply(this.#wanted)
    })
  }
}
