import type { Due } from '../../../base/due-heap.ts'
import type { Ground } from './ground.ts'
import { FAMILY, type Item } from './item.ts'
import type { Answer, Operation } from './operation.ts'
import { pageOf } from './page.ts'

interface LogState {
  /** Oldest first, from `gone` on; the position of each is its `sub`. */
  entries: Item[]
  gone: number
  /**
   * Floor (the newest entry that has gone, or else the first of this log: who has read so far has missed nothing), whether
   * entries of this log have gone, time given, and the position of the last entry. Shared by all items of the log.
   */
  readonly numbers: [floor: number, isTrimmed: number, ttlMs: number, last: number]
  /** Its end. */
  readonly times: [number]
  due: Due
  /** Written when it is trimmed: there may be no entry left that could say so. */
  head: Item | undefined
}

const HEAD = 'head'
const FLOOR = 0
const TRIMMED = 1
const TTL = 2
const LAST = 3

/** Ordered logs. As with counters, every item has the whole log in its numbers, and the newest record is right. */
export class Logs {
  readonly #ground: Ground
  readonly #logs = new Map<string, LogState>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  get size(): number {
    return this.#logs.size
  }

  append({ key, value, ttlMs, maxEntries, ifLast }: Operation<'append'>): number {
    const there = this.#live(key)
    if (ifLast !== undefined && (there?.numbers[LAST] ?? 0) !== ifLast) return 0
    this.#ground.admit({ key, sub: '', value })
    const position = this.#ground.next()
    const expiresAtMs = this.#ground.clock.monotonic() + ttlMs
    const log = there ?? this.#make(key, position, expiresAtMs)
    log.numbers[LAST] = position
    log.numbers[TTL] = ttlMs
    log.times[0] = expiresAtMs
    if (there) this.#await(key, there)
    const { numbers, times } = log
    const item: Item = { family: FAMILY.log, key, sub: String(position), numbers, times, value }
    log.entries.push(item)
    this.#dropFirst(log, log.entries.length - log.gone - maxEntries)
    this.#ground.add(item)
    this.#ground.tell('log', key)
    return position
  }

  read({ key, after, limit }: Operation<'read'>): Answer<'read'> {
    const log = this.#live(key)
    if (!log) return { entries: [], last: 0, isGapped: after > 0 }
    const [floor, isTrimmed, , last] = log.numbers
    const entries = pageOf(from(log, indexAfter(log, after)), limit, (item) => item)
    return {
      entries: entries.map((item) => ({ position: positionOf(item), value: item.value as string })),
      last,
      isGapped: after === 0 ? isTrimmed === 1 : after < floor,
    }
  }

  trim({ key, through }: Operation<'trim'>): null {
    const log = this.#live(key)
    const count = log ? indexAfter(log, through) - log.gone : 0
    if (!log || count <= 0) return null
    this.#dropFirst(log, count)
    const { numbers, times } = log
    if (log.head) {
      this.#ground.changed(log.head)
    } else {
      log.head = { family: FAMILY.log, key, sub: HEAD, numbers, times, value: undefined }
      this.#ground.add(log.head)
    }
    return null
  }

  forget(key: string): boolean {
    const log = this.#live(key)
    if (!log) return false
    log.due.cancel()
    this.#logs.delete(key)
    this.#ground.clear(FAMILY.log, key, itemsOf(log))
    return true
  }

  /** All items of one key, oldest record first. */
  restore(key: string, items: readonly Item[]): void {
    const newest = items.at(-1) as Item
    const [floor = 0, isTrimmed = 0, ttlMs = 0, last = 0] = newest.numbers
    const log = this.#make(key, floor, this.#ground.leftOf(newest.times[0] as number, ttlMs))
    log.numbers.splice(TRIMMED, 3, isTrimmed, ttlMs, last)
    for (const item of items) {
      if (item.sub !== HEAD && positionOf(item) < floor + isTrimmed) {
        this.#ground.refuse(item)
        continue
      }
      if (item.sub === HEAD) log.head = item
      else log.entries.push(item)
      item.numbers = log.numbers
      item.times = log.times
      this.#ground.restore(item)
    }
    // What was written down again for want of room stands behind what came later.
    log.entries.sort((a, b) => positionOf(a) - positionOf(b))
  }

  #make(key: string, floor: number, expiresAtMs: number): LogState {
    const due = this.#ground.dues.add(expiresAtMs - this.#ground.clock.monotonic(), () => this.#lapse(key))
    const log: LogState = {
      entries: [],
      gone: 0,
      numbers: [floor, 0, 0, 0],
      times: [expiresAtMs],
      due,
      head: undefined,
    }
    this.#logs.set(key, log)
    return log
  }

  #await(key: string, log: LogState): void {
    log.due.cancel()
    log.due = this.#ground.dues.add(log.times[0] - this.#ground.clock.monotonic(), () => this.#lapse(key))
  }

  /** Without a record of its own: the floor in the next one says it. */
  #dropFirst(log: LogState, count: number): void {
    for (let left = count; left > 0; left--) {
      const item = log.entries[log.gone++] as Item
      log.numbers[FLOOR] = positionOf(item)
      log.numbers[TRIMMED] = 1
      this.#ground.lapse(item)
    }
    if (log.gone * 2 <= log.entries.length) return
    log.entries.splice(0, log.gone)
    log.gone = 0
  }

  #live(key: string): LogState | undefined {
    const log = this.#logs.get(key)
    if (!log || log.times[0] > this.#ground.clock.monotonic()) return log
    this.#lapse(key)
    return undefined
  }

  #lapse(key: string): void {
    const log = this.#logs.get(key)
    if (!log) return
    log.due.cancel()
    this.#logs.delete(key)
    for (const item of itemsOf(log)) this.#ground.lapse(item)
  }
}

function positionOf({ sub }: Item): number {
  return Number(sub)
}

function itemsOf(log: LogState): Item[] {
  return [...from(log, log.gone), ...(log.head ? [log.head] : [])]
}

function* from({ entries }: LogState, index: number): Iterable<Item> {
  for (let at = index; at < entries.length; at++) yield entries[at] as Item
}

/** Index of the first entry behind a position. */
function indexAfter({ entries, gone }: LogState, position: number): number {
  let low = gone
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (positionOf(entries[middle] as Item) > position) high = middle
    else low = middle + 1
  }
  return low
}
