import type { Bucket } from '../api.ts'

/** What is counted, in the order of the columns. */
const COUNTED = ['sent', 'started', 'succeeded', 'failed', 'retried', 'revoked'] as const

const COLUMNS = new Map<string, number>(COUNTED.map((what, column) => [what, column]))

/** Rings of counts: how long a bucket is, and how many there are. */
const RINGS = [
  { stepMs: 1_000, size: 900 },
  { stepMs: 10_000, size: 2_160 },
  { stepMs: 300_000, size: 288 },
] as const

/** What can be asked for: from which ring, and how many of its buckets make one. */
export const RANGES = {
  '15m': { ring: 1, buckets: 90, each: 1 },
  '1h': { ring: 1, buckets: 120, each: 3 },
  '6h': { ring: 1, buckets: 180, each: 12 },
  '24h': { ring: 2, buckets: 288, each: 1 },
} as const

export type Range = keyof typeof RANGES

/** Counts of events over time, in rings of finer and coarser buckets: however much happens, they stay as large as they are. */
export class Series {
  readonly #rings = RINGS.map(({ stepMs, size }) => new CountRing(stepMs, size))

  /** Something happened to a task: `sent`, `started`, ... What is not counted changes nothing. */
  count(what: string, nowMs: number, count = 1): void {
    const column = COLUMNS.get(what)
    if (column === undefined) return
    for (const ring of this.#rings) ring.add(column, nowMs, count)
  }

  /** Of each bucket of the range, the oldest first; the last is the one that is being filled. */
  read(range: Range, nowMs: number): { readonly stepMs: number; readonly buckets: readonly Bucket[] } {
    const { ring: number, buckets: count, each } = RANGES[range]
    const ring = this.#rings[number] as CountRing
    const stepMs = ring.stepMs * each
    const last = Math.floor(nowMs / stepMs)
    const buckets: Bucket[] = []
    for (let at = last - count + 1; at <= last; at++) {
      const sums = ring.sums(at * each, (at + 1) * each)
      buckets.push({ atMs: at * stepMs, ...named(sums) })
    }
    return { stepMs, buckets }
  }

  /** Per second, over the last minute that is whole. */
  rates(nowMs: number): Record<(typeof COUNTED)[number], number> {
    const ring = this.#rings[0] as CountRing
    const last = Math.floor(nowMs / 1_000)
    const sums = named(ring.sums(last - 60, last))
    for (const what of COUNTED) sums[what] /= 60
    return sums
  }

  /** What `restore` takes. */
  save(): unknown {
    return this.#rings.slice(1).map((ring) => ring.save())
  }

  /** Adds what another run has saved. What is none of that changes nothing. */
  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return
    for (const [at, ring] of this.#rings.slice(1).entries()) ring.restore(saved[at])
  }
}

function named(sums: readonly number[]): Record<(typeof COUNTED)[number], number> {
  const [sent = 0, started = 0, succeeded = 0, failed = 0, retried = 0, revoked = 0] = sums
  return { sent, started, succeeded, failed, retried, revoked }
}

class CountRing {
  readonly stepMs: number
  readonly #size: number
  readonly #counts: Uint32Array
  /** The number of the bucket that each place has now. */
  readonly #numbers: Float64Array

  constructor(stepMs: number, size: number) {
    this.stepMs = stepMs
    this.#size = size
    this.#counts = new Uint32Array(size * COUNTED.length)
    this.#numbers = new Float64Array(size)
  }

  add(column: number, nowMs: number, count: number): void {
    this.#addTo(Math.floor(nowMs / this.stepMs), column, count)
  }

  #addTo(number: number, column: number, count: number): void {
    const place = number % this.#size
    const from = place * COUNTED.length
    if (this.#numbers[place] !== number) {
      // A clock that was set back must not empty what is newer.
      if ((this.#numbers[place] as number) > number) return
      this.#numbers[place] = number
      this.#counts.fill(0, from, from + COUNTED.length)
    }
    this.#counts[from + column] = (this.#counts[from + column] as number) + count
  }

  /** Of the buckets from one number up to another. */
  sums(from: number, to: number): number[] {
    const sums = COUNTED.map(() => 0)
    for (let number = Math.max(0, from); number < to; number++) {
      const place = number % this.#size
      if (this.#numbers[place] !== number) continue
      for (let column = 0; column < sums.length; column++) {
        sums[column] = (sums[column] as number) + (this.#counts[place * COUNTED.length + column] as number)
      }
    }
    return sums
  }

  save(): number[][] {
    const rows: number[][] = []
    for (let place = 0; place < this.#size; place++) {
      const counts = [...this.#counts.subarray(place * COUNTED.length, (place + 1) * COUNTED.length)]
      if (counts.some((count) => count > 0)) rows.push([this.#numbers[place] as number, ...counts])
    }
    return rows
  }

  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return
    for (const row of saved as unknown[]) {
      if (!Array.isArray(row) || !row.every((cell) => Number.isSafeInteger(cell) && (cell as number) >= 0)) continue
      const [number = 0, ...counts] = row as number[]
      counts.slice(0, COUNTED.length).forEach((count, column) => this.#addTo(number, column, count))
    }
  }
}
