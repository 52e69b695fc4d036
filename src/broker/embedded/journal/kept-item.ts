import type { Clock } from '../../../base/clock.ts'
import type { Item } from '../tables/item.ts'
import type { TableValue } from '../tables/operation.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { RECORD } from './record.ts'
import { leave, type Live, type Segment } from './segment.ts'

/** What an item has for a value. These numbers are in journals: they never change their meaning. */
const NONE = 0
const TEXT = 1
const BYTES = 2

/** An item of the tables, as the journal has it. */
export class KeptItem implements Live {
  readonly kind = RECORD.itemKept
  readonly item: Item
  segment: Segment | undefined
  bytes = 0
  isGone = false
  #clock: Clock

  constructor(clock: Clock, item: Item) {
    this.#clock = clock
    this.item = item
    item.mark = this
  }

  /** Gone without a record of its own. */
  forget(): void {
    this.isGone = true
    leave(this)
  }

  fill(writer: ByteWriter): void {
    const { family, key, sub, numbers, times, value } = this.item
    writer.u8(family)
    writer.text(key)
    writer.text(sub)
    writer.u8(numbers.length)
    for (const number of numbers) writer.f64(number)
    writer.u8(times.length)
    // Monotonic time means nothing to the next process.
    for (const time of times) writer.f64(time - this.#clock.monotonic() + this.#clock.now())
    writer.u8(value === undefined ? NONE : typeof value === 'string' ? TEXT : BYTES)
    if (typeof value === 'string') writer.text(value)
    else if (value) writer.bytes(value)
  }

  /** What `fill` wrote. */
  static read(clock: Clock, record: ByteReader): KeptItem {
    const [family, key, sub] = [record.u8(), record.text(), record.text()]
    const numbers = Array.from({ length: record.u8() }, () => record.f64())
    const times = Array.from({ length: record.u8() }, () => record.f64() - clock.now() + clock.monotonic())
    return new KeptItem(clock, { family, key, sub, numbers, times, value: readValue(record) })
  }
}

/** What tells an item from all others. */
export function nameOfItem({ family, key, sub }: Pick<Item, 'family' | 'key' | 'sub'>): string {
  return JSON.stringify([family, key, sub])
}

/** What all items of a key in a family have in common. */
export function nameOfKey(family: number, key: string): string {
  return JSON.stringify([family, key])
}

function readValue(record: ByteReader): TableValue | undefined {
  const kind = record.u8()
  if (kind === TEXT) return record.text()
  // A copy: a view would keep the whole file in memory.
  return kind === BYTES ? new Uint8Array(record.bytes()) : undefined
}
