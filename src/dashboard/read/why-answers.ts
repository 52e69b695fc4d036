import type { Clock } from '../../base/clock.ts'
import type { Why } from '../api-tasks.ts'

/** An answer is good for so long: what is asked takes messages out of queues and puts them back. */
const GOOD_MS = 5_000

/** Answers that are kept. */
const MOST_KEPT = 100

interface Kept {
  /** Infinity: it is being asked. */
  atMs: number
  readonly answer: Promise<Why>
}

/**
 * Why tasks are not running, asked for one after the other: who looks through a queue holds its messages meanwhile, and
 * another that looked would not find them. Many who ask for one task at a time get one answer.
 */
export class WhyAnswers {
  readonly #clock: Clock
  readonly #kept = new Map<string, Kept>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `key`: what is asked for. Rejects as `explain` does. */
  get(key: string, explain: () => Promise<Why>): Promise<Why> {
    const known = this.#kept.get(key)
    if (known && this.#clock.now() - known.atMs < GOOD_MS) return known.answer
    const answer = this.#last.then(explain)
    const kept: Kept = { atMs: Infinity, answer }
    this.#kept.set(key, kept)
    this.#last = answer.then(
      () => void (kept.atMs = this.#clock.now()),
      // Who asks next may be luckier.
      () => void (this.#kept.get(key) === kept && this.#kept.delete(key)),
    )
    for (const [oldest, { atMs }] of this.#kept) {
      if (this.#kept.size <= MOST_KEPT) break
      if (atMs !== Infinity) this.#kept.delete(oldest)
    }
    return answer
  }
}
