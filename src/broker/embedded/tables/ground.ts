import type { Clock } from '../../../base/clock.ts'
import { DueHeap } from '../../../base/due-heap.ts'
import { LovageError } from '../../../base/errors.ts'
import { FAMILY, type Item, sizeOf, type TableLedger } from './item.ts'
import type { Watchable } from './operation.ts'

/** Numbers that are written down as used up at a time, so that none is given twice after a restart. */
const NUMBERS_AHEAD = 100_000

/** How much is kept by default. */
const MOST_BYTES = 256 * 2 ** 20

/** What tables are made with. */
export interface TablesOptions {
  readonly clock: Clock
  /** Told of everything that must outlive the tables; without one nothing does. */
  readonly ledger?: TableLedger | undefined
  /** Most bytes that are kept, by estimate. Default 256 MiB. */
  readonly maxBytes?: number | undefined
}

/** What all families of tables stand on: time, numbers, room, the ledger, and who watches. */
export class Ground {
  readonly clock: Clock
  readonly dues: DueHeap
  readonly #ledger: TableLedger | undefined
  readonly #maxBytes: number
  readonly #watchers = new Map<string, Set<() => void>>()
  #sequence: Item = { family: FAMILY.sequence, key: '', sub: '', numbers: [0], times: [], value: undefined }
  #number = 0
  #bytes = 0

  constructor({ clock, ledger, maxBytes = MOST_BYTES }: TablesOptions) {
    this.clock = clock
    this.dues = new DueHeap(clock, { unref: true })
    this.#ledger = ledger
    this.#maxBytes = maxBytes
  }

  get bytes(): number {
    return this.#bytes
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0
  }

  /** Larger than all before, here and in whatever was here before. */
  next(): number {
    const { numbers } = this.#sequence
    if (++this.#number > (numbers[0] as number)) {
      this.#sequence.numbers = [this.#number + NUMBERS_AHEAD]
      this.#ledger?.kept(this.#sequence)
    }
    return this.#number
  }

  /** No number is given that earlier tables may have given. */
  continueAfter(sequence: Item): void {
    this.#sequence = sequence
    this.#number = sequence.numbers[0] as number
  }

  /** @throws LovageError `STORE_FULL` */
  admit(item: Pick<Item, 'key' | 'sub' | 'value'>): void {
    if (this.#bytes + sizeOf(item) <= this.#maxBytes) return
    throw new LovageError('STORE_FULL', {
      problem: `it holds ${this.#bytes} bytes, and ${this.#maxBytes} are its limit`,
    })
  }

  /** A new item. */
  add(item: Item): void {
    this.#bytes += sizeOf(item)
    this.#ledger?.kept(item)
  }

  /** An item that an earlier engine has left. */
  restore(item: Item): void {
    this.#bytes += sizeOf(item)
  }

  /** An item that an earlier engine has left, and that says nothing any more. */
  refuse(item: Item): void {
    this.#ledger?.lapsed(item)
  }

  /** The numbers or times of an item have changed. */
  changed(item: Item): void {
    this.#ledger?.kept(item)
  }

  drop(item: Item): void {
    this.#bytes -= sizeOf(item)
    this.#ledger?.dropped(item)
  }

  lapse(item: Item): void {
    this.#bytes -= sizeOf(item)
    this.#ledger?.lapsed(item)
  }

  clear(family: number, key: string, items: readonly Item[]): void {
    for (const item of items) this.#bytes -= sizeOf(item)
    this.#ledger?.cleared(family, key, items)
  }

  /** Calls `watcher` whenever there is something to be read or taken. */
  watch(what: Watchable, key: string, watcher: () => void): () => void {
    const name = `${what} ${key}`
    const watchers = this.#watchers.get(name) ?? new Set()
    this.#watchers.set(name, watchers.add(watcher))
    return () => {
      if (watchers.delete(watcher) && watchers.size === 0) this.#watchers.delete(name)
    }
  }

  hasWatchers(what: Watchable, key: string): boolean {
    return this.#watchers.has(`${what} ${key}`)
  }

  tell(what: Watchable, key: string): void {
    for (const watcher of this.#watchers.get(`${what} ${key}`) ?? []) watcher()
  }

  /** A length of time that an item has left when it comes back from a journal: never more than it was given. */
  leftOf(untilMs: number, givenMs: number): number {
    return Math.min(untilMs, this.clock.monotonic() + givenMs)
  }
}
