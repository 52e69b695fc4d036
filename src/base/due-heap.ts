import type { Clock, Timer } from './clock.ts'

/** One entry of a {@link DueHeap}; `cancel` takes it out. */
export interface Due {
  cancel(): void
}

/** One object for each that waits, and no function to take it out: of results there are hundreds of thousands. */
class Entry implements Due {
  readonly atMs: number
  /** Of two that are due at the same time, the one added first goes first. */
  readonly order: number
  readonly fn: () => void
  index: number
  readonly #heap: DueHeap

  constructor(heap: DueHeap, entry: Pick<Entry, 'atMs' | 'fn' | 'index' | 'order'>) {
    this.#heap = heap
    this.atMs = entry.atMs
    this.order = entry.order
    this.fn = entry.fn
    this.index = entry.index
  }

  cancel(): void {
    this.#heap.cancel(this)
  }
}

/**
 * Many deadlines on one timer: a binary heap by due time, on the clock's monotonic time. Adding and cancelling cost
 * O(log n) and no timer each.
 */
export class DueHeap {
  #clock: Clock
  #heap: Entry[] = []
  #timer: Timer | undefined
  #timerAtMs = Infinity
  #unref: boolean
  #added = 0

  constructor(clock: Clock, options: { unref?: boolean } = {}) {
    this.#clock = clock
    this.#unref = options.unref ?? false
  }

  /** How many wait. */
  get size(): number {
    return this.#heap.length
  }

  /** Calls `fn` once, `ms` from now. */
  add(ms: number, fn: () => void): Due {
    const atMs = this.#clock.monotonic() + ms
    const entry = new Entry(this, { atMs, order: this.#added++, index: this.#heap.length, fn })
    this.#heap.push(entry)
    this.#up(entry.index)
    this.#arm()
    return entry
  }

  /** Forgets all that wait. */
  clear(): void {
    for (const entry of this.#heap) entry.index = -1
    this.#heap = []
    this.#arm()
  }

  /** What `add` has returned is taken out; nothing happens when it is not there any more. */
  cancel(entry: Entry): void {
    this.#remove(entry)
    // A timer for nothing must not keep the process alive; one that does not may as well run out.
    if (this.#heap.length === 0 && !this.#unref) this.#arm()
  }

  #fire(): void {
    this.#timer = undefined
    this.#timerAtMs = Infinity
    const now = this.#clock.monotonic()
    try {
      for (let first = this.#heap[0]; first && first.atMs <= now; first = this.#heap[0]) {
        this.#remove(first)
        first.fn()
      }
    } finally {
      this.#arm()
    }
  }

  #arm(): void {
    const atMs = this.#heap[0]?.atMs ?? Infinity
    // A timer that is too early finds nothing due and arms itself again: cheaper than one new timer a cancel.
    if (this.#timer && this.#timerAtMs <= atMs && atMs !== Infinity) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAtMs = atMs
    if (atMs === Infinity) return
    const waitMs = Math.max(0, Math.ceil(atMs - this.#clock.monotonic()))
    this.#timer = this.#clock.after(waitMs, () => this.#fire(), { unref: this.#unref })
  }

  #remove(entry: Entry): void {
    const { index } = entry
    if (index < 0) return
    entry.index = -1
    const last = this.#heap.pop()
    if (!last || last === entry) return
    this.#heap[index] = last
    last.index = index
    this.#up(index)
    this.#down(last.index)
  }

  #up(start: number): void {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#isBefore(parent, index)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  #down(start: number): void {
    let index = start
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      let least = index
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #isBefore(a: number, b: number): boolean {
    const one = this.#heap[a] as Entry
    const two = this.#heap[b] as Entry
    return one.atMs < two.atMs || (one.atMs === two.atMs && one.order < two.order)
  }

  #swap(a: number, b: number): void {
    const one = this.#heap[a] as Entry
    const two = this.#heap[b] as Entry
    this.#heap[a] = two
    this.#heap[b] = one
    two.index = a
    one.index = b
  }
}
