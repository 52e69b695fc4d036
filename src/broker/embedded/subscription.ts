import type { Message } from '../../protocol/message.ts'
import type { Delivery } from '../broker.ts'
import type { EngineQueue } from './queue.ts'
import type { Session } from './session.ts'
import type { Entry } from './waiting.ts'

/** How a delivery can end. `return` is a requeue of what nobody has looked at. */
export type Settlement = 'ack' | 'requeue' | 'reject' | 'return'

/** It waits with the engine until then, epoch ms. */
export interface Until {
  readonly untilMs: number
}

/** One reader of one or more queues, with one credit over all of them. */
export class Subscription {
  readonly session: Session
  readonly queueNames: readonly string[]
  readonly noAck: boolean
  readonly onDelivery: (delivery: Delivery) => void
  /** Those of its queues that are there now. */
  readonly queues: EngineQueue[] = []
  prefetch: number
  unsettled = 0
  /** Deliveries may flow: true from the turn after `consume` until `cancel`. */
  open = false
  /** Whose turn it is. */
  next = 0

  constructor(session: Session, options: Pick<Subscription, 'noAck' | 'onDelivery' | 'prefetch' | 'queueNames'>) {
    this.session = session
    this.queueNames = options.queueNames
    this.noAck = options.noAck
    this.onDelivery = options.onDelivery
    this.prefetch = options.prefetch
  }

  get hasCredit(): boolean {
    return this.open && (this.prefetch === 0 || this.unsettled < this.prefetch) && this.session.hasRoom
  }
}

/** A message of the engine in somebody's hands. */
export class EngineDelivery implements Delivery {
  readonly message: Message
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly #session: Session
  /** What the engine needs to take it back. */
  readonly source: {
    readonly entry: Entry
    readonly queue: EngineQueue
    readonly subscription: Subscription | undefined
  }

  constructor(session: Session, entry: Entry, queue: EngineQueue, subscription: Subscription | undefined) {
    this.#session = session
    this.source = { entry, queue, subscription }
    this.message = entry.message
    this.queue = queue.name
    this.exchange = entry.exchange
    this.routingKey = entry.routingKey
    this.redelivered = entry.redelivered
  }

  get isOurs(): boolean {
    return this.#session.holds(this)
  }

  ack(): boolean {
    return this.#session.settle(this, 'ack')
  }

  requeue(): boolean {
    return this.#session.settle(this, 'requeue')
  }

  reject(): boolean {
    return this.#session.settle(this, 'reject')
  }
}
