import type { Broker, Consumer, Delivery } from '../broker/broker.ts'
import type { InHand } from './in-hand.ts'
import type { Reading } from './reading.ts'
import type { Work } from './work.ts'

/** What reading needs. */
export interface QueueReaderOptions {
  readonly broker: Broker
  readonly inHand: InHand
  /** The queues, which are declared. */
  readonly reading: Reading
  readonly onDelivery: (delivery: Delivery) => void
}

/**
 * Reads the queues of a worker with one common credit. When the queues change a new consumer takes the place of the old
 * one, and what came through the old one counts against the credit of the new one until it is done.
 */
export class QueueReader implements Consumer {
  readonly #options: QueueReaderOptions
  #consumer: Consumer | undefined
  #stopMoving: (() => Promise<void>) | undefined
  /** In hand since before the last change. */
  #before = new Set<Work>()
  #prefetch = 0
  /** One change after the other. */
  #changing: Promise<void> = Promise.resolve()
  #hasBegun = false
  #isOver = false

  constructor(options: QueueReaderOptions) {
    this.#options = options
  }

  /** Begins to read the queues of now. */
  begin(prefetch: number): Promise<void> {
    this.#hasBegun = true
    this.#prefetch = prefetch
    return this.again()
  }

  /** Reads the queues of now in place of those read so far. Before the beginning there is nothing to be done. */
  again(): Promise<void> {
    if (!this.#hasBegun) return Promise.resolve()
    const changed = this.#changing.then(() => this.#read())
    this.#changing = changed.catch(() => {})
    return changed
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch
    this.#consumer?.setPrefetch(this.#left)
  }

  /** A task has left the worker. */
  left(work: Work): void {
    if (this.#before.size > 0 && this.#before.delete(work)) this.#consumer?.setPrefetch(this.#left)
  }

  /** Resolves when nothing more comes. */
  async cancel(): Promise<void> {
    this.#isOver = true
    await this.#changing
    await this.#consumer?.cancel()
  }

  /** Takes no part any more in moving what is due. */
  async end(): Promise<void> {
    await this.#stopMoving?.()
    this.#stopMoving = undefined
  }

  async #read(): Promise<void> {
    if (this.#isOver) return
    const { broker, inHand, reading, onDelivery } = this.#options
    const { queues, arguments: given } = reading
    const [old, stopMoving] = [this.#consumer, this.#stopMoving]
    this.#stopMoving = await broker.delays?.move(queues)
    await stopMoving?.()
    const before = this.#before
    if (old) this.#before = new Set([...inHand.works].filter((work) => !work.isLeased))
    const begunWith = this.#left
    try {
      // Before the old one ends: what goes to all who listen is heard by nobody in between.
      this.#consumer =
        queues.length === 0
          ? undefined
          : await broker.consume({ queues, arguments: given, prefetch: begunWith, onDelivery })
      // Until here it was the old one that was told.
      if (this.#left !== begunWith) this.#consumer?.setPrefetch(this.#left)
    } catch (error) {
      // The old one goes on, and what is in hand counts against its own credit.
      this.#before = before
      old?.setPrefetch(this.#left)
      throw error
    }
    await old?.cancel()
  }

  get #left(): number {
    if (this.#before.size === 0) return this.#prefetch
    const { inHand } = this.#options
    for (const work of this.#before) if (work.isLeased || !inHand.has(work)) this.#before.delete(work)
    return Math.max(1, this.#prefetch - this.#before.size)
  }
}
