import { PassingSet } from '../../../base/passing.ts'
import type { Outgoing } from './outgoing.ts'

/** Writes `basic.ack` and `basic.nack`. */
export interface Settle {
  ack(deliveryTag: number, multiple: boolean): void
  nack(deliveryTag: number, requeue: boolean): void
}

/**
 * The deliveries of one channel that are ours to settle. Acks are gathered until the turn ends; those below the lowest
 * unsettled delivery then go out as one with `multiple`, which takes in only what we have acked: what we have refused was
 * written before, and what was delivered without ack is not outstanding at the broker (spec 1.8.3.13).
 */
export class Unsettled {
  readonly #outgoing: Outgoing
  readonly #settle: Settle
  /** In the order of delivery, which is that of the tags: the first is the lowest. */
  readonly #open = new PassingSet<number>()
  #acked: number[] = []
  #failed = false
  readonly #flush = (): void => this.flush()

  constructor(outgoing: Outgoing, settle: Settle) {
    this.#outgoing = outgoing
    this.#settle = settle
  }

  get size(): number {
    return this.#open.size
  }

  add(deliveryTag: number): void {
    this.#open.add(deliveryTag)
  }

  /** False when the delivery is not ours any more. */
  ack(deliveryTag: number): boolean {
    if (!this.#open.delete(deliveryTag)) return false
    if (this.#acked.push(deliveryTag) === 1) this.#outgoing.last(this.#flush)
    return true
  }

  /** Back to the queue, or away. False when the delivery is not ours any more. */
  nack(deliveryTag: number, requeue: boolean): boolean {
    if (!this.#open.delete(deliveryTag)) return false
    this.#settle.nack(deliveryTag, requeue)
    return true
  }

  /** Writes the acks that were gathered. */
  flush(): void {
    if (this.#failed || this.#acked.length === 0) return
    const acked = this.#acked.sort((a, b) => a - b)
    this.#acked = []
    const lowest = lowestOf(this.#open)
    let below = 0
    while (below < acked.length && (acked[below] as number) < lowest) below++
    if (below > 0) this.#settle.ack(acked[below - 1] as number, below > 1)
    for (let i = below; i < acked.length; i++) this.#settle.ack(acked[i] as number, false)
  }

  /** The channel is gone: the broker gives the messages to somebody again. */
  fail(): void {
    this.#failed = true
    this.#open.clear()
    this.#acked = []
  }
}

function lowestOf(tags: Iterable<number>): number {
  for (const tag of tags) return tag
  return Infinity
}
