import { messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import type { Content } from '../wire/content-reader.ts'
import { AmqpDelivery } from './delivery.ts'
import type { Unsettled } from './unsettled.ts'

export interface ConsumeHandlers {
  /** Called for each delivery as it is read, the first ones maybe before `consume` has resolved. Must not throw. */
  readonly onDelivery: (delivery: AmqpDelivery) => void
  /** The broker ended the subscription: its queue was deleted, or its node died. Not called when the channel closes. */
  readonly onCancel?: () => void
}

interface Consumer extends ConsumeHandlers {
  readonly noAck: boolean
}

/** The subscriptions of one channel, by consumer tag. */
export class Consumers {
  readonly #unsettled: Unsettled
  readonly #byTag = new Map<string, Consumer>()

  constructor(unsettled: Unsettled) {
    this.#unsettled = unsettled
  }

  add(tag: string, noAck: boolean, { onDelivery, onCancel }: ConsumeHandlers): void {
    this.#byTag.set(tag, onCancel ? { noAck, onDelivery, onCancel } : { noAck, onDelivery })
  }

  has(tag: string): boolean {
    return this.#byTag.has(tag)
  }

  remove(tag: string): void {
    this.#byTag.delete(tag)
  }

  /** Nobody listens any more, but the broker may not know: what still comes goes back. */
  orphan(tag: string): void {
    const consumer = this.#byTag.get(tag)
    if (consumer) this.add(tag, consumer.noAck, { onDelivery: (delivery) => void delivery.requeue() })
  }

  deliver(content: Content, tag: string): void {
    const consumer = this.#byTag.get(tag)
    if (!consumer) return log('warn', 'broker', 'a delivery came for an unknown consumer; it stays unsettled', { tag })
    const delivery = new AmqpDelivery(content, consumer.noAck ? undefined : this.#unsettled)
    if (!consumer.noAck) this.#unsettled.add(delivery.deliveryTag)
    guarded(() => consumer.onDelivery(delivery))
  }

  /** The broker has ended it. */
  cancelled(tag: string): void {
    const consumer = this.#byTag.get(tag)
    this.#byTag.delete(tag)
    if (consumer?.onCancel) guarded(consumer.onCancel)
  }

  clear(): void {
    this.#byTag.clear()
  }
}

/** What a listener throws must not end the connection that calls it. */
export function guarded(fn: () => void): void {
  try {
    fn()
  } catch (error) {
    log('error', 'broker', 'a listener of the AMQP client threw', { problem: messageOf(error) })
  }
}
