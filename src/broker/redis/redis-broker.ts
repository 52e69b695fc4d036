import { type Clock, deadline, type Timer } from '../../base/clock.ts'
import { LovageError } from '../../base/errors.ts'
import { Keeper } from '../../base/keeper.ts'
import { warnOfRisks } from '../../base/redis/redis-info.ts'
import { clusterRefused } from '../../base/redis/redis-url.ts'
import type { Message } from '../../protocol/message.ts'
import type {
  Broker,
  BrokerAdmin,
  BrokerState,
  ConsumeOptions,
  Consumer,
  Destination,
  PublishOptions,
  Topology,
} from '../broker.ts'
import { checkHeaders } from '../check-headers.ts'
import { checkMessage, checkNames } from '../check-message.ts'
import { Declared } from '../declared.ts'
import { tell } from '../tell.ts'
import { attachReader, Channels, channelOf } from './channels.ts'
import { Hands } from './hands.ts'
import { redisAdmin } from './redis-admin.ts'
import { RedisConsumer } from './redis-consumer.ts'
import { isRefusal, serverError } from './redis-errors.ts'
import type { OpenRedisLink, RedisLink } from './redis-link.ts'
import type { RedisBrokerUrl } from './redis-options.ts'
import { RedisPublisher } from './redis-publisher.ts'
import { Sweeper } from './sweeper.ts'
import { declareAgain, type DeclareContext, declareTopology } from './topology.ts'

/** A bell that is lost must not silence a queue for ever. */
const LOOK_MS = 5000

/** The same where the server has no bell. */
const POLL_MS = 1000

/** How a {@link RedisBroker} is made; the defaults are those of `openBroker`. */
export interface RedisOptions {
  readonly url: RedisBrokerUrl
  readonly clock: Clock
  readonly openLink: OpenRedisLink
  readonly publishTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly heartbeatS: number
  readonly maxMessageBytes: number
  readonly name: string
}

/** A broker on Redis, in kombu's layout. */
export class RedisBroker implements Broker {
  readonly kind = 'redis'
  readonly admin: BrokerAdmin
  #options: RedisOptions
  #keeper: Keeper<RedisLink>
  #publisher: RedisPublisher
  #hands: Hands
  #sweeper: Sweeper
  #channels: Channels
  #declared = new Declared()
  #consumers = new Set<RedisConsumer>()
  #lastConsumer = 0
  #listeners = new Set<(state: BrokerState) => void>()
  #running: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #isClosing = false
  #look: Timer | undefined

  constructor(options: RedisOptions) {
    this.#options = options
    const { clock, url, connectTimeoutMs } = options
    const { redacted } = url.url
    this.#keeper = new Keeper<RedisLink>({
      clock,
      room: 'broker',
      url: redacted,
      connectTimeoutMs,
      open: (timeoutMs, onClosed) => this.#open(timeoutMs, onClosed),
      onUp: (link) => this.#onUp(link),
      onDown: () => this.#onDown(),
      fatal: (error) => (isFatal(error) ? (asLovage(serverError(error, redacted)) ?? undefined) : undefined),
      unreachable: (problem) => new LovageError('BROKER_UNREACHABLE', { url: redacted, problem }),
      closed: () => new LovageError('BROKER_CLOSED'),
      onState: (state) => this.#listeners.forEach((listener) => tell(listener, state)),
    })
    this.#publisher = new RedisPublisher({
      clock,
      channelOf: (exchange, key) => channelOf(url, exchange, key),
      unreachable: () => this.#keeper.unreachable(),
      onUseless: (link, problem) => this.#keeper.giveUp(link, problem),
    })
    this.#hands = this.#newHands()
    this.#sweeper = this.#newSweeper()
    this.#channels = new Channels(url)
    this.admin = redisAdmin({
      hands: () => this.#hands,
      ask: (work) => this.#ask(work),
      forgetQueue: (queue) => this.#declared.forgetQueue(queue),
    })
  }

  get state(): BrokerState {
    return this.#keeper.state
  }

  start(): Promise<void> {
    if (this.#running) return this.#running
    const stopping = this.#stopping
    const begin = async (): Promise<void> => {
      await stopping
      if (this.#running !== running) throw new LovageError('BROKER_CLOSED')
      this.#isClosing = false
      await this.#keeper.start()
    }
    const running = Promise.resolve().then(begin)
    this.#running = running
    running.catch(() => {
      if (this.#running === running) this.#running = undefined
      this.#publisher.end(this.#keeper.unreachable())
    })
    return running
  }

  stop(): Promise<void> {
    const running = this.#running
    if (!running) return this.#stopping ?? Promise.resolve()
    this.#running = undefined
    this.#stopping = this.#stop(running)
    return this.#stopping
  }

  async declare(topology: Topology): Promise<void> {
    checkNames(topology)
    await this.#ask((link) => declareTopology(this.#context(link), topology))
    this.#declared.add(topology)
    await this.#feedAgain(topology)
  }

  async publish(message: Message, to: Destination, options?: PublishOptions): Promise<void> {
    const { maxMessageBytes, publishTimeoutMs } = this.#options
    this.#assertOpen()
    checkMessage(message, to, options?.isPassedOn ? Infinity : maxMessageBytes)
    checkHeaders(message.headers)
    return this.#publisher.publish(message, to, options?.mandatory ?? true, options?.timeoutMs ?? publishTimeoutMs)
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#assertOpen()
    const { clock } = this.#options
    const name = `${this.#hands.session}:${++this.#lastConsumer}`
    const consumer = new RedisConsumer(this.#host(), options, name)
    await this.#ask(async (link) => {
      await this.#attach(consumer, link)
      if (this.#keeper.kept === link) consumer.attach(link)
    })
    this.#consumers.add(consumer)
    const link = this.#keeper.kept
    if (link) consumer.attach(link)
    // One turn later, so that whoever consumes holds the consumer before the first delivery.
    clock.turn(() => consumer.release())
    return consumer
  }

  async probe(timeoutMs: number): Promise<void> {
    // To a queue that nobody has: the server runs the script that publishes, and drops the message.
    const to = { exchange: '', routingKey: `lovage.probe.${this.#options.clock.uuid()}` }
    const nothing = { headers: {}, body: new Uint8Array(), contentType: '', contentEncoding: '', deliveryMode: 1 }
    await this.publish(nothing as Message, to, { mandatory: false, timeoutMs })
  }

  onState(listener: (state: BrokerState) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async #stop(running: Promise<void>): Promise<void> {
    const { clock, publishTimeoutMs, connectTimeoutMs } = this.#options
    const inTime = (ends: Promise<void>, ms: number): Promise<void> =>
      deadline(clock, ends, ms, () => new Error('late')).catch(() => {})
    this.#isClosing = true
    const consumers = [...this.#consumers]
    for (const consumer of consumers) consumer.close()
    this.#sweeper.detach()
    // What was asked before the stop is still confirmed, where the server takes it.
    if (this.#keeper.state === 'connected') await inTime(this.#publisher.idle(), publishTimeoutMs)
    const ends = async (): Promise<void> => {
      // Back before the readers are gone: a queue that goes with them takes its messages along.
      await Promise.all(consumers.map((consumer) => consumer.quiet()))
      await this.#hands.returnAll()
      await Promise.all(consumers.map((consumer) => consumer.cancel()))
      await this.#hands.end()
    }
    await inTime(ends(), connectTimeoutMs)
    await this.#keeper.stop()
    await running.catch(() => {})
    this.#onDown()
    this.#publisher.end(new LovageError('BROKER_CLOSED'))
    this.#consumers.clear()
    this.#declared = new Declared()
    this.#channels = new Channels(this.#options.url)
    // Whoever starts it again is somebody else to the others.
    this.#hands = this.#newHands()
    this.#sweeper = this.#newSweeper()
  }

  #open(timeoutMs: number, onClosed: (problem: string) => void): Promise<RedisLink> {
    const { url, clock, name, heartbeatS, openLink } = this.#options
    return openLink({
      url: url.url,
      prefix: url.prefix,
      clock,
      name,
      timeoutMs,
      // As RabbitMQ does it: half of what was agreed is a sign of life, twice that is the end.
      silenceMs: heartbeatS * 500,
      onClosed,
      onBell: () => this.#ring(),
      onHeard: (pattern, _channel, text) => this.#channels.onHeard(pattern, text),
    })
  }

  async #onUp(link: RedisLink): Promise<void> {
    const { redacted } = this.#options.url.url
    if (link.facts.isCluster) throw clusterRefused('the broker')
    if (link.facts.isReplica) throw new Error('it is a replica, which takes no writes')
    warnOfRisks('broker', redacted, link.facts)
    await this.#hands.attach(link)
    await declareAgain(this.#context(link), this.#declared.all())
    for (const consumer of this.#consumers) {
      await this.#attach(consumer, link).catch((error: unknown) => {
        // Its queue is gone: should it come again, it is read all the same.
        if (!(error instanceof LovageError)) throw error
      })
      consumer.attach(link)
    }
    this.#publisher.attach(link)
    if (this.#consumers.size > 0) this.#sweeper.attach(link)
    this.#armLook(link)
  }

  #onDown(): void {
    this.#look?.cancel()
    this.#publisher.detach()
    this.#hands.detach()
    this.#sweeper.detach()
    for (const consumer of this.#consumers) consumer.detach()
  }

  #ring(): void {
    for (const consumer of this.#consumers) consumer.ring()
  }

  #armLook(link: RedisLink): void {
    this.#look?.cancel()
    const afterMs = link.rings ? LOOK_MS : POLL_MS
    const look = (): void => {
      this.#ring()
      this.#armLook(link)
    }
    this.#look = this.#options.clock.after(afterMs, look, { unref: true })
  }

  /** Tells the server who reads, and hears what feeds its queues. */
  async #attach(consumer: RedisConsumer, link: RedisLink): Promise<void> {
    const { session, leaseMs } = this.#hands
    const { problem, about } = await attachReader(link, consumer.name, session, leaseMs, consumer.queues)
    const entity = `queue ${about[0]}`
    if (problem === 'MISSING') throw new LovageError('TOPOLOGY_MISSING', { entity })
    if (problem === 'EXCLUSIVE') {
      throw new LovageError('TOPOLOGY_MISMATCH', { entity, problem: 'it is exclusive to another connection' })
    }
    await this.#channels.feed(consumer, about, link)
  }

  /** A binding that was declared while its queue is read feeds it from now on. */
  async #feedAgain({ bindings = [] }: Topology): Promise<void> {
    const queues = new Set(bindings.map(({ queue }) => queue))
    for (const consumer of this.#consumers) {
      if (consumer.queues.some((queue) => queues.has(queue))) await this.#ask((link) => this.#attach(consumer, link))
    }
  }

  #host(): ConstructorParameters<typeof RedisConsumer>[0] {
    return {
      clock: this.#options.clock,
      hands: this.#hands,
      attach: (consumer, link) => this.#attach(consumer, link),
      declareAgain: (queue) => this.#declareQueueAgain(queue),
      onUseless: (link, problem) => this.#keeper.giveUp(link, problem),
      forget: (consumer) => {
        this.#consumers.delete(consumer)
        this.#channels.forget(consumer, this.#keeper.kept)
      },
    }
  }

  async #declareQueueAgain(queue: string): Promise<boolean> {
    const topology = this.#declared.around(queue)
    const link = this.#keeper.kept
    if (!topology || !link) return false
    await declareAgain(this.#context(link), topology)
    return true
  }

  #context(link: RedisLink): DeclareContext {
    return { link, session: this.#hands.session, url: this.#options.url.url.redacted }
  }

  #newHands(): Hands {
    const { clock, url } = this.#options
    return new Hands(clock, url.visibilityMs, () => [...this.#consumers])
  }

  #newSweeper(): Sweeper {
    const { clock, url } = this.#options
    return new Sweeper(clock, this.#hands, url.visibilityMs, url.prefix)
  }

  /** Runs work on the connection there is or will be, within the time limit; once more where it was lost meanwhile. */
  async #ask<T>(work: (link: RedisLink) => Promise<T>): Promise<T> {
    this.#assertOpen()
    const { clock, connectTimeoutMs, url } = this.#options
    const attempt = async (): Promise<T> => {
      for (;;) {
        const link = await this.#keeper.connected(connectTimeoutMs)
        try {
          return await work(link)
        } catch (error) {
          if (link.isOpen || error instanceof LovageError) throw serverError(error, url.url.redacted)
        }
      }
    }
    return await deadline(clock, attempt(), connectTimeoutMs, () => this.#noAnswer())
  }

  #assertOpen(): void {
    if (this.#isClosing || this.#keeper.state === 'stopped') throw new LovageError('BROKER_CLOSED')
  }

  #noAnswer(): Error {
    if (this.#keeper.state !== 'connected') return this.#keeper.unreachable()
    const problem = `no answer within ${this.#options.connectTimeoutMs} ms`
    return new LovageError('BROKER_UNREACHABLE', { url: this.#options.url.url.redacted, problem })
  }
}

function isFatal(error: unknown): boolean {
  return isRefusal(error) || error instanceof LovageError
}

function asLovage(error: unknown): Error | undefined {
  return error instanceof Error ? error : undefined
}
