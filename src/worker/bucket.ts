/**
 * So much of the time that has passed unused is made good: a timer is never on time, and each start would be later by as
 * much. Short enough that nobody sees a burst of starts after a pause.
 */
const SLACK_MS = 50

/** A token bucket of capacity one, as Celery's: starts evenly spread, so many a second. */
export class Bucket {
  #intervalMs: number
  /** When the next token is there, monotonic. */
  #nextMs = -Infinity

  /** @param perSecond `Infinity`: there is always a token */
  constructor(perSecond: number) {
    this.#intervalMs = 1000 / perSecond
  }

  /** A new rate, from now on. */
  change(perSecond: number, nowMs: number): void {
    const intervalMs = 1000 / perSecond
    if (intervalMs === this.#intervalMs) return
    this.#intervalMs = intervalMs
    this.#nextMs = Math.min(this.#nextMs, nowMs + intervalMs)
  }

  /** Milliseconds until there is a token; 0: now. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#nextMs - nowMs)
  }

  /** Takes a token, if there is one. */
  take(nowMs: number): boolean {
    if (this.#nextMs > nowMs) return false
    this.#nextMs = Math.max(this.#nextMs, nowMs - SLACK_MS) + this.#intervalMs
    return true
  }
}
