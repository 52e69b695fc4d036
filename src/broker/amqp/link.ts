import type { Clock } from '../../base/clock.ts'
import type { Headers } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'
import type { Destination, ExchangeSpec } from '../broker.ts'
import type { AmqpUrl } from './amqp-url.ts'

/**
 * What the broker needs of an AMQP client: one connection with channels on it. Nothing here reconnects, retries or
 * remembers; what is lost is told and done with. The client behind it can be exchanged.
 */
export interface Link {
  readonly isOpen: boolean
  /** False while what was written piles up here because the server does not read it. */
  readonly hasRoom: boolean
  /** Most channels that can be open at a time. */
  readonly channelMax: number
  /** So many unacknowledged deliveries one channel serves well. */
  readonly channelCredit: number
  openChannel(events: ChannelEvents): Promise<LinkChannel>
  /** Calls `fn` once, at the end of the turn, before what was written in it goes out. */
  atTurnEnd?(fn: () => void): void
  /** Ends it in order; resolves when the socket is gone. */
  close(): Promise<void>
}

export type OpenLink = (options: LinkOptions) => Promise<Link>

export interface LinkOptions {
  readonly url: AmqpUrl
  readonly clock: Clock
  readonly heartbeatS: number
  /** Longest wait for the connection to be open. */
  readonly timeoutMs: number
  /** What RabbitMQ's tools show as the connection's name. */
  readonly name: string
  readonly events: LinkEvents
}

export interface LinkEvents {
  /** Once, however it ended; not when opening it failed. */
  onClosed(problem: LinkError): void
  onBlocked(isBlocked: boolean): void
  /** `hasRoom` is true again. */
  onRoom(): void
}

/** One channel; a call on a closed one throws or rejects with a {@link LinkError}. */
export interface LinkChannel {
  readonly isOpen: boolean
  confirmSelect(): Promise<void>
  /** From now on what is published and settled counts when it is committed. */
  txSelect(): Promise<void>
  /** What was published is safe when it resolves. */
  txCommit(): Promise<void>
  /** @throws LovageError `ENCODE_FAILED`; then nothing was written. */
  publish(message: Message, to: Destination, mandatory: boolean): void
  declareExchange(spec: ExchangeSpec): Promise<void>
  declareQueue(queue: QueueDeclaration): Promise<void>
  bindQueue(queue: string, exchange: string, routingKey: string): Promise<void>
  /** Has what comes to one exchange go on to another. */
  bindExchange(to: string, from: string, routingKey: string): Promise<void>
  /** Fails with 404 when it is not there. */
  inspectQueue(name: string): Promise<{ messages: number; consumers: number }>
  deleteQueue(name: string): Promise<void>
  purgeQueue(name: string): Promise<number>
  get(queue: string): Promise<LinkDelivery | undefined>
  qos(prefetch: number, overAllConsumers: boolean): Promise<void>
  /** With `noWait` the server does not answer: it may begin much later, and closes the channel where it cannot. */
  consume(queue: string, tag: string, noAck: boolean, table?: Headers, noWait?: boolean): Promise<void>
  cancel(tag: string): Promise<void>
  /** False when it could not be sent. */
  ack(deliveryTag: number): boolean
  nack(deliveryTag: number, requeue: boolean): boolean
  close(): Promise<void>
}

export interface QueueDeclaration {
  readonly name: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly exclusive: boolean
  readonly arguments: Headers
}

export interface ChannelEvents {
  /** Once, however it ended: by an error of the channel, or with the connection. */
  onClosed?(problem: LinkError): void
  onDelivery?(delivery: LinkDelivery): void
  /** The server ended this consumer: its queue is gone. */
  onCancelled?(tag: string): void
  onConfirm?(deliveryTag: number, multiple: boolean, isAck: boolean): void
  /** A mandatory message that no queue took; its confirmation follows. */
  onReturn?(message: Message, to: Destination): void
}

export interface LinkDelivery {
  readonly message: Message
  /** Empty when it was got, not consumed. */
  readonly consumerTag: string
  readonly deliveryTag: number
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
}

/** What it was that ended. */
export type LinkScope = 'channel' | 'connection'

/** Why a channel or a connection is no more. `code` is the server's reply code, 0 where it gave none. */
export class LinkError extends Error {
  readonly scope: LinkScope
  readonly code: number
  /** The publish was at fault. */
  readonly isByPublish: boolean

  constructor(scope: LinkScope, message: string, code = 0, isByPublish = false) {
    super(message)
    this.name = 'LinkError'
    this.scope = scope
    this.code = code
    this.isByPublish = isByPublish
  }
}
