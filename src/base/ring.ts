/** A first-in-first-out queue on a ring buffer: adding and taking cost O(1), and what is taken leaves no hole behind. */
export class Ring<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(16)
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Adds at the end. */
  push(item: T): void {
    if (this.#size === this.#slots.length) this.#resize(this.#size * 2)
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item
    this.#size++
  }

  /** The first, left where it is. */
  peek(): T | undefined {
    return this.#slots[this.#head]
  }

  /** Takes the first. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size--
    // A backlog of a million must not hold its memory for ever once it is worked off.
    if (this.#slots.length > 1024 && this.#size * 8 < this.#slots.length) this.#resize(this.#slots.length / 2)
    return item
  }

  /** All, first to last; the ring must not change meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.#size; i++) yield this.#slots[(this.#head + i) & (this.#slots.length - 1)] as T
  }

  #resize(length: number): void {
    const slots = new Array<T | undefined>(length)
    for (let i = 0; i < this.#size; i++) slots[i] = this.#slots[(this.#head + i) & (this.#slots.length - 1)]
    this.#slots = slots
    this.#head = 0
  }
}
