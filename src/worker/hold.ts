import type { Clock } from '../base/clock.ts'
import { type Due, DueHeap } from '../base/due-heap.ts'
import type { Work } from './work.ts'

/** Longest time to trust the monotonic clock alone: the wall clock, by which etas are written, may be set meanwhile. */
const LOOK_AGAIN_MS = 60 * 60_000

/** Tasks that wait in memory for their time, unacknowledged, all on one timer. */
export class Hold {
  readonly #clock: Clock
  readonly #onDue: (work: Work) => void
  readonly #dues: DueHeap
  readonly #held = new Map<Work, Due>()

  constructor(clock: Clock, onDue: (work: Work) => void) {
    this.#clock = clock
    this.#onDue = onDue
    this.#dues = new DueHeap(clock)
  }

  get size(): number {
    return this.#held.size
  }

  /** Holds a task until `etaMs`, epoch time. */
  add(work: Work, etaMs: number): void {
    const leftMs = etaMs - this.#clock.now()
    const due = this.#dues.add(Math.min(leftMs, LOOK_AGAIN_MS), () => {
      if (etaMs > this.#clock.now()) return this.add(work, etaMs)
      this.#held.delete(work)
      this.#onDue(work)
    })
    this.#held.set(work, due)
  }

  /** Takes a task out before its time. False: it is not here. */
  remove(work: Work): boolean {
    const due = this.#held.get(work)
    due?.cancel()
    return due !== undefined && this.#held.delete(work)
  }

  /** Those who wait, in no order. */
  get works(): Iterable<Work> {
    return this.#held.keys()
  }

  /** Lets go of all, before their time. */
  release(): Work[] {
    const works = [...this.#held.keys()]
    this.#held.clear()
    this.#dues.clear()
    return works
  }
}
