import type { TableValue } from './operation.ts'

/** What an item belongs to. These numbers are in journals: they never change their meaning. */
export const FAMILY = {
  sequence: 0,
  value: 1,
  counter: 2,
  lease: 3,
  log: 4,
  due: 5,
  /** Time and claim of an entry of a due list, when they have changed without its value. */
  dueState: 6,
} as const

/**
 * The smallest thing that is written down, always as a whole: what must change together is in one item. The newest
 * record of an item is all that is known of it.
 */
export interface Item {
  readonly family: number
  readonly key: string
  /** Tells the items of one key apart: a member, a holder, a position, an id. */
  readonly sub: string
  /** What each means is the family's own business; their order never changes. */
  numbers: number[]
  /** Points of the clock's monotonic time; written down as calendar time. Infinity is never. */
  times: number[]
  value: TableValue | undefined
  /** Where the ledger has it. */
  mark?: unknown
}

/** What tables tell of what must outlive them. None of these may throw. */
export interface TableLedger {
  /** A new item, or the newest state of one. */
  kept(item: Item): void
  /** It is no more. */
  dropped(item: Item): void
  /** It is no more, as could be known from what was written down: its time is over, or another item says so. */
  lapsed(item: Item): void
  /** All items of a family that a key has are no more. */
  cleared(family: number, key: string, items: Iterable<Item>): void
}

/** What an item costs in memory beside its texts and its value. */
const BESIDE_BYTES = 300

export function sizeOf({ key, sub, value }: Pick<Item, 'key' | 'sub' | 'value'>): number {
  const bytes = typeof value === 'string' ? value.length * 2 : (value?.byteLength ?? 0)
  return (key.length + sub.length) * 2 + bytes + BESIDE_BYTES
}
