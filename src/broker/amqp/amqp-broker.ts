import { deadline } from '../../base/clock.ts'
import { isLovageError, LovageError } from '../../base/errors.ts'
import type { Keeper } from '../../base/keeper.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import type { Message } from '../../protocol/message.ts'
import type {
  Broker,
  BrokerAdmin,
  BrokerDelays,
  BrokerState,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  QueueDepth,
  Topology,
  Visit,
} from '../broker.ts'
import { checkMessage, checkNames } from '../check-message.ts'
import { Declared } from '../declared.ts'
import { tell } from '../tell.ts'
import { AmqpDelays } from './amqp-delays.ts'
import { AmqpConsumer, type ConsumerHost } from './amqp-consumer.ts'
import type { AmqpOptions } from './amqp-options.ts'
import { visitQueue } from './amqp-visit.ts'
import { Desk } from './desk.ts'
import { type Link, type LinkChannel, LinkError } from './link.ts'
import { linkKeeper } from './link-keeper.ts'
import { Publisher } from './publisher.ts'
import { QueueKinds } from './queue-kinds.ts'
import { declareAgain, declareTopology, topologyError } from './topology.ts'

/** A broker on RabbitMQ, over one connection. */
export class AmqpBroker implements Broker {
  readonly kind = 'amqp'
  readonly hasConsumerTimeout = true
  readonly admin: BrokerAdmin
  readonly delays: BrokerDelays
  readonly #delays: AmqpDelays
  #options: AmqpOptions
  #keeper: Keeper<Link>
  #publisher: Publisher
  #desk: Desk
  #declared = new Declared()
  #consumers = new Set<AmqpConsumer>()
  #kinds = new QueueKinds((queue) => this.#declared.queue(queue))
  #listeners = new Set<(state: BrokerState) => void>()
  #lifecycle = new Lifecycle(() => new LovageError('BROKER_CLOSED'))
  #isClosing = false

  constructor(options: AmqpOptions) {
    this.#options = options
    const { clock } = options
    this.#keeper = linkKeeper({
      ...options,
      onUp: (link) => this.#onUp(link),
      onDown: (problem) => this.#onDown(problem),
      onBlocked: (isBlocked) => this.#publisher.setBlocked(isBlocked),
      onRoom: () => this.#publisher.room(),
      onState: (state) => this.#listeners.forEach((listener) => tell(listener, state)),
    })
    this.#publisher = new Publisher(clock, () => this.#keeper.unreachable())
    const connected = (timeoutMs: number): Promise<Link> => this.#keeper.connected(timeoutMs)
    this.#desk = new Desk(clock, connected, options.connectTimeoutMs, () => this.#noAnswer())
    this.delays = this.#delays = new AmqpDelays({
      clock,
      queueType: options.url.delayQueueType,
      publishTimeoutMs: options.publishTimeoutMs,
      ask: (entity, work) => this.#ask(entity, work),
      publish: (message, to, how) => this.publish(message, to, how),
    })
    this.admin = {
      depth: (queue) => this.#depth(queue),
      purge: (queue) => this.#ask(`queue ${queue}`, (channel) => channel.purgeQueue(queue)),
      visit: (queue, limit, visit) => this.#visit(queue, limit, visit),
      deleteQueue: (queue) => {
        this.#declared.forgetQueue(queue)
        this.#delays.forget(queue)
        return this.#ask(`queue ${queue}`, (channel) => channel.deleteQueue(queue))
      },
    }
  }

  get state(): BrokerState {
    return this.#keeper.state
  }

  /** Messages that the broker has not confirmed yet. */
  get publishing(): number {
    return this.#publisher.size
  }

  start(): Promise<void> {
    return this.#lifecycle.start(async () => {
      this.#isClosing = false
      try {
        await this.#keeper.start()
      } catch (error) {
        this.#publisher.end(this.#keeper.unreachable())
        throw error
      }
    })
  }

  stop(): Promise<void> {
    return this.#lifecycle.stop(async (running) => {
      this.#isClosing = true
      // What was asked before the stop is still confirmed, where the broker takes it.
      const idle = this.#keeper.state === 'connected' ? this.#publisher.idle() : Promise.resolve()
      const { clock, publishTimeoutMs } = this.#options
      await deadline(clock, idle, publishTimeoutMs, () => new Error('late')).catch(() => {})
      await this.#keeper.stop()
      await running.catch(() => {})
      this.#publisher.end(new LovageError('BROKER_CLOSED'))
      this.#consumers.clear()
      this.#declared = new Declared()
    })
  }

  async declare(topology: Topology): Promise<void> {
    checkNames(topology)
    await this.#ask('topology', (channel) => declareTopology(channel, topology, this.#options.url.redacted))
    this.#declared.add(topology)
    for (const { name } of topology.queues ?? []) this.#delays.forget(name)
  }

  publish(message: Message, to: Destination, options?: PublishOptions): Promise<void> {
    const { maxMessageBytes, publishTimeoutMs } = this.#options
    if (this.#isClosed()) return Promise.reject(new LovageError('BROKER_CLOSED'))
    try {
      checkMessage(message, to, options?.isPassedOn ? Infinity : maxMessageBytes)
    } catch (error) {
      return Promise.reject(error as Error)
    }
    return this.#publisher.publish(message, to, options?.mandatory ?? true, options?.timeoutMs ?? publishTimeoutMs)
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    for (const queue of options.queues) await this.#ask(`queue ${queue}`, (channel) => channel.inspectQueue(queue))
    const consumer = new AmqpConsumer(this.#host(), options)
    const { clock, connectTimeoutMs } = this.#options
    try {
      await deadline(clock, this.#begin(consumer), connectTimeoutMs, () => this.#noAnswer())
    } catch (error) {
      void consumer.cancel()
      throw error
    }
    // One turn later, so that whoever consumes holds the consumer before the first delivery.
    clock.turn(() => consumer.release())
    return consumer
  }

  async probe(timeoutMs: number): Promise<void> {
    // To a queue that nobody has: the broker confirms that it took the message, and drops it.
    const message: Message = {
      headers: {},
      body: new Uint8Array(),
      contentType: '',
      contentEncoding: '',
      deliveryMode: 1,
    }
    const to = { exchange: '', routingKey: `lovage.probe.${this.#options.clock.uuid()}` }
    await this.publish(message, to, { mandatory: false, timeoutMs })
  }

  atTurnEnd(fn: () => void): void {
    const link = this.#keeper.kept
    if (link?.atTurnEnd) link.atTurnEnd(fn)
    else this.#options.clock.turn(fn)
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #onUp(link: Link): Promise<void> {
    await declareAgain(link, this.#declared.all(), this.#options.url.redacted)
    await Promise.all([...this.#consumers].map((consumer) => consumer.attachAgain(link)))
    // One that goes with its readers, or its owner, is another now.
    for (const { name } of this.#declared.all().queues ?? []) this.#delays.restored(name)
    await this.#publisher.attach(link)
  }

  #onDown(problem: LinkError): void {
    this.#kinds.learn(problem)
    this.#publisher.detach(problem)
  }

  async #begin(consumer: AmqpConsumer): Promise<void> {
    for (;;) {
      const link = await this.#keeper.connected(this.#options.connectTimeoutMs)
      try {
        await consumer.attach(link)
      } catch (error) {
        if (link.isOpen) throw topologyError(error, `queue ${consumer.queues.join(', ')}`, this.#options.url.redacted)
      }
      if (consumer.isCancelled) return
      if (link !== this.#keeper.kept) continue
      this.#consumers.add(consumer)
      return
    }
  }

  #host(): ConsumerHost {
    return {
      clock: this.#options.clock,
      ensureQueue: (queue, link) => this.#ensureQueue(queue, link),
      kinds: this.#kinds,
      forget: (consumer) => this.#consumers.delete(consumer),
    }
  }

  async #ensureQueue(queue: string, link: Link): Promise<boolean> {
    const url = this.#options.url.redacted
    const topology = this.#declared.around(queue)
    const channel = await link.openChannel({})
    try {
      if (topology) await declareTopology(channel, topology, url)
      else await channel.inspectQueue(queue)
      this.#delays.restored(queue)
      return true
    } catch (error) {
      const known = topologyError(error, `queue ${queue}`, url)
      if (isLovageError(known, 'TOPOLOGY_MISSING')) return false
      // There with other properties, it can be consumed as well.
      if (isLovageError(known, 'TOPOLOGY_MISMATCH')) return true
      throw known
    } finally {
      void channel.close()
    }
  }

  async #depth(queue: string): Promise<QueueDepth | undefined> {
    try {
      const counts = await this.#ask(`queue ${queue}`, (channel) => channel.inspectQueue(queue))
      return { queue, ...counts }
    } catch (error) {
      if (isLovageError(error, 'TOPOLOGY_MISSING')) return undefined
      throw error
    }
  }

  async #visit(queue: string, limit: number, visit: Visit): Promise<number> {
    this.#assertOpen()
    const { clock, connectTimeoutMs, url } = this.#options
    const inTime = <T>(answer: Promise<T>): Promise<T> =>
      deadline(clock, answer, connectTimeoutMs, () => this.#noAnswer())
    const { maxMessageBytes } = this.#options
    const publish = (message: Message, to: Destination): Promise<void> => this.publish(message, to)
    const link = await this.#keeper.connected(connectTimeoutMs)
    try {
      return await visitQueue(link, queue, limit, visit, { inTime, publish, maxMessageBytes })
    } catch (error) {
      const known = topologyError(error, `queue ${queue}`, url.redacted)
      throw known instanceof LinkError ? this.#noAnswer() : known
    }
  }

  async #ask<T>(entity: string, work: (channel: LinkChannel) => Promise<T>): Promise<T> {
    this.#assertOpen()
    try {
      return await this.#desk.run(work)
    } catch (error) {
      throw topologyError(error, entity, this.#options.url.redacted)
    }
  }

  #isClosed(): boolean {
    return this.#isClosing || this.#keeper.state === 'stopped'
  }

  #assertOpen(): void {
    if (this.#isClosed()) throw new LovageError('BROKER_CLOSED')
  }

  #noAnswer(): Error {
    if (this.#isClosed()) return new LovageError('BROKER_CLOSED')
    return this.#keeper.noAnswer(this.#options.connectTimeoutMs)
  }
}
