/** Upper bounds of the buckets of wait times, ms; the last bucket has none. */
export const WAIT_BUCKETS_MS: readonly number[] = [10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000]

const BUCKETS = WAIT_BUCKETS_MS.length + 1

/** An hour in columns of five minutes. */
const STEP_MS = 300_000
const COLUMNS = 12

const MOST_QUEUES = 5_000

interface Heat {
  readonly counts: Uint32Array
  readonly numbers: Float64Array
}

/** How long tasks have waited, of each queue: for each five minutes of the last hour, how many waited how long. */
export class Waits {
  readonly #queues = new Map<string, Heat>()

  count(queue: string, waitMs: number, nowMs: number): void {
    let heat = this.#queues.get(queue)
    if (!heat) {
      if (this.#queues.size >= MOST_QUEUES) return
      heat = { counts: new Uint32Array(COLUMNS * BUCKETS), numbers: new Float64Array(COLUMNS) }
      this.#queues.set(queue, heat)
    }
    const number = Math.floor(nowMs / STEP_MS)
    const place = number % COLUMNS
    if (heat.numbers[place] !== number) {
      heat.numbers[place] = number
      heat.counts.fill(0, place * BUCKETS, (place + 1) * BUCKETS)
    }
    const bucket = WAIT_BUCKETS_MS.findIndex((bound) => waitMs <= bound)
    const at = place * BUCKETS + (bucket < 0 ? BUCKETS - 1 : bucket)
    heat.counts[at] = (heat.counts[at] as number) + 1
  }

  /** Columns, the oldest first. */
  read(queue: string, nowMs: number): number[][] {
    const heat = this.#queues.get(queue)
    const last = Math.floor(nowMs / STEP_MS)
    return Array.from({ length: COLUMNS }, (_, index) => {
      const number = last - COLUMNS + 1 + index
      const place = number % COLUMNS
      if (!heat || heat.numbers[place] !== number) return new Array<number>(BUCKETS).fill(0)
      return [...heat.counts.subarray(place * BUCKETS, (place + 1) * BUCKETS)]
    })
  }

  forget(queue: string): void {
    this.#queues.delete(queue)
  }
}
