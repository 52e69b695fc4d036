import type { Due } from '../../../base/due-heap.ts'
import { LovageError } from '../../../base/errors.ts'
import type { Ground } from './ground.ts'
import { FAMILY, type Item } from './item.ts'
import type { Answer, Operation } from './operation.ts'

const MOST_MEMBERS = 100_000

const VALUE = 1
const TTL = 2

interface Counter {
  /**
   * When it was born (items of an earlier counter of the same key have another number), value, time given. Shared by all
   * its items: whichever is written down again has it all as it stands then.
   */
  readonly numbers: [born: number, value: number, ttlMs: number]
  /** Its end. */
  readonly times: [number]
  due: Due
  /** By member; `''` is for what was counted without one. */
  readonly items: Map<string, Item>
}

/**
 * Counters. Every item has the whole counter in it, so that a member and its effect on the value are written down
 * together; the newest record of any item of a counter is right.
 */
export class Counters {
  readonly #ground: Ground
  readonly #counters = new Map<string, Counter>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  get size(): number {
    return this.#counters.size
  }

  count(asked: Operation<'count'>): Answer<'count'> {
    const { key, by, max = Infinity, member = '', ttlMs } = asked
    const there = this.#live(key)
    const value = (there?.numbers[VALUE] ?? 0) + by
    const known = there?.items.get(member)
    if (by === 0 || value > max || (member !== '' && known)) return this.#tell(there, false)
    if (!Number.isSafeInteger(value)) {
      const problem = `would bring the counter to ${value}, which is no safe integer`
      throw new LovageError('OPTION_INVALID', { option: 'by', where: 'store.count', problem, fix: 'Count by less' })
    }
    if (!known) this.#admit(key, member, there)
    const counter = there ?? this.#make(key, ttlMs)
    counter.numbers[VALUE] = value
    if (asked.renew && there) this.#renew(key, counter, ttlMs)
    if (known) this.#ground.changed(known)
    else this.#add(key, member, counter)
    return this.#tell(counter, true)
  }

  forget(key: string): boolean {
    const counter = this.#live(key)
    if (!counter) return false
    this.#remove(key, counter)
    this.#ground.clear(FAMILY.counter, key, [...counter.items.values()])
    return true
  }

  /** All items of one key, oldest record first. */
  restore(key: string, items: readonly Item[]): void {
    const newest = items.at(-1) as Item
    const [born = 0, value = 0, ttlMs = 0] = newest.numbers
    const expiresAtMs = this.#ground.leftOf(newest.times[0] as number, ttlMs)
    const counter: Counter = {
      numbers: [born, value, ttlMs],
      times: [expiresAtMs],
      due: this.#await(key, expiresAtMs),
      items: new Map(),
    }
    for (const item of items) {
      if (item.numbers[0] !== born) {
        this.#ground.refuse(item)
        continue
      }
      item.numbers = counter.numbers
      item.times = counter.times
      counter.items.set(item.sub, item)
      this.#ground.restore(item)
    }
    this.#counters.set(key, counter)
  }

  #admit(key: string, sub: string, there: Counter | undefined): void {
    if (there && there.items.size >= MOST_MEMBERS) {
      throw new LovageError('STORE_FULL', { problem: `counter ${key} has ${MOST_MEMBERS} members, the limit` })
    }
    this.#ground.admit({ key, sub, value: undefined })
  }

  #make(key: string, ttlMs: number): Counter {
    const expiresAtMs = this.#ground.clock.monotonic() + ttlMs
    const due = this.#await(key, expiresAtMs)
    const counter: Counter = { numbers: [this.#ground.next(), 0, ttlMs], times: [expiresAtMs], due, items: new Map() }
    this.#counters.set(key, counter)
    return counter
  }

  #add(key: string, sub: string, counter: Counter): void {
    const { numbers, times } = counter
    const item: Item = { family: FAMILY.counter, key, sub, numbers, times, value: undefined }
    counter.items.set(sub, item)
    this.#ground.add(item)
  }

  #renew(key: string, counter: Counter, ttlMs: number): void {
    counter.due.cancel()
    counter.numbers[TTL] = ttlMs
    counter.times[0] = this.#ground.clock.monotonic() + ttlMs
    counter.due = this.#await(key, counter.times[0])
  }

  #tell(counter: Counter | undefined, isCounted: boolean): Answer<'count'> {
    if (!counter) return { value: 0, isCounted, expiresInMs: 0 }
    const expiresInMs = Math.max(0, Math.ceil(counter.times[0] - this.#ground.clock.monotonic()))
    return { value: counter.numbers[VALUE], isCounted, expiresInMs }
  }

  #live(key: string): Counter | undefined {
    const counter = this.#counters.get(key)
    if (!counter || counter.times[0] > this.#ground.clock.monotonic()) return counter
    this.#lapse(key)
    return undefined
  }

  #await(key: string, expiresAtMs: number): Due {
    return this.#ground.dues.add(Math.max(0, expiresAtMs - this.#ground.clock.monotonic()), () => this.#lapse(key))
  }

  #lapse(key: string): void {
    const counter = this.#counters.get(key)
    if (!counter) return
    this.#remove(key, counter)
    for (const item of counter.items.values()) this.#ground.lapse(item)
  }

  #remove(key: string, counter: Counter): void {
    counter.due.cancel()
    this.#counters.delete(key)
  }
}
