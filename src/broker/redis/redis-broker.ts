import { deadline } from '../../base/clock.ts'
import { LovageError } from '../../base/errors.ts'
import { Keeper } from '../../base/keeper.ts'
import { Lifecycle } from '../../base/lifecycle.ts'
import { askKept } from '../../base/redis/ask.ts'
import { assertUsable } from '../../base/redis/redis-info.ts'
import type { Message } from '../../protocol/message.ts'
import type {
  Broker,
  BrokerAdmin,
  BrokerDelays,
  BrokerState,
  ConsumeOptions,
  Consumer,
  DelayedTo,
  Destination,
  PublishOptions,
  Topology,
} from '../broker.ts'
import { checkHeaders } from '../check-headers.ts'
import { checkMessage, checkNames, delayedMessage } from '../check-message.ts'
import { Declared } from '../declared.ts'
import { tell } from '../tell.ts'
import { channelOf } from './channels.ts'
import { Hands } from './hands.ts'
import { Mover } from './mover.ts'
import { Readers } from './readers.ts'
import { redisAdmin } from './redis-admin.ts'
import { redisDelays } from './redis-delays.ts'
import { isRefusal } from '../../base/redis/redis-errors.ts'
import { serverError } from './redis-errors.ts'
import type { RedisLink } from './redis-link.ts'
import { LONGEST_LEASE_MS, type RedisOptions } from './redis-options.ts'
import { RedisPublisher } from './redis-publisher.ts'
import { Sweeper } from './sweeper.ts'
import { declareAgain, type DeclareContext, declareTopology } from './topology.ts'

/** A broker on Redis, in kombu's layout. */
export class RedisBroker implements Broker {
  readonly kind = 'redis'
  readonly admin: BrokerAdmin
  readonly delays: BrokerDelays
  #options: RedisOptions
  #keeper: Keeper<RedisLink>
  #publisher: RedisPublisher
  #hands: Hands
  #sweeper: Sweeper
  #mover: Mover
  #readers: Readers
  #declared = new Declared()
  #listeners = new Set<(state: BrokerState) => void>()
  #lifecycle = new Lifecycle(() => new LovageError('BROKER_CLOSED'))
  #isClosing = false

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
      fatal: (error) => (isFatal(error) ? (serverError(error, redacted) as Error) : undefined),
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
    this.#readers = this.#newReaders()
    this.#sweeper = this.#newSweeper()
    this.#mover = new Mover({
      clock,
      prefix: url.prefix,
      onMoved: () => this.#readers.ring(),
      onUseless: (link, problem) => this.#keeper.giveUp(link, problem),
    })
    this.delays = redisDelays({
      clock,
      hands: () => this.#hands,
      mover: () => this.#mover,
      ask: (work) => this.#ask(work),
      link: () => this.#keeper.kept,
      publish: async (message, to, atMs, options) => this.#send(delayedMessage(message, atMs), to, options, atMs),
    })
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
    return this.#lifecycle.stop((running) => this.#stop(running))
  }

  async declare(topology: Topology): Promise<void> {
    checkNames(topology)
    await this.#ask((link) => declareTopology(this.#context(link), topology))
    this.#declared.add(topology)
    await this.#readers.feedAgain(topology)
  }

  publish(message: Message, to: Destination, options?: PublishOptions): Promise<void> {
    try {
      // Where it went is nobody's business here; a promise of its own to hide that would cost each message one more.
      return this.#send(message, to, options) as Promise<unknown> as Promise<void>
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  async consume(options: ConsumeOptions): Promise<Consumer> {
    this.#assertOpen()
    const consumer = await this.#readers.open(options)
    if (this.#keeper.kept) this.#sweeper.attach(this.#keeper.kept)
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

  #send(message: Message, to: Destination, options: PublishOptions = {}, atMs?: number): Promise<DelayedTo> {
    const { maxMessageBytes, publishTimeoutMs } = this.#options
    const { mandatory = true, isPassedOn = false, timeoutMs = publishTimeoutMs } = options
    this.#assertOpen()
    checkMessage(message, to, isPassedOn ? Infinity : maxMessageBytes)
    checkHeaders(message.headers)
    return this.#publisher.publish(message, to, mandatory, timeoutMs, atMs)
  }

  async #stop(running: Promise<void>): Promise<void> {
    const { clock, publishTimeoutMs, connectTimeoutMs } = this.#options
    const inTime = (ends: Promise<void>, ms: number): Promise<void> =>
      deadline(clock, ends, ms, () => new Error('late')).catch(() => {})
    this.#isClosing = true
    const consumers = this.#readers.all
    for (const consumer of consumers) consumer.close()
    this.#sweeper.detach()
    // What was asked before the stop is still confirmed, where the server takes it.
    if (this.#keeper.state === 'connected') await inTime(this.#publisher.idle(), publishTimeoutMs)
    const ends = async (): Promise<void> => {
      // Back before the readers are gone: a queue that goes with them takes its messages along.
      await Promise.all(consumers.map((consumer) => consumer.quiet()))
      await this.#hands.returnAll()
      await this.#mover.end()
      await Promise.all(consumers.map((consumer) => consumer.cancel()))
      await this.#hands.end()
    }
    await inTime(ends(), connectTimeoutMs)
    await this.#keeper.stop()
    await running.catch(() => {})
    this.#onDown()
    this.#publisher.end(new LovageError('BROKER_CLOSED'))
    this.#declared = new Declared()
    // Whoever starts it again is somebody else to the others.
    this.#hands = this.#newHands()
    this.#readers = this.#newReaders()
    this.#sweeper = this.#newSweeper()
  }

  #open(timeoutMs: number, onClosed: (problem: Error) => void): Promise<RedisLink> {
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
      onBell: (key) => this.#readers.ring(key),
      onHeard: (pattern, _channel, text) => this.#mover.hears(pattern) || this.#readers.onHeard(pattern, text),
    })
  }

  async #onUp(link: RedisLink): Promise<void> {
    const { redacted: url } = this.#options.url.url
    assertUsable(link.facts, { room: 'broker', where: 'the broker', url })
    await this.#hands.attach(link)
    await declareAgain(this.#context(link), this.#declared.all())
    await this.#readers.attach(link)
    this.#publisher.attach(link)
    await this.#mover.attach(link)
    if (this.#readers.all.length > 0) this.#sweeper.attach(link)
  }

  #onDown(): void {
    this.#publisher.detach()
    this.#hands.detach()
    this.#sweeper.detach()
    this.#mover.detach()
    this.#readers.detach()
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
    const { clock, url, longestLeaseMs = LONGEST_LEASE_MS } = this.#options
    return new Hands({
      clock,
      leaseMs: Math.min(url.visibilityMs, longestLeaseMs),
      readers: () => this.#readers.all,
      onUseless: (link, problem) => this.#keeper.giveUp(link, problem),
    })
  }

  #newReaders(): Readers {
    const { clock, url } = this.#options
    return new Readers({
      clock,
      hands: this.#hands,
      names: url,
      link: () => this.#keeper.kept,
      ask: (work) => this.#ask(work),
      declareAgain: (queue) => this.#declareQueueAgain(queue),
      onUseless: (link, problem) => this.#keeper.giveUp(link, problem),
    })
  }

  #newSweeper(): Sweeper {
    const { clock, url } = this.#options
    return new Sweeper(clock, this.#hands, url.visibilityMs, url.prefix)
  }

  async #ask<T>(work: (link: RedisLink) => Promise<T>): Promise<T> {
    this.#assertOpen()
    const { clock, connectTimeoutMs: timeoutMs, url } = this.#options
    const meaning = (error: unknown): unknown => serverError(error, url.url.redacted)
    return await askKept(this.#keeper, work, { clock, timeoutMs, meaning })
  }

  #assertOpen(): void {
    if (this.#isClosing || this.#keeper.state === 'stopped') throw new LovageError('BROKER_CLOSED')
  }
}

function isFatal(error: unknown): boolean {
  return isRefusal(error) || error instanceof LovageError
}
