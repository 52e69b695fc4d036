import type { Content } from '../wire/content-reader.ts'
import type { BasicProperties } from '../wire/properties.ts'
import type { Unsettled } from './unsettled.ts'

/** One message handed out by the broker. */
export class AmqpDelivery {
  readonly deliveryTag: number
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
  readonly properties: BasicProperties
  readonly body: Uint8Array
  /** Of the body as it was sent; more than `body` has when it was past `maxBodyBytes`, then `body` is empty. */
  readonly size: number
  /** What of the properties could not be read, if anything. */
  readonly undecodable: string | undefined
  readonly #unsettled: Unsettled | undefined

  /** Without `unsettled` it counts as settled already. */
  constructor(content: Content, unsettled: Unsettled | undefined) {
    const { args } = content.method as { args: { deliveryTag: number; redelivered: boolean; exchange: string; routingKey: string } }
    this.deliveryTag = args.deliveryTag
    this.redelivered = args.redelivered
    this.exchange = args.exchange
    this.routingKey = args.routingKey
    this.properties = content.properties
    this.body = content.body
    this.size = content.size
    this.undecodable = content.undecodable
    this.#unsettled = unsettled
  }

  /** Done with. These three return false when the delivery is no longer ours. */
  ack(): boolean {
    return this.#unsettled?.ack(this.deliveryTag) ?? false
  }

  /** Back to its queue. */
  requeue(): boolean {
    return this.#unsettled?.nack(this.deliveryTag, true) ?? false
  }

  /** Away, or to the queue's dead-letter exchange. */
  reject(): boolean {
    return this.#unsettled?.nack(this.deliveryTag, false) ?? false
  }
}
