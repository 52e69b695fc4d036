/** Entries that are put in before a table is given up, at least. */
const PUT_IN = 512

/** A table is given up when this many times as many entries were put in as it has. */
const TIMES = 4

/**
 * A map for what comes and goes quickly: calls that wait for an answer, tasks that run. It is renewed from time to time.
 *
 * V8 lays out a map anew whenever its table is full of what was deleted, and the table of before points to the new one.
 * Once one of these tables has grown old and is garbage, all later ones are kept because of it, each with whatever was in
 * it, until the next full collection: young objects are copied twice and then wait for that. A new map ends the chain.
 *
 * What is put in while somebody goes through it may not be seen by him.
 */
export class PassingMap<Key, Value> {
  #map = new Map<Key, Value>()
  #putIn = 0

  get size(): number {
    return this.#map.size
  }

  get(key: Key): Value | undefined {
    return this.#map.get(key)
  }

  has(key: Key): boolean {
    return this.#map.has(key)
  }

  set(key: Key, value: Value): this {
    if (++this.#putIn > PUT_IN && this.#putIn > this.#map.size * TIMES) {
      this.#map = new Map(this.#map)
      this.#putIn = 0
    }
    this.#map.set(key, value)
    return this
  }

  delete(key: Key): boolean {
    return this.#map.delete(key)
  }

  clear(): void {
    this.#map = new Map()
    this.#putIn = 0
  }

  keys(): MapIterator<Key> {
    return this.#map.keys()
  }

  values(): MapIterator<Value> {
    return this.#map.values()
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.#map[Symbol.iterator]()
  }
}

/** The same for a set: see {@link PassingMap}. */
export class PassingSet<Value> {
  readonly #map = new PassingMap<Value, true>()

  get size(): number {
    return this.#map.size
  }

  has(value: Value): boolean {
    return this.#map.has(value)
  }

  add(value: Value): this {
    this.#map.set(value, true)
    return this
  }

  delete(value: Value): boolean {
    return this.#map.delete(value)
  }

  clear(): void {
    this.#map.clear()
  }

  [Symbol.iterator](): MapIterator<Value> {
    return this.#map.keys()
  }
}
