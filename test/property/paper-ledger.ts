import type { Clock } from '../../src/base/clock.ts'
import type { Item, TableLedger } from '../../src/broker/embedded/tables/item.ts'

interface Written {
  /** As it was when it was written, times by the calendar. */
  readonly item: Item
  /** The tables' own; undefined when it is of no use any more, and its record is only waiting to be cleaned away. */
  live: Item | undefined
}

/**
 * What a journal comes to: the newest record of each item, in order. As unhelpful as a journal may be: what has lapsed
 * stays there, and what lives may be written down again at any time.
 */
export class PaperLedger implements TableLedger {
  readonly #clock: Clock
  readonly #written = new Map<string, Written>()

  constructor(clock: Clock, items: Iterable<Item> = []) {
    this.#clock = clock
    for (const item of items) this.kept(item)
  }

  kept(item: Item): void {
    this.#remove(nameOf(item))
    const { family, key, sub, numbers, value } = item
    const times = item.times.map((time) => time - this.#clock.monotonic() + this.#clock.now())
    const copy: Item = { family, key, sub, numbers: [...numbers], times, value }
    this.#written.set(nameOf(item), { item: copy, live: item })
  }

  dropped(item: Item): void {
    this.#remove(nameOf(item))
  }

  lapsed(item: Item): void {
    const written = this.#written.get(nameOf(item))
    if (written?.live === item) written.live = undefined
  }

  cleared(family: number, key: string, items: Iterable<Item>): void {
    for (const item of items) this.lapsed(item)
    for (const [name, { item }] of this.#written) if (item.family === family && item.key === key) this.#remove(name)
  }

  /** Writes one of those that live down again, as cleaning up does. */
  rewrite(choice: number): void {
    const living = [...this.#written.values()].flatMap(({ live }) => (live ? [live] : []))
    const item = living[choice % Math.max(1, living.length)]
    if (item) this.kept(item)
  }

  /** All records, for tables on a clock of another origin. */
  read(clock: Clock): Item[] {
    return [...this.#written.values()].map(({ item }) => ({
      ...item,
      numbers: [...item.numbers],
      times: item.times.map((time) => time - clock.now() + clock.monotonic()),
    }))
  }

  #remove(name: string): void {
    this.#written.delete(name)
  }
}

function nameOf({ family, key, sub }: Item): string {
  return JSON.stringify([family, key, sub])
}
