import type { Due } from '../../../base/due-heap.ts'
import type { Ground } from './ground.ts'
import { FAMILY, type Item } from './item.ts'
import type { Answer, Operation } from './operation.ts'

interface Holding {
  readonly item: Item
  due: Due
}

/** Leases by key and holder. An item has token and time given, and its end. */
export class Leases {
  readonly #ground: Ground
  readonly #holdings = new Map<string, Map<string, Holding>>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  get size(): number {
    return this.#holdings.size
  }

  lease({ key, holder, ttlMs, slots }: Operation<'lease'>): Answer<'lease'> {
    const own = this.#live(key, holder)
    if (own) return this.#prolong(own, ttlMs)
    const others = [...(this.#holdings.get(key)?.keys() ?? [])].filter((other) => this.#live(key, other))
    if (others.length >= slots) return { token: 0, freeInMs: this.#freeInMs(key) }
    const times = [this.#ground.clock.monotonic() + ttlMs]
    const item: Item = { family: FAMILY.lease, key, sub: holder, numbers: [0, ttlMs], times, value: undefined }
    this.#ground.admit(item)
    item.numbers[0] = this.#ground.next()
    this.#ground.add(item)
    this.#hold(item)
    return { token: item.numbers[0], freeInMs: 0 }
  }

  renew({ key, holder, token, ttlMs }: Operation<'renew'>): boolean {
    const own = this.#live(key, holder)
    if (own?.item.numbers[0] !== token) return false
    this.#prolong(own, ttlMs)
    return true
  }

  release({ key, holder, token }: Operation<'release'>): boolean {
    const own = this.#live(key, holder)
    if (own?.item.numbers[0] !== token) return false
    this.#remove(own)
    this.#ground.drop(own.item)
    return true
  }

  restore(item: Item): void {
    item.times = [this.#ground.leftOf(item.times[0] as number, item.numbers[1] as number)]
    this.#ground.restore(item)
    this.#hold(item)
  }

  #prolong(own: Holding, ttlMs: number): Answer<'lease'> {
    const { item } = own
    item.numbers = [item.numbers[0] as number, ttlMs]
    item.times = [this.#ground.clock.monotonic() + ttlMs]
    own.due.cancel()
    own.due = this.#await(item)
    this.#ground.changed(item)
    return { token: item.numbers[0] as number, freeInMs: 0 }
  }

  #freeInMs(key: string): number {
    let first = Infinity
    for (const { item } of this.#holdings.get(key)?.values() ?? []) first = Math.min(first, item.times[0] as number)
    return Math.max(1, Math.ceil(first - this.#ground.clock.monotonic()))
  }

  #live(key: string, holder: string): Holding | undefined {
    const holding = this.#holdings.get(key)?.get(holder)
    if (!holding || (holding.item.times[0] as number) > this.#ground.clock.monotonic()) return holding
    this.#lapse(holding.item)
    return undefined
  }

  #hold(item: Item): void {
    const holders = this.#holdings.get(item.key) ?? new Map<string, Holding>()
    this.#holdings.set(item.key, holders.set(item.sub, { item, due: this.#await(item) }))
  }

  #await(item: Item): Due {
    const inMs = (item.times[0] as number) - this.#ground.clock.monotonic()
    return this.#ground.dues.add(Math.max(0, inMs), () => this.#lapse(item))
  }

  #lapse(item: Item): void {
    const holding = this.#holdings.get(item.key)?.get(item.sub)
    if (holding?.item !== item) return
    this.#remove(holding)
    this.#ground.lapse(item)
  }

  #remove({ item, due }: Holding): void {
    due.cancel()
    const holders = this.#holdings.get(item.key)
    if (holders?.delete(item.sub) && holders.size === 0) this.#holdings.delete(item.key)
  }
}
