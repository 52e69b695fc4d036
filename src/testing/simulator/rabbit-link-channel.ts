import {
  type ChannelEvents,
  type LinkChannel,
  type LinkDelivery,
  LinkError,
  type QueueDeclaration,
} from '../../broker/open.ts'
import type { Destination, ExchangeSpec } from '../../broker/broker.ts'
import type { Headers } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'
import { ChannelFault, type RabbitChannel } from './rabbit-channel.ts'
import type { RabbitLink } from './rabbit-link.ts'

/** The client's end of one channel. */
export class RabbitLinkChannel implements LinkChannel {
  readonly #link: RabbitLink
  readonly #events: ChannelEvents
  readonly #asked = new Set<(problem: LinkError) => void>()
  #peer: RabbitChannel | undefined
  #problem: LinkError | undefined

  constructor(link: RabbitLink, events: ChannelEvents) {
    this.#link = link
    this.#events = events
  }

  get isOpen(): boolean {
    return !this.#problem && this.#link.isOpen
  }

  /** The server has closed it, and the client has not been told. */
  get isLostUnknown(): boolean {
    return this.isOpen && this.#peer?.isOpen === false
  }

  async open(): Promise<LinkChannel> {
    const link = this.#link
    const { server } = link.net
    await this.#ask(() => {
      this.#peer = server.openChannel(link.peer, {
        delivery: (delivery) => this.#hear(() => this.#events.onDelivery?.(delivery)),
        confirm: (tag, multiple) => this.#hear(() => this.#events.onConfirm?.(tag, multiple, true)),
        returned: (message, to) => this.#hear(() => this.#events.onReturn?.(message, to)),
        cancelled: (tag) => this.#hear(() => this.#events.onCancelled?.(tag)),
      })
    })
    return this
  }

  confirmSelect(): Promise<void> {
    return this.#ask((peer) => peer.confirmSelect())
  }

  txSelect(): Promise<void> {
    return this.#ask((peer) => peer.txSelect())
  }

  async txCommit(): Promise<void> {
    await this.#ask(
      (peer) => peer.txCommit(),
      (safeInMs) => safeInMs,
    )
  }

  publish(message: Message, to: Destination, mandatory: boolean): void {
    if (!this.isOpen) throw this.#problem ?? new LinkError('connection', 'the connection was closed')
    this.#tell((peer) => peer.publish(message, to, mandatory))
  }

  declareExchange(spec: ExchangeSpec): Promise<void> {
    return this.#ask((peer) => peer.declareExchange(spec))
  }

  declareQueue(queue: QueueDeclaration): Promise<void> {
    return this.#ask((peer) => peer.declareQueue(queue))
  }

  bindQueue(queue: string, exchange: string, routingKey: string): Promise<void> {
    return this.#ask((peer) => peer.bindQueue(queue, exchange, routingKey))
  }

  bindExchange(to: string, from: string, routingKey: string): Promise<void> {
    return this.#ask((peer) => peer.bindExchange(to, from, routingKey))
  }

  inspectQueue(name: string): Promise<{ messages: number; consumers: number }> {
    return this.#ask((peer) => peer.inspectQueue(name))
  }

  deleteQueue(name: string): Promise<void> {
    return this.#ask((peer) => peer.deleteQueue(name))
  }

  purgeQueue(name: string): Promise<number> {
    return this.#ask((peer) => peer.purgeQueue(name))
  }

  get(queue: string): Promise<LinkDelivery | undefined> {
    return this.#ask((peer) => peer.get(queue))
  }

  qos(prefetch: number, overAllConsumers: boolean): Promise<void> {
    return this.#ask((peer) => peer.qos(prefetch, overAllConsumers))
  }

  async consume(queue: string, tag: string, noAck: boolean, _table?: Headers, noWait = false): Promise<void> {
    if (noWait) return void this.#tell((peer) => peer.consume(queue, tag, noAck))
    return this.#ask((peer) => peer.consume(queue, tag, noAck))
  }

  cancel(tag: string): Promise<void> {
    return this.#ask((peer) => peer.cancel(tag))
  }

  ack(deliveryTag: number): boolean {
    return this.#tell((peer) => peer.ack(deliveryTag))
  }

  nack(deliveryTag: number, requeue: boolean): boolean {
    return this.#tell((peer) => peer.nack(deliveryTag, requeue))
  }

  async close(): Promise<void> {
    if (!this.isOpen) return
    const { server } = this.#link.net
    await this.#ask((peer) => server.closeChannel(this.#link.peer, peer)).catch(() => {})
    this.end(new LinkError('channel', 'the channel was closed'))
  }

  /** It is over, for the client. */
  end(problem: LinkError): void {
    if (this.#problem) return
    this.#problem = problem
    this.#link.forget(this)
    for (const fail of this.#asked) fail(problem)
    this.#asked.clear()
    this.#events.onClosed?.(problem)
  }

  /** Something for the server that it does not answer. False when it cannot be sent. */
  #tell(act: (peer: RabbitChannel) => void): boolean {
    if (!this.isOpen) return false
    this.#link.toServer(() => this.#onServer(act))
    return true
  }

  /** @param delayMs how long the server takes until it answers */
  #ask<T>(act: (peer: RabbitChannel) => T, delayMs?: (answer: T) => number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.isOpen) return reject(this.#problem ?? new LinkError('connection', 'the connection was closed'))
      this.#asked.add(reject)
      this.#link.toServer(() =>
        this.#onServer((peer) => {
          const answer = act(peer)
          const tell = (): void =>
            this.#hear(() => {
              this.#asked.delete(reject)
              resolve(answer)
            })
          if (delayMs) this.#link.net.server.later(delayMs(answer), tell)
          else tell()
        }),
      )
    })
  }

  /** A method has come to the server. What it closes the channel for it tells there, and hears nothing more on it. */
  #onServer(act: (peer: RabbitChannel) => void): void {
    const peer = this.#peer as RabbitChannel
    if (peer && !peer.isOpen) return
    try {
      // As consumer_timeout does, the one fault that closes a channel which did nothing wrong.
      const { server, process } = this.#link.net
      if (peer && peer.consumers.size > 0 && server.kit.strikes('closeChannel', process.name)) {
        throw new ChannelFault(406, 'PRECONDITION_FAILED - delivery acknowledgement on channel timed out')
      }
      act(peer)
    } catch (error) {
      if (!(error instanceof ChannelFault)) throw error
      this.#closedByServer(error)
    }
  }

  #closedByServer({ message, code, isByPublish }: ChannelFault): void {
    const { server, onLoss } = this.#link.net
    if (this.#peer && this.#peer.consumers.size > 0) onLoss(`a channel was closed, ${message}`)
    if (this.#peer) server.closeChannel(this.#link.peer, this.#peer)
    this.#link.toClient(() => this.end(new LinkError('channel', message, code, isByPublish)))
  }

  #hear(fn: () => void): void {
    this.#link.toClient(() => {
      if (!this.#problem) fn()
    })
  }
}
