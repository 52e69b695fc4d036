/** What stands in an {@link OrderedHeap} knows its place in it. */
export interface Placed {
  /** -1 while it stands in none. */
  place: number
}

/** A binary heap from which anything can be taken out: the first by `isBefore` is on top. */
export class OrderedHeap<T extends Placed> {
  readonly #isBefore: (a: T, b: T) => boolean
  readonly #heap: T[] = []

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#heap.length
  }

  get first(): T | undefined {
    return this.#heap[0]
  }

  add(one: T): void {
    one.place = this.#heap.length
    this.#heap.push(one)
    this.#up(one.place)
  }

  /** True when it stood in this heap. */
  remove(one: T): boolean {
    const { place } = one
    if (this.#heap[place] !== one) return false
    one.place = -1
    const last = this.#heap.pop() as T
    if (last === one) return true
    this.#put(last, place)
    this.#up(place)
    this.#down(last.place)
    return true
  }

  /** Takes the first. */
  shift(): T | undefined {
    const [first] = this.#heap
    if (first) this.remove(first)
    return first
  }

  #put(one: T, place: number): void {
    this.#heap[place] = one
    one.place = place
  }

  #up(start: number): void {
    const one = this.#heap[start] as T
    let place = start
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = this.#heap[parent] as T
      if (!this.#isBefore(one, above)) break
      this.#put(above, place)
      place = parent
    }
    this.#put(one, place)
  }

  #down(start: number): void {
    const one = this.#heap[start] as T
    let place = start
    for (;;) {
      const left = 2 * place + 1
      if (left >= this.#heap.length) break
      const right = left + 1
      const isRight = right < this.#heap.length && this.#isBefore(this.#heap[right] as T, this.#heap[left] as T)
      const least = isRight ? right : left
      if (!this.#isBefore(this.#heap[least] as T, one)) break
      this.#put(this.#heap[least] as T, place)
      place = least
    }
    this.#put(one, place)
  }
}
