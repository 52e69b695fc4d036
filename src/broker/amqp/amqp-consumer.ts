import { type Backoff, backoffMs } from '../../base/backoff.ts'
import { type Clock, deadline } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { Ring } from '../../base/ring.ts'
import type { ConsumeOptions, Consumer } from '../broker.ts'
import { AmqpDelivery, type Hold } from './amqp-delivery.ts'
import type { Link, LinkChannel, LinkDelivery, LinkError } from './link.ts'

/** Between tries to read a queue that is gone, or to open a channel that was closed. */
const AGAIN: Backoff = { baseMs: 100, maxMs: 5000 }

/** Longest wait for the server to say that a consumer is cancelled. */
const CANCEL_MS = 5000

/** What a consumer needs of its broker. */
export interface ConsumerHost {
  readonly clock: Clock
  /** Declares the queue if it was declared here, and tells whether it is there. */
  readonly ensureQueue: (queue: string, link: Link) => Promise<boolean>
  /** The server keeps no common credit for these queues, each has its own. */
  readonly hasOwnCredit: (queues: readonly string[]) => boolean
  readonly forget: (consumer: AmqpConsumer) => void
}

/** One subscription: a channel of its own on whichever connection is there, with one consumer a queue. */
export class AmqpConsumer implements Consumer {
  #host: ConsumerHost
  #options: ConsumeOptions
  #queues: readonly string[]
  #prefetch: number
  #link: Link | undefined
  #hold: Hold | undefined
  #hasOwnCredit = false
  /** Tags of this channel, by queue; a queue that is gone has none. */
  #tags = new Map<string, string>()
  /** Also of tags that have ended: what came under them may still be held. */
  #queueOf = new Map<string, string>()
  #lastTag = 0
  /** Came, and not handed over: more than the credit, or before `consume` has resolved. */
  #held = new Ring<LinkDelivery>()
  #isOpen = false
  /** The channel on which consumers are just begun again. */
  #renewing: LinkChannel | undefined
  #cancelling: Promise<void> | undefined

  constructor(host: ConsumerHost, options: ConsumeOptions) {
    this.#host = host
    this.#options = options
    this.#queues = [...new Set(options.queues)]
    this.#prefetch = options.prefetch
  }

  get queues(): readonly string[] {
    return this.#queues
  }

  get isCancelled(): boolean {
    return this.#cancelling !== undefined
  }

  /** Begins on a connection. */
  async attach(link: Link): Promise<void> {
    this.#link = link
    await this.#openChannel(link)
  }

  /** Begins again on a new connection; what came over the one before is void. Rejects only when this one is lost too. */
  async attachAgain(link: Link): Promise<void> {
    try {
      await this.attach(link)
    } catch (error) {
      if (!link.isOpen) throw error
      this.#reopen(link, 0, error)
    }
  }

  /** Deliveries may be handed over from now on. */
  release(): void {
    this.#isOpen = true
    this.#handHeld()
  }

  setPrefetch(prefetch: number): void {
    const isMore = prefetch === 0 || (this.#prefetch !== 0 && prefetch > this.#prefetch)
    this.#prefetch = prefetch
    const channel = this.#hold?.channel
    if (!channel?.isOpen || this.#options.noAck || this.#cancelling) return
    if (!this.#hasOwnCredit) channel.qos(prefetch, true).catch(ignoreLoss)
    // The server gives each of its consumers the credit that was set when it began.
    else if (isMore) void this.#renew(channel)
    this.#handHeld()
  }

  cancel(): Promise<void> {
    return (this.#cancelling ??= this.#cancel())
  }

  async #cancel(): Promise<void> {
    this.#host.forget(this)
    const hold = this.#hold
    const channel = hold?.channel
    if (!hold || !channel?.isOpen) return
    const ends = Promise.all([...this.#tags.values()].map((tag) => channel.cancel(tag)))
    await deadline(this.#host.clock, ends, CANCEL_MS, () => new Error('late')).catch(ignoreLoss)
    for (let one = this.#held.shift(); one; one = this.#held.shift()) {
      // What counts as settled already would be lost if it were not handed over.
      if (this.#options.noAck) this.#hand(one, hold)
      else channel.nack(one.deliveryTag, true)
    }
    this.#closeWhenSettled(hold)
  }

  async #openChannel(link: Link): Promise<void> {
    let isComplete = false
    let closed: LinkError | undefined
    const hold: Hold = { channel: undefined, unsettled: 0, onSettled: () => this.#onSettled(hold) }
    const channel = await link.openChannel({
      onDelivery: (delivery) => this.#take(delivery, hold),
      onCancelled: (tag) => this.#onCancelled(tag, hold),
      onClosed: (problem) => {
        closed = problem
        // Until then it is this that fails, and is tried again: of two who open, one would leave a channel that nobody knows.
        if (isComplete) this.#onClosed(problem, hold, link)
      },
    })
    if (this.#cancelling) return void channel.close()
    hold.channel = channel
    this.#hold = hold
    this.#held = new Ring()
    this.#tags.clear()
    this.#queueOf.clear()
    this.#hasOwnCredit = this.#host.hasOwnCredit(this.#queues)
    try {
      await this.#beginAll(channel, hold, link)
      isComplete = true
      if (closed) throw closed
    } catch (error) {
      // Whoever tries again opens another; this one would go on giving us messages that nobody knows the queue of.
      if (hold === this.#hold) this.#hold = undefined
      if (channel.isOpen) channel.close().catch(ignoreLoss)
      throw error
    }
  }

  async #beginAll(channel: LinkChannel, hold: Hold, link: Link): Promise<void> {
    if (!this.#options.noAck) await channel.qos(this.#prefetch, !this.#hasOwnCredit)
    for (const queue of this.#queues) {
      if (this.#cancelling) break
      // Asked first: consuming a queue that is not there would end the channel for the others.
      if (await this.#host.ensureQueue(queue, link)) await this.#begin(queue, channel)
      else this.#tryLater(queue, hold, 0)
    }
  }

  async #begin(queue: string, channel: LinkChannel): Promise<void> {
    const tag = `lovage-${++this.#lastTag}`
    this.#tags.set(queue, tag)
    this.#queueOf.set(tag, queue)
    await channel.consume(queue, tag, this.#options.noAck ?? false, this.#options.arguments?.[queue])
    // Cancelled since: this one came too late to be cancelled with the others.
    if (this.#cancelling) await channel.cancel(tag)
  }

  /** Once at a time: two who end the same consumer would each begin one in its place, and one of them nobody would know. */
  async #renew(channel: LinkChannel): Promise<void> {
    if (this.#renewing === channel) return
    this.#renewing = channel
    try {
      for (let given: number | undefined; given !== this.#prefetch && !this.#cancelling;) {
        given = this.#prefetch
        await this.#beginAgain(channel, given)
      }
    } catch {
      ignoreLoss()
    }
    if (this.#renewing === channel) this.#renewing = undefined
  }

  async #beginAgain(channel: LinkChannel, prefetch: number): Promise<void> {
    await channel.qos(prefetch, false)
    for (const [queue, tag] of this.#tags) {
      await channel.cancel(tag)
      if (this.#cancelling) return
      await this.#begin(queue, channel)
    }
  }

  #take(delivery: LinkDelivery, hold: Hold): void {
    if (this.#cancelling && !this.#options.noAck) {
      hold.channel?.nack(delivery.deliveryTag, true)
    } else if (this.#isOpen && this.#held.size === 0 && this.#hasCredit(hold)) {
      this.#hand(delivery, hold)
    } else {
      this.#held.push(delivery)
    }
  }

  #hasCredit(hold: Hold): boolean {
    return !this.#hasOwnCredit || this.#prefetch === 0 || hold.unsettled < this.#prefetch
  }

  #hand(delivery: LinkDelivery, hold: Hold): void {
    const queue = this.#queueOf.get(delivery.consumerTag) ?? ''
    const isSettled = this.#options.noAck ?? false
    if (!isSettled) hold.unsettled++
    try {
      this.#options.onDelivery(new AmqpDelivery(delivery, queue, isSettled ? undefined : hold))
    } catch (error) {
      log('error', 'broker', 'delivery handler threw', { queue, error: messageOf(error) })
    }
  }

  #handHeld(): void {
    const hold = this.#hold
    while (hold && this.#isOpen && !this.#cancelling && this.#held.size > 0 && this.#hasCredit(hold)) {
      this.#hand(this.#held.shift() as LinkDelivery, hold)
    }
  }

  #onSettled(hold: Hold): void {
    if (this.#cancelling) this.#closeWhenSettled(hold)
    else if (this.#held.size > 0) this.#handHeld()
  }

  #closeWhenSettled(hold: Hold): void {
    if (hold.unsettled === 0 && hold.channel?.isOpen) void hold.channel.close()
  }

  /** The server ended the consumer of one queue: the queue was deleted, or moved. */
  #onCancelled(tag: string, hold: Hold): void {
    const queue = this.#queueOf.get(tag)
    if (queue === undefined || this.#tags.get(queue) !== tag) return
    this.#tags.delete(queue)
    log('warn', 'broker', 'a queue that is consumed was deleted', { queue })
    void this.#resume(queue, hold, 0)
  }

  #tryLater(queue: string, hold: Hold, attempt: number): void {
    if (attempt === 0) log('warn', 'broker', 'a queue that is consumed is not there', { queue })
    const { clock } = this.#host
    const waitMs = backoffMs(attempt, AGAIN, clock.random())
    clock.after(waitMs, () => void this.#resume(queue, hold, attempt + 1), { unref: true })
  }

  async #resume(queue: string, hold: Hold, attempt: number): Promise<void> {
    const { channel } = hold
    if (this.#cancelling || hold !== this.#hold || !channel?.isOpen || !this.#link) return
    try {
      if (await this.#host.ensureQueue(queue, this.#link)) await this.#begin(queue, channel)
      else this.#tryLater(queue, hold, attempt)
    } catch (error) {
      log('debug', 'broker', 'a queue cannot be consumed yet', { queue, error: messageOf(error) })
      this.#tryLater(queue, hold, attempt + 1)
    }
  }

  /** A closed channel of a connection that lives: nobody but us opens another. */
  #onClosed(problem: LinkError, hold: Hold, link: Link): void {
    if (hold !== this.#hold || this.#cancelling || problem.scope === 'connection') return
    this.#reopen(link, 0, problem)
  }

  #reopen(link: Link, attempt: number, why: unknown): void {
    if (this.#cancelling || this.#link !== link || !link.isOpen) return
    const { clock } = this.#host
    const waitMs = backoffMs(attempt, AGAIN, clock.random())
    const fields = { queues: this.#queues, attempt, waitMs, problem: messageOf(why) }
    log('warn', 'broker', 'a consumer has no channel, opening another', fields)
    clock.after(waitMs, () => {
      if (this.#cancelling || this.#link !== link || !link.isOpen) return
      this.#openChannel(link).catch((error: unknown) => this.#reopen(link, attempt + 1, error))
    })
  }
}

function ignoreLoss(): void {
  // The channel is gone, and with it what was asked of it; whoever opens the next one asks again.
}
