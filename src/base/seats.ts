/** What stands in {@link Seats}, in one of them at a time. */
export interface Seated {
  /** Where; -1: nowhere. Only {@link Seats} writes it. */
  seat: number
}

/** So many places are kept when all have left. */
const FEW = 1_024

/**
 * What has come and not gone, in the order of coming: who goes may stand anywhere. A `Set` does the same, but makes itself a
 * new table every so many comings, and each table that it has left points to the next one. When one of them has grown old
 * in the eyes of the garbage collector, all that follow are kept until its next full round, with whatever stood in them.
 */
export class Seats<T extends Seated> {
  #items: (T | undefined)[] = []
  /** One past the last that is taken. */
  #end = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  add(item: T): void {
    // Half of them empty: those who stand move up, in place of more room.
    if (this.#end === this.#items.length && this.#size <= this.#end / 2) this.#moveUp()
    item.seat = this.#end
    if (this.#end === this.#items.length) this.#items.push(item)
    else this.#items[this.#end] = item
    this.#end++
    this.#size++
  }

  has(item: T): boolean {
    return item.seat >= 0 && this.#items[item.seat] === item
  }

  /** False: it was not there. */
  delete(item: T): boolean {
    if (!this.has(item)) return false
    this.#items[item.seat] = undefined
    item.seat = -1
    this.#size--
    while (this.#end > 0 && this.#items[this.#end - 1] === undefined) this.#end--
    if (this.#size === 0 && this.#items.length > FEW) this.#items = []
    return true
  }

  /** All that stand now, the first first. */
  all(): T[] {
    const found: T[] = []
    for (let at = 0; at < this.#end; at++) {
      const item = this.#items[at]
      if (item) found.push(item)
    }
    return found
  }

  #moveUp(): void {
    let to = 0
    for (let at = 0; at < this.#end; at++) {
      const item = this.#items[at]
      if (!item) continue
      this.#items[at] = undefined
      this.#items[to] = item
      item.seat = to++
    }
    this.#end = to
  }
}
