import { backoffMs } from '../../base/backoff.ts'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { Ring } from '../../base/ring.ts'
import type { ConsumeOptions, Consumer } from '../broker.ts'
import type { AmqpDelivery } from './amqp-delivery.ts'
import { AGAIN, AmqpReader, type ReaderHost } from './amqp-reader.ts'
import type { Link } from './link.ts'
import type { QueueKinds } from './queue-kinds.ts'
import { channelsFor, shareOf, type Spread } from './shares.ts'

/** What a consumer needs of its broker. */
export interface ConsumerHost {
  readonly clock: Clock
  /** Declares the queue if it was declared here, and tells whether it is there. */
  readonly ensureQueue: (queue: string, link: Link) => Promise<boolean>
  readonly kinds: Pick<QueueKinds, 'hasOwnCredit' | 'canShare'>
  readonly forget: (consumer: AmqpConsumer) => void
}

/**
 * One subscription. Its credit is on one channel, or, where it is large, spread over several: RabbitMQ walks over what is
 * unacknowledged on a channel to find what an ack is for, from the oldest on, so that with tens of thousands of them an ack
 * takes milliseconds.
 */
export class AmqpConsumer implements Consumer {
  readonly #host: ConsumerHost
  readonly #options: ConsumeOptions
  readonly #queues: readonly string[]
  readonly #readerHost: ReaderHost
  #prefetch: number
  #link: Link | undefined
  /** The first is always there. */
  #readers: AmqpReader[]
  /** They read no more, and have deliveries in our hands. */
  readonly #retiring = new Set<AmqpReader>()
  /** Queues that are to be read again when they are there. */
  readonly #unread = new Set<string>()
  /** Asked by several channels, each queue is looked for once. */
  #asked = new Map<string, Promise<boolean>>()
  /** The first has begun on the connection: others can join it. */
  #isAttached = false
  /** What has come before `consume` resolved, on all channels in its order; undefined afterwards. */
  #early: Ring<AmqpDelivery> | undefined = new Ring()
  #isFitting = false
  #cancelling: Promise<void> | undefined

  constructor(host: ConsumerHost, options: ConsumeOptions) {
    this.#host = host
    this.#options = options
    this.#queues = [...new Set(options.queues)]
    this.#prefetch = options.prefetch
    this.#readerHost = {
      clock: host.clock,
      queues: this.#queues,
      noAck: options.noAck ?? false,
      arguments: options.arguments,
      ensureQueue: (queue, link) => this.#ensureQueue(queue, link),
      hasOwnCredit: () => host.kinds.hasOwnCredit(this.#queues),
      onDelivery: (delivery) => this.#hand(delivery),
      onUnread: (queue, isDeleted) => this.#onUnread(queue, isDeleted),
      onSettled: (reader) => this.#onSettled(reader),
    }
    this.#readers = [new AmqpReader(this.#readerHost, options.prefetch, false)]
  }

  get queues(): readonly string[] {
    return this.#queues
  }

  get isCancelled(): boolean {
    return this.#cancelling !== undefined
  }

  /** Begins on a connection. */
  attach(link: Link): Promise<void> {
    return this.#attach(link, (first) => first.attach(link))
  }

  /** Begins again on a new connection; what came over the one before is void. Rejects only when this one is lost too. */
  attachAgain(link: Link): Promise<void> {
    return this.#attach(link, (first) => first.attachInTime(link))
  }

  async #attach(link: Link, begin: (first: AmqpReader) => Promise<void>): Promise<void> {
    this.#link = link
    this.#isAttached = false
    this.#retiring.clear()
    this.#unread.clear()
    this.#asked = new Map()
    if (this.#early) this.#early = new Ring()
    const [first] = this.#readers as [AmqpReader]
    this.#readers = [first]
    const spread = this.#spread(link)
    first.setShare(shareOf(0, channelsFor(this.#prefetch, 1, spread), this.#prefetch, spread))
    await begin(first)
    if (this.#link !== link) return
    this.#isAttached = true
    this.#fit()
  }

  /** Deliveries may be handed over from now on. */
  release(): void {
    const early = this.#early
    this.#early = undefined
    for (let one = early?.shift(); one; one = early?.shift()) this.#hand(one)
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch
    this.#fit()
  }

  cancel(): Promise<void> {
    return (this.#cancelling ??= this.#cancel())
  }

  async #cancel(): Promise<void> {
    this.#host.forget(this)
    const early = this.#early
    // What counts as settled already would be lost if it were not handed over.
    if (this.#options.noAck) this.release()
    else for (let one = early?.shift(); one; one = early?.shift()) one.requeue()
    await Promise.all([...this.#readers, ...this.#retiring].map((reader) => reader.end()))
  }

  /** How the credit is to be spread. */
  #spread(link: Link): Spread {
    const { noAck, arguments: tables = {} } = this.#options
    const isStream = Object.values(tables).some((table) => table['x-stream-offset'] !== undefined)
    const isOne = noAck || isStream || !this.#host.kinds.canShare(this.#queues)
    // The other half is for those who publish, and ask, and for other consumers.
    return { each: link.channelCredit, most: isOne ? 1 : Math.max(1, link.channelMax >> 1) }
  }

  /** Gives each channel its share, and has as many as it takes. */
  #fit(): void {
    const link = this.#link
    if (!link || !this.#isAttached || this.#cancelling) return
    const spread = this.#spread(link)
    const readers = this.#readers
    const count = channelsFor(this.#prefetch, readers.length, spread)
    for (const reader of readers.splice(count)) this.#retire(reader)
    // What is in hand of those who end counts as well: there are no more deliveries in all than the credit allows.
    let left = this.#prefetch
    if (left > 0) for (const { unsettled } of this.#retiring) left = Math.max(1, left - unsettled)
    for (const [index, reader] of readers.entries()) reader.setShare(shareOf(index, count, left, spread))
    for (let index = readers.length; index < count; index++) {
      const reader = new AmqpReader(this.#readerHost, shareOf(index, count, left, spread), true)
      readers.push(reader)
      reader.attachInTime(link).catch(ignoreLoss)
    }
  }

  #retire(reader: AmqpReader): void {
    if (reader.unsettled > 0) this.#retiring.add(reader)
    void reader.end()
  }

  #onSettled(reader: AmqpReader): void {
    if (!this.#retiring.has(reader) || this.#isFitting) return
    this.#isFitting = true
    this.#host.clock.turn(() => {
      this.#isFitting = false
      for (const one of this.#retiring) if (one.unsettled === 0) this.#retiring.delete(one)
      this.#fit()
    })
  }

  #hand(delivery: AmqpDelivery): void {
    if (this.#early) return this.#early.push(delivery)
    try {
      this.#options.onDelivery(delivery)
    } catch (error) {
      log('error', 'broker', 'delivery handler threw', { queue: delivery.queue, error: messageOf(error) })
    }
  }

  #ensureQueue(queue: string, link: Link): Promise<boolean> {
    if (link !== this.#link) return this.#host.ensureQueue(queue, link)
    const asked = this.#asked
    const before = asked.get(queue)
    if (before) return before
    const answer = this.#host.ensureQueue(queue, link).finally(() => asked.delete(queue))
    asked.set(queue, answer)
    return answer
  }

  #onUnread(queue: string, isDeleted: boolean): void {
    const link = this.#link
    if (this.#unread.has(queue) || this.#cancelling || !link) return
    this.#unread.add(queue)
    const what = isDeleted ? 'a queue that is consumed was deleted' : 'a queue that is consumed is not there'
    log('warn', 'broker', what, { queue })
    if (isDeleted) void this.#resume(queue, link, 0)
    else this.#tryLater(queue, link, 0)
  }

  #tryLater(queue: string, link: Link, attempt: number): void {
    const { clock } = this.#host
    const waitMs = backoffMs(attempt, AGAIN, clock.random())
    clock.after(waitMs, () => void this.#resume(queue, link, attempt + 1), { unref: true })
  }

  async #resume(queue: string, link: Link, attempt: number): Promise<void> {
    if (this.#cancelling || link !== this.#link || !link.isOpen) return
    try {
      if (!(await this.#ensureQueue(queue, link))) return this.#tryLater(queue, link, attempt)
    } catch (error) {
      log('debug', 'broker', 'a queue cannot be consumed yet', { queue, error: messageOf(error) })
      return this.#tryLater(queue, link, attempt + 1)
    }
    if (link !== this.#link) return
    // Before they begin: what goes wrong from now on is told anew.
    this.#unread.delete(queue)
    await Promise.all(this.#readers.map((reader) => reader.resume(queue)))
  }
}

function ignoreLoss(): void {
  // The connection is gone; whoever has the next one begins again on it.
}
