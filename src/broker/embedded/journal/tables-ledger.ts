import type { Clock } from '../../../base/clock.ts'
import type { Item, TableLedger } from '../tables/item.ts'
import type { DurableLedger } from './durable-ledger.ts'
import { KeptItem, nameOfItem, nameOfKey } from './kept-item.ts'
import { RECORD } from './record.ts'

/** Has the tables written down beside the queues. */
export class TablesLedger implements TableLedger {
  readonly #clock: Clock
  readonly #ledger: DurableLedger

  constructor(clock: Clock, ledger: DurableLedger) {
    this.#clock = clock
    this.#ledger = ledger
  }

  kept(item: Item): void {
    const mark = item.mark as KeptItem | undefined
    this.#ledger.keep(mark && !mark.isGone ? mark : new KeptItem(this.#clock, item))
  }

  dropped(item: Item): void {
    this.lapsed(item)
    this.#ledger.drop(RECORD.itemDropped, nameOfItem(item))
  }

  lapsed(item: Item): void {
    ;(item.mark as KeptItem | undefined)?.forget()
  }

  cleared(family: number, key: string, items: Iterable<Item>): void {
    for (const item of items) this.lapsed(item)
    this.#ledger.drop(RECORD.itemsCleared, nameOfKey(family, key))
  }
}
