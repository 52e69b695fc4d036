import type { Clock } from '../base/clock.ts'
import type { DueList, Store } from '../store/store.ts'

/** Due when nobody is there any more: how far it is to there tells what time it is. */
const FAR_MS = 100_000_000_000_000

/**
 * The store's calendar clock, by which all schedulers of a ledger go: theirs may differ, and what one has sent the other
 * would send again.
 */
export class StoreTime {
  readonly #clock: Clock
  readonly #mark: DueList
  #isMarked = false

  constructor(store: Store, key: string, clock: Clock) {
    this.#clock = clock
    this.#mark = store.due(key)
  }

  /** What it shows, in milliseconds since 1970. @throws as the store does */
  async now(): Promise<number> {
    if (!this.#isMarked) {
      await this.#mark.put('far', { atMs: FAR_MS, value: '', ifVersion: 0 })
      this.#isMarked = true
    }
    const { nextInMs } = await this.#mark.take({ claimMs: 1 })
    if (nextInMs !== undefined) return FAR_MS - nextInMs
    // The store has been emptied.
    this.#isMarked = false
    return this.#clock.now()
  }
}
