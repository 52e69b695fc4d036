import type { LinkDelivery, QueueDeclaration } from '../../broker/open.ts'
import type { Destination, ExchangeSpec } from '../../broker/broker.ts'
import type { Message } from '../../protocol/message.ts'
import type { RabbitConsumer, RabbitEntry, RabbitQueue } from './rabbit-queue.ts'
import type { RabbitServer } from './rabbit-server.ts'

/** What the server says on a channel without being asked. */
export interface ChannelSink {
  delivery(delivery: LinkDelivery): void
  confirm(tag: number, multiple: boolean): void
  returned(message: Message, to: Destination): void
  cancelled(tag: string): void
}

/** What RabbitMQ closes a channel for. */
export class ChannelFault extends Error {
  readonly code: number
  readonly isByPublish: boolean

  constructor(code: number, message: string, isByPublish = false) {
    super(message)
    this.name = 'ChannelFault'
    this.code = code
    this.isByPublish = isByPublish
  }
}

interface Unacked {
  readonly entry: RabbitEntry
  readonly queue: RabbitQueue
  /** Undefined when it was got. */
  readonly consumer: RabbitConsumer | undefined
}

/** The server's end of one channel. */
export class RabbitChannel {
  readonly server: RabbitServer
  readonly connection: object
  readonly sink: ChannelSink
  readonly consumers = new Map<string, RabbitConsumer>()
  readonly #unacked = new Map<number, Unacked>()
  #isOpen = true
  #lastTag = 0
  #unackedByConsumers = 0
  #prefetchAll = 0
  #prefetchEach = 0
  #isConfirming = false
  #lastPublished = 0
  /** Published, not confirmed: whether they can be. */
  readonly #unconfirmed = new Map<number, boolean>()
  #isFlushPlanned = false
  /** Published and not committed, where that is asked for. */
  #uncommitted: (() => number)[] | undefined

  constructor(server: RabbitServer, connection: object, sink: ChannelSink) {
    this.server = server
    this.connection = connection
    this.sink = sink
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  get unacked(): Iterable<Unacked> {
    return this.#unacked.values()
  }

  hasCredit({ noAck, prefetch, unacked }: RabbitConsumer): boolean {
    if (noAck) return true
    if (this.#prefetchAll !== 0 && this.#unackedByConsumers >= this.#prefetchAll) return false
    return prefetch === 0 || unacked < prefetch
  }

  confirmSelect(): void {
    this.#isConfirming = true
  }

  txSelect(): void {
    this.#uncommitted = []
  }

  /** Returns how long it takes until all is safe. */
  txCommit(): number {
    return Math.max(0, ...(this.#uncommitted ?? []).splice(0).map((publish) => publish()))
  }

  publish(message: Message, to: Destination, mandatory: boolean): void {
    if (this.#uncommitted) {
      const onUnroutable = (): void => void (mandatory && this.sink.returned(message, to))
      this.#uncommitted.push(() => this.server.publish(message, to, onUnroutable))
      return
    }
    const tag = ++this.#lastPublished
    if (this.#isConfirming) this.#unconfirmed.set(tag, false)
    const safeInMs = this.server.publish(message, to, () => mandatory && this.sink.returned(message, to))
    if (!this.#isConfirming) return
    this.server.later(safeInMs, () => {
      this.#unconfirmed.set(tag, true)
      this.#planFlush()
    })
  }

  declareExchange(spec: ExchangeSpec): void {
    this.server.exchanges.declare(spec)
  }

  declareQueue(spec: QueueDeclaration): void {
    this.server.declareQueue(spec, this.connection)
  }

  bindQueue(queue: string, exchange: string, routingKey: string): void {
    this.server.bind(queue, exchange, routingKey)
  }

  bindExchange(to: string, from: string, routingKey: string): void {
    this.server.exchanges.bindExchange(to, from, routingKey)
  }

  inspectQueue(name: string): { messages: number; consumers: number } {
    const { ready, consumers } = this.server.queue(name, this.connection)
    return { messages: ready.length, consumers: consumers.length }
  }

  deleteQueue(name: string): void {
    this.server.deleteQueue(name)
  }

  purgeQueue(name: string): number {
    return this.server.purge(this.server.queue(name, this.connection))
  }

  get(name: string): LinkDelivery | undefined {
    const queue = this.server.queue(name, this.connection)
    const entry = this.server.take(queue)
    return entry && this.#hold(entry, queue, undefined)
  }

  qos(prefetch: number, overAllConsumers: boolean): void {
    if (overAllConsumers) this.#prefetchAll = prefetch
    else this.#prefetchEach = prefetch
    this.#pump()
  }

  consume(name: string, tag: string, noAck: boolean): void {
    const queue = this.server.queue(name, this.connection)
    if (this.consumers.has(tag)) throw new ChannelFault(530, `NOT_ALLOWED - attempt to reuse consumer tag '${tag}'`)
    const consumer: RabbitConsumer = { tag, queue, noAck, channel: this, prefetch: this.#prefetchEach, unacked: 0 }
    this.consumers.set(tag, consumer)
    queue.consumers.push(consumer)
    // Its deliveries come behind the answer.
    this.server.later(0, () => this.server.pump(queue))
  }

  cancel(tag: string): void {
    const consumer = this.consumers.get(tag)
    if (!consumer) return
    this.consumers.delete(tag)
    this.server.dropConsumer(consumer)
  }

  ack(tag: number): void {
    const { entry, queue } = this.#letGo(tag)
    this.server.acked(entry, queue)
    this.#pump()
  }

  nack(tag: number, requeue: boolean): void {
    const { entry, queue } = this.#letGo(tag)
    if (requeue) this.server.giveBack([{ entry, queue }])
    else this.server.acked(entry, queue)
    this.#pump()
  }

  /** Hands a message to one of its consumers. */
  hand(entry: RabbitEntry, consumer: RabbitConsumer): void {
    if (consumer.noAck) {
      this.server.acked(entry, consumer.queue)
      this.sink.delivery(deliveryOf(entry, consumer.tag, ++this.#lastTag))
    } else {
      this.sink.delivery(this.#hold(entry, consumer.queue, consumer))
    }
  }

  /** It is over: what was not acknowledged goes back. */
  end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    for (const consumer of this.consumers.values()) this.server.dropConsumer(consumer)
    this.consumers.clear()
    const back = [...this.#unacked.values()]
    this.#unacked.clear()
    this.server.giveBack(back)
  }

  #hold(entry: RabbitEntry, queue: RabbitQueue, consumer: RabbitConsumer | undefined): LinkDelivery {
    const tag = ++this.#lastTag
    this.#unacked.set(tag, { entry, queue, consumer })
    if (consumer) {
      consumer.unacked++
      this.#unackedByConsumers++
    }
    return deliveryOf(entry, consumer?.tag ?? '', tag)
  }

  #letGo(tag: number): Unacked {
    const unacked = this.#unacked.get(tag)
    if (!unacked) throw new ChannelFault(406, `PRECONDITION_FAILED - unknown delivery tag ${tag}`)
    this.#unacked.delete(tag)
    if (unacked.consumer) {
      unacked.consumer.unacked--
      this.#unackedByConsumers--
    }
    return unacked
  }

  #pump(): void {
    for (const queue of new Set([...this.consumers.values()].map((consumer) => consumer.queue))) this.server.pump(queue)
  }

  /** Confirmations that come close together go out as one where they can, as RabbitMQ's do. */
  #planFlush(): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    this.server.later(this.server.kit.between(0, 1), () => {
      this.#isFlushPlanned = false
      let upTo = 0
      for (const [tag, canBe] of this.#unconfirmed) {
        if (!canBe) break
        upTo = tag
        this.#unconfirmed.delete(tag)
      }
      if (upTo > 0) this.sink.confirm(upTo, true)
      for (const [tag, canBe] of this.#unconfirmed) {
        if (!canBe) continue
        this.#unconfirmed.delete(tag)
        this.sink.confirm(tag, false)
      }
    })
  }
}

function deliveryOf(entry: RabbitEntry, consumerTag: string, deliveryTag: number): LinkDelivery {
  const { message, exchange, routingKey, redelivered } = entry
  return { message, consumerTag, deliveryTag, exchange, routingKey, redelivered }
}
