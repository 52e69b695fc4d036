import type { Due } from '../../../base/due-heap.ts'
import type { Ground } from './ground.ts'
import { FAMILY, type Item } from './item.ts'
import type { Answer, KeptValue, Operation } from './operation.ts'

interface Held {
  readonly item: Item
  readonly due: Due
}

/** Of the numbers of an item: version, and the time it was given. Of its times: its end. */
const VERSION = 0
const TTL = 1

/** Values with versions. */
export class Values {
  readonly #ground: Ground
  readonly #held = new Map<string, Held>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  get size(): number {
    return this.#held.size
  }

  get(key: string): KeptValue | null {
    const item = this.#live(key)
    return item ? keptOf(item) : null
  }

  set({ key, value, ttlMs, ifVersion }: Operation<'set'>): Answer<'set'> {
    const there = this.#live(key)
    if (ifVersion !== undefined && versionOf(there) !== ifVersion) {
      return { version: 0, there: there ? keptOf(there) : null }
    }
    const numbers = [this.#ground.next(), ttlMs]
    const times = [this.#ground.clock.monotonic() + ttlMs]
    const item: Item = { family: FAMILY.value, key, sub: '', numbers, times, value }
    this.#ground.admit(item)
    // Not dropped by a record of its own: the new one says it.
    if (there) this.#leave(key)
    this.#ground.add(item)
    this.#hold(item)
    return { version: versionOf(item), there: null }
  }

  /** Whether the value may be forgotten, as far as its version goes. */
  has(key: string, version: number | undefined): boolean {
    return version === undefined || versionOf(this.#live(key)) === version
  }

  forget(key: string): boolean {
    const item = this.#live(key)
    if (!item) return false
    this.#held.get(key)?.due.cancel()
    this.#held.delete(key)
    this.#ground.drop(item)
    return true
  }

  restore(item: Item): void {
    item.times = [this.#ground.leftOf(item.times[0] as number, item.numbers[TTL] as number)]
    this.#ground.restore(item)
    this.#hold(item)
  }

  #live(key: string): Item | undefined {
    const item = this.#held.get(key)?.item
    if (!item || (item.times[0] as number) > this.#ground.clock.monotonic()) return item
    this.#leave(key)
    return undefined
  }

  #hold(item: Item): void {
    const inMs = (item.times[0] as number) - this.#ground.clock.monotonic()
    const due = this.#ground.dues.add(Math.max(0, inMs), () => this.#leave(item.key))
    this.#held.set(item.key, { item, due })
  }

  #leave(key: string): void {
    const held = this.#held.get(key)
    if (!held) return
    held.due.cancel()
    this.#held.delete(key)
    this.#ground.lapse(held.item)
  }
}

function versionOf(item: Item | undefined): number {
  return item?.numbers[VERSION] ?? 0
}

function keptOf(item: Item): KeptValue {
  return { value: item.value as string, version: versionOf(item) }
}
