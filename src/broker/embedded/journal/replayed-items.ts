import type { Clock } from '../../../base/clock.ts'
import type { Item } from '../tables/item.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import { KeptItem, nameOfItem, nameOfKey } from './kept-item.ts'
import { type Segment, settleIn } from './segment.ts'

/** The items of the tables that the records of a journal come to. */
export class ReplayedItems {
  readonly #clock: Clock
  /** By key and then by name, in the order of their newest records. */
  readonly #items = new Map<string, Map<string, KeptItem>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  kept(record: ByteReader, size: number, segment: Segment): void {
    const kept = KeptItem.read(this.#clock, record)
    const { family, key } = kept.item
    const name = nameOfItem(kept.item)
    const siblings = this.#items.get(nameOfKey(family, key)) ?? new Map<string, KeptItem>()
    siblings.get(name)?.forget()
    siblings.delete(name)
    this.#items.set(nameOfKey(family, key), siblings.set(name, kept))
    kept.bytes = size
    settleIn(segment, kept)
  }

  dropped(name: string): void {
    const [family, key] = JSON.parse(name) as [number, string]
    const siblings = this.#items.get(nameOfKey(family, key))
    siblings?.get(name)?.forget()
    siblings?.delete(name)
  }

  cleared(name: string): void {
    for (const kept of this.#items.get(name)?.values() ?? []) kept.forget()
    this.#items.delete(name)
  }

  /** Of each key, the oldest record first. */
  *all(): Iterable<Item> {
    for (const siblings of this.#items.values()) for (const { item } of siblings.values()) yield item
  }
}
