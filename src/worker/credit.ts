import type { Clock } from '../base/clock.ts'

/** How many messages the worker may have in hand. Many changes in one turn of the event loop go to the broker as one. */
export class Credit {
  readonly #clock: Clock
  readonly #wanted: () => number
  readonly #apply: (prefetch: number) => void
  #applied = 0
  #isPlanned = false

  /** @param wanted how many may be in hand as things are */
  constructor(clock: Clock, wanted: () => number, apply: (prefetch: number) => void) {
    this.#clock = clock
    this.#wanted = wanted
    this.#apply = apply
  }

  /** How many may be in hand as things are. */
  get wanted(): number {
    return this.#wanted()
  }

  /** The broker has been told this; meanwhile it may have changed. */
  told(prefetch: number): void {
    this.#applied = prefetch
    this.changed()
  }

  /** Something has changed on which it depends. */
  changed(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#clock.turn(() => {
      this.#isPlanned = false
      const wanted = this.#wanted()
      if (wanted === this.#applied) return
      this.#applied = wanted
      this.#apply(wanted)
    })
  }
}
