/**
 * A Lamport clock, by the rules of Celery (kombu's `LamportClock`): a number that orders what nodes tell each other,
 * whatever their clocks on the wall show. One process side has one, which its events and its remote control share.
 */
export class LamportClock {
  #value: number

  constructor(value = 0) {
    this.#value = value
  }

  /** The time of the last thing sent or heard. */
  get value(): number {
    return this.#value
  }

  /** Something is sent: gives the time to send with it. */
  forward(): number {
    return ++this.#value
  }

  /**
   * Something was heard that another node sent at `other`: gives the time of hearing it, which is later than both. What is
   * no whole number that can be counted on from (a node may write what it likes) counts as a time long gone.
   */
  adjust(other: unknown): number {
    // At the largest number ++ stands still, and every order would end with one bad message.
    const heard = Number.isSafeInteger(other) && (other as number) < FURTHEST ? (other as number) : 0
    this.#value = Math.max(this.#value, heard) + 1
    return this.#value
  }
}

/** Half of what a number can count to: nobody comes here by counting. */
const FURTHEST = 2 ** 52
