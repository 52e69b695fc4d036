import type { Message } from '../../protocol/message.ts'
import type { Delivery } from '../broker.ts'
import type { LinkChannel, LinkDelivery } from './link.ts'

/** The channel on which deliveries came, and on which alone they can be settled. */
export interface Hold {
  /** Undefined until it is open. */
  channel: LinkChannel | undefined
  /** Handed over and not settled. */
  unsettled: number
  /** Called after each settlement. */
  readonly onSettled: () => void
}

/** A message of the server in our hands. */
export class AmqpDelivery implements Delivery {
  readonly message: Message
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly #tag: number
  /** Undefined when there is nothing to settle, or no longer. */
  #hold: Hold | undefined

  constructor(from: LinkDelivery, queue: string, hold: Hold | undefined) {
    this.message = from.message
    this.queue = queue
    this.exchange = from.exchange
    this.routingKey = from.routingKey
    this.redelivered = from.redelivered
    this.#tag = from.deliveryTag
    this.#hold = hold
  }

  get isOurs(): boolean {
    return this.#hold?.channel?.isOpen === true
  }

  ack(): boolean {
    const hold = this.#letGo()
    return hold?.channel?.ack(this.#tag) === true && settled(hold)
  }

  requeue(): boolean {
    const hold = this.#letGo()
    return hold?.channel?.nack(this.#tag, true) === true && settled(hold)
  }

  reject(): boolean {
    const hold = this.#letGo()
    return hold?.channel?.nack(this.#tag, false) === true && settled(hold)
  }

  #letGo(): Hold | undefined {
    const hold = this.#hold
    this.#hold = undefined
    return hold
  }
}

function settled(hold: Hold): boolean {
  hold.unsettled--
  hold.onSettled()
  return true
}
