import { afterPromises } from '../../base/after-promises.ts'
import { PassingSet } from '../../base/passing.ts'
import { type Backoff, backoffMs } from '../../base/backoff.ts'
import { type Clock, deadline, type Timer } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { ConsumeOptions, Consumer } from '../broker.ts'
import { readEnvelope } from './envelope.ts'
import type { Hands, Reader } from './hands.ts'
import { keysOfQueue, QUEUES } from './queue-scripts.ts'
import { RedisDelivery, type Settlement } from './redis-delivery.ts'
import { isLost, isPassing } from '../../base/redis/redis-errors.ts'
import type { RedisLink } from './redis-link.ts'
import { take, type Taken, type Taking } from './taking.ts'

/** Most messages taken at a time. */
const BATCH = 256

/** While the server works on one taking, what came with the other is run: neither waits for the other. */
const ABREAST = 2

/** Fewer messages are not worth a taking beside another that is on its way. */
const WORTH = 8

/** Between tries to read when the server refuses it. */
const AGAIN: Backoff = { baseMs: 100, maxMs: 5000 }

/** Longest wait for the server to hear that a consumer is gone. */
const CANCEL_MS = 5000

/** What a consumer needs of its broker. */
export interface ConsumerHost {
  readonly clock: Clock
  readonly hands: Hands
  /** Tells the server that we read these queues; again after a loss. Gives the fanout channels that feed them. */
  readonly attach: (consumer: RedisConsumer, link: RedisLink) => Promise<void>
  /** Declares a queue that is gone again, if it was declared here. */
  readonly declareAgain: (queue: string) => Promise<boolean>
  readonly onUseless: (link: RedisLink, problem: string) => void
  readonly forget: (consumer: RedisConsumer) => void
}

/** One subscription: takes as many messages as it has credit for, whenever the bell rings. */
export class RedisConsumer implements Consumer, Reader {
  readonly name: string
  readonly queues: readonly string[]
  /** Whose change rings. */
  readonly keys: readonly string[]
  #host: ConsumerHost
  #options: ConsumeOptions
  #prefetch: number
  #link: RedisLink | undefined
  #unsettled = 0
  /** Deliveries of channels, which no server keeps. */
  #heard = new PassingSet<RedisDelivery>()
  #isOpen = false
  #turn = 0
  /** On their way. */
  #takings = new Set<Promise<void>>()
  /** Messages that they may bring. */
  #asked = 0
  /** What rings at once rings once, and what is settled meanwhile goes along. */
  readonly #schedule = afterPromises(() => this.#pump())
  #isRung = false
  /** The server had more than we asked for. */
  #isBusy = false
  /** Messages have been handed over in this turn. */
  #isHanding = false
  /** The server has nothing for us, and rings when it has. */
  #isDry = false
  #failures = 0
  /** After a failure. */
  #pause: Timer | undefined
  #cancelling: Promise<void> | undefined

  constructor(host: ConsumerHost, options: ConsumeOptions, name: string) {
    this.#host = host
    this.#options = options
    this.#prefetch = options.prefetch
    this.queues = [...new Set(options.queues)]
    this.keys = this.queues.flatMap(keysOfQueue)
    this.name = name
  }

  get isCancelled(): boolean {
    return this.#cancelling !== undefined
  }

  attach(link: RedisLink): void {
    this.#link = link
    this.#pause = undefined
    this.ring()
  }

  detach(): void {
    this.#link = undefined
    this.#pause?.cancel()
  }

  /** Deliveries may be handed over from now on. */
  release(): void {
    this.#isOpen = true
    this.ring()
  }

  /** There may be something to take. */
  ring(): void {
    this.#isDry = false
    this.#isRung = true
    this.#schedule()
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch
    if (!this.#isDry) this.ring()
  }

  cancel(): Promise<void> {
    return (this.#cancelling ??= this.#cancel())
  }

  /** A message of a channel that feeds one of the queues. */
  hear(text: string, queue: string): void {
    if (!this.#isOpen) return
    const delivery = new RedisDelivery(readEnvelope(text, queue, undefined), queue, '', this.#hostOfHeard)
    if (!this.#options.noAck) this.#heard.add(delivery)
    this.#hand(delivery)
  }

  /** Ends it without the server: the broker stops. */
  close(): void {
    this.#isOpen = false
    this.#pause?.cancel()
    this.#heard.clear()
  }

  /** Resolves when nothing is on its way to us. */
  async quiet(): Promise<void> {
    while (this.#takings.size > 0) await Promise.all(this.#takings)
  }

  async #cancel(): Promise<void> {
    const { clock, hands, forget } = this.#host
    this.#isOpen = false
    this.#pause?.cancel()
    forget(this)
    const ends = async (): Promise<void> => {
      await this.quiet()
      await hands.flush()
      await this.#link?.run(QUEUES.detach, [this.name, ...this.queues])
    }
    await deadline(clock, ends(), CANCEL_MS, () => new Error('late')).catch((error: unknown) => {
      log('debug', 'broker', 'the server has not heard of the end of a consumer', { problem: messageOf(error) })
    })
  }

  #pump(): void {
    // One that is lost and not yet taken from us fails at once, and would be asked for ever without any time to hear of it.
    while (this.#isRung && this.#isOpen && this.#link?.isOpen && !this.#pause && this.#takings.size < ABREAST) {
      const most = this.#most()
      // What is on its way rings again when it is here.
      this.#isRung = this.#takings.size > 0 || (most > 0 && this.#isBusy)
      if (most <= 0) return
      this.#begin(this.#link, most)
    }
  }

  /** How many to ask for now. A server that has plenty is asked for half of them, and then for the other half. */
  #most(): number {
    const room = this.#prefetch === 0 ? BATCH : this.#prefetch - this.#unsettled - this.#asked
    if (this.#takings.size > 0 && (!this.#isBusy || room < WORTH)) return 0
    const share = this.#isBusy ? Math.max(WORTH, Math.ceil(this.#prefetch / 2)) : room
    return Math.min(BATCH, room, this.#prefetch === 0 ? BATCH : share)
  }

  #begin(link: RedisLink, most: number): void {
    this.#asked += most
    const taking: Promise<void> = this.#takeOnce(link, most)
      .catch((error: unknown) => this.#onFailure(error, link))
      .then(() => {
        this.#takings.delete(taking)
        if (this.#isRung) this.#schedule()
      })
    this.#takings.add(taking)
  }

  async #takeOnce(link: RedisLink, most: number): Promise<void> {
    const { clock, hands, declareAgain } = this.#host
    const options = { queues: this.#inTurn(), most, noAck: this.#options.noAck ?? false }
    const run: Parameters<typeof take>[0] = (script, args) => link.read(script, args, this.keys)
    const taking = await take(run, hands, options).catch((error: unknown) => {
      this.#asked -= most
      throw error
    })
    this.#failures = 0
    // So many as asked for, or more than one answer holds: there may be more.
    this.#isBusy = taking.taken.length === most || taking.left > 0
    if (this.#isBusy) this.#isRung = true
    this.#isDry = !this.#isRung
    if (taking.taken.length > 0 && this.#isHanding) await new Promise<void>((resolve) => clock.turn(resolve))
    this.#asked -= most
    this.#handAll(taking)
    for (const queue of taking.missing) {
      if (!this.#isOpen || !(await declareAgain(queue))) continue
      await this.#host.attach(this, link)
      this.ring()
    }
  }

  /** No queue is always the first. */
  #inTurn(): readonly string[] {
    if (this.queues.length === 1) return this.queues
    const from = this.#turn++ % this.queues.length
    return [...this.queues.slice(from), ...this.queues.slice(0, from)]
  }

  /** One taking a turn: what the first of them leaves room for is asked for before the second is run. */
  #handAll({ taken }: Taking): void {
    if (taken.length === 0) return
    this.#isHanding = true
    this.#host.clock.turn(() => (this.#isHanding = false))
    const deliveries = taken.map((one) => this.#deliveryOf(one))
    for (const delivery of deliveries) {
      // A handler before it may have cancelled. What counts as settled already would be lost if it were not handed over.
      if (this.#isOpen || this.#options.noAck) this.#hand(delivery)
      else if (this.#host.hands.giveBack(delivery.tag, false)) this.#unsettled--
    }
  }

  #deliveryOf({ envelope, queue, step, tag }: Taken): RedisDelivery {
    const delivery = new RedisDelivery(envelope, queue, tag, this.#hostOfTaken)
    if (tag !== '') {
      this.#unsettled++
      this.#host.hands.add({ tag, queue, step, onLost: () => this.#onSettled() })
    }
    return delivery
  }

  #hand(delivery: RedisDelivery): void {
    try {
      this.#options.onDelivery(delivery)
    } catch (error) {
      log('error', 'broker', 'delivery handler threw', { queue: delivery.queue, error: messageOf(error) })
    }
  }

  readonly #hostOfTaken = {
    holds: ({ tag }: RedisDelivery): boolean => this.#host.hands.has(tag),
    settle: ({ tag }: RedisDelivery, how: Settlement): boolean => {
      const { hands } = this.#host
      if (!(how === 'requeue' ? hands.giveBack(tag, true) : hands.ack(tag))) return false
      this.#onSettled()
      return true
    },
  }

  readonly #hostOfHeard = {
    holds: (delivery: RedisDelivery): boolean => this.#heard.has(delivery),
    settle: (delivery: RedisDelivery, how: Settlement): boolean => {
      if (!this.#heard.delete(delivery)) return false
      if (how === 'requeue') this.#host.clock.turn(() => this.#hearAgain(delivery))
      return true
    },
  }

  #hearAgain(heard: RedisDelivery): void {
    if (!this.#isOpen) return
    const { message, exchange, routingKey } = heard
    const envelope = { message, exchange, routingKey, redelivered: true, wirePriority: 0 }
    const delivery = new RedisDelivery(envelope, heard.queue, '', this.#hostOfHeard)
    this.#heard.add(delivery)
    this.#hand(delivery)
  }

  #onSettled(): void {
    this.#unsettled--
    if (this.#prefetch !== 0 && this.#unsettled < this.#prefetch && !this.#isDry) this.ring()
  }

  #onFailure(error: unknown, link: RedisLink): void {
    // The next connection rings. Of two takings that fail together one is enough to hear of.
    if (isLost(error) || !link.isOpen || this.#pause) return
    if (isPassing(error)) return this.#host.onUseless(link, messageOf(error))
    const { clock } = this.#host
    const waitMs = backoffMs(this.#failures++, AGAIN, clock.random())
    log('error', 'broker', 'queues could not be read', { queues: this.queues, problem: messageOf(error), waitMs })
    this.#pause = clock.after(waitMs, () => {
      this.#pause = undefined
      this.ring()
    })
  }
}
