import type { Outcome } from '../protocol/outcome.ts'

/** Most updates of one task that wait to be sent. Of a task that reports faster, newer ones take the place of older. */
const MAX_WAITING = 16

/** What one task tells before it ends: sent one after the other, so that they arrive in order and before the outcome. */
export class Updates {
  readonly #put: (outcome: Outcome) => Promise<void>
  readonly #waiting: Outcome[] = []
  #sending: Promise<void> | undefined
  /** How many made way for newer ones. */
  dropped = 0

  /** @param put sends one; must not reject */
  constructor(put: (outcome: Outcome) => Promise<void>) {
    this.#put = put
  }

  add(outcome: Outcome): void {
    if (this.#waiting.length >= MAX_WAITING) {
      const older = this.#waiting.findIndex(({ state }) => state === outcome.state)
      this.#waiting.splice(Math.max(0, older), 1)
      this.dropped++
    }
    this.#waiting.push(outcome)
    this.#sending ??= this.#sendAll()
  }

  /** Resolves when all are sent. */
  async done(): Promise<void> {
    await this.#sending
  }

  async #sendAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) await this.#put(next)
    this.#sending = undefined
  }
}
