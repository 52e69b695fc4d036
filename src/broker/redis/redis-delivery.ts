import type { Message } from '../../protocol/message.ts'
import type { Delivery } from '../broker.ts'
import type { Envelope } from './envelope.ts'

/** How a delivery can end. Nothing is kept of what is rejected: Redis has no dead-letter exchanges. */
export type Settlement = 'ack' | 'requeue' | 'reject'

/** What a delivery needs of the one who took it. */
export interface DeliveryHost {
  /** Whether it is ours. */
  readonly holds: (delivery: RedisDelivery) => boolean
  /** False when it was not ours. */
  readonly settle: (delivery: RedisDelivery, how: Settlement) => boolean
}

/** A message out of a list, or off a channel. */
export class RedisDelivery implements Delivery {
  readonly message: Message
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  /** Under which it stands in `unacked`; empty for what does not. */
  readonly tag: string
  readonly #host: DeliveryHost

  constructor(envelope: Envelope, queue: string, tag: string, host: DeliveryHost) {
    this.message = envelope.message
    this.queue = queue
    this.exchange = envelope.exchange
    this.routingKey = envelope.routingKey
    this.redelivered = envelope.redelivered
    this.tag = tag
    this.#host = host
  }

  get isOurs(): boolean {
    return this.#host.holds(this)
  }

  ack(): boolean {
    return this.#host.settle(this, 'ack')
  }

  requeue(): boolean {
    return this.#host.settle(this, 'requeue')
  }

  reject(): boolean {
    return this.#host.settle(this, 'reject')
  }
}
