import { Ring } from './ring.ts'

/** So many are never looked through. */
const FEW = 64

/**
 * The order of age of what is in a map and may leave it from anywhere. The map itself has that order too, but to look at
 * its front is to step over all that was deleted there since it was last packed, thousands in a large one; and an iterator
 * that waits there holds every table that the map has had since.
 */
export class Oldest<K, V extends object> {
  readonly #map: Pick<ReadonlyMap<K, V>, 'get' | 'size'>
  readonly #keyOf: (value: V) => K
  #ring = new Ring<V>()

  constructor(map: Pick<ReadonlyMap<K, V>, 'get' | 'size'>, keyOf: (value: V) => K) {
    this.#map = map
    this.#keyOf = keyOf
  }

  /** The youngest, just put into the map. One that has left it does not come again. */
  add(value: V): void {
    this.#ring.push(value)
    // What has left is let go of once it is the larger part.
    if (this.#ring.size <= FEW || this.#ring.size <= 2 * this.#map.size) return
    const left = new Ring<V>()
    for (const one of this.#ring) if (this.#isThere(one)) left.push(one)
    this.#ring = left
  }

  /** Undefined when the map is empty. */
  get value(): V | undefined {
    for (let first = this.#ring.peek(); first; first = this.#ring.peek()) {
      if (this.#isThere(first)) return first
      this.#ring.shift()
    }
    return undefined
  }

  #isThere(value: V): boolean {
    return this.#map.get(this.#keyOf(value)) === value
  }
}
