import { type Backoff, backoffMs } from '../../base/backoff.ts'
import { type Clock, deadline } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { Ring } from '../../base/ring.ts'
import type { ConsumeOptions } from '../broker.ts'
import { AmqpDelivery, type Hold } from './amqp-delivery.ts'
import type { Link, LinkChannel, LinkDelivery, LinkError } from './link.ts'

/** Between tries to read a queue that is gone, or to open a channel that was closed. */
export const AGAIN: Backoff = { baseMs: 100, maxMs: 5000 }

/** Longest wait for the server to say that a consumer is cancelled. */
const CANCEL_MS = 5000

/** What a reader needs of the consumer that it is part of. */
export interface ReaderHost {
  readonly clock: Clock
  readonly queues: readonly string[]
  readonly noAck: boolean
  /** Of the subscriptions, by queue. */
  readonly arguments: ConsumeOptions['arguments']
  /** Declares the queue if it was declared here, and tells whether it is there. */
  readonly ensureQueue: (queue: string, link: Link) => Promise<boolean>
  /** The server keeps no common credit for these queues, each has its own. */
  readonly hasOwnCredit: () => boolean
  readonly onDelivery: (delivery: AmqpDelivery) => void
  /** One of the queues is not read here: it is gone, was not there, or could not be consumed. */
  readonly onUnread: (queue: string, isDeleted: boolean) => void
  /** Fewer are in hand. */
  readonly onSettled: (reader: AmqpReader) => void
}

/** One channel of a consumer, on whichever connection is there, with a share of its credit and one subscription a queue. */
export class AmqpReader {
  readonly #host: ReaderHost
  /** There are others who read the same. */
  readonly #joins: boolean
  #share: number
  #link: Link | undefined
  #hold: Hold | undefined
  #hasOwnCredit = false
  /** Tags of this channel, by queue; a queue that is gone has none. */
  #tags = new Map<string, string>()
  /** Also of tags that have ended: what came under them may still be held. */
  #queueOf = new Map<string, string>()
  #lastTag = 0
  /** All that can be consumed on the channel has begun. */
  #isComplete = false
  /** Came, and not handed over: more than the credit. */
  #held = new Ring<LinkDelivery>()
  /** The channel on which subscriptions are just begun again. */
  #renewing: LinkChannel | undefined
  #ending: Promise<void> | undefined

  /** @param joins others read the queues already, or are about to */
  constructor(host: ReaderHost, share: number, joins: boolean) {
    this.#host = host
    this.#joins = joins
    this.#share = share
  }

  /** Handed over and not settled, on a channel that lives. */
  get unsettled(): number {
    return this.#hold?.channel?.isOpen ? this.#hold.unsettled : 0
  }

  /** Begins on a connection. */
  async attach(link: Link): Promise<void> {
    this.#link = link
    await this.#openChannel(link)
  }

  /** Begins on a connection, if not at once then later. Rejects only when that is lost too. */
  async attachInTime(link: Link): Promise<void> {
    try {
      await this.attach(link)
    } catch (error) {
      if (!link.isOpen) throw error
      this.#reopen(link, 0, error)
    }
  }

  /** Most deliveries unsettled at a time; 0 is no limit. */
  setShare(share: number): void {
    if (share === this.#share) return
    const isMore = share === 0 || (this.#share !== 0 && share > this.#share)
    this.#share = share
    const channel = this.#hold?.channel
    if (!channel?.isOpen || this.#host.noAck || this.#ending) return
    if (!this.#hasOwnCredit) channel.qos(share, true).catch(ignoreLoss)
    // The server gives each of its consumers the credit that was set when it began.
    else if (isMore) void this.#renew(channel)
    this.#handHeld()
  }

  /** Reads nothing more; resolves when no further delivery will come. What is unsettled stays ours. */
  end(): Promise<void> {
    return (this.#ending ??= this.#end())
  }

  async #end(): Promise<void> {
    const hold = this.#hold
    const channel = hold?.channel
    if (!hold || !channel?.isOpen) return
    const ends = Promise.all([...this.#tags.values()].map((tag) => channel.cancel(tag)))
    await deadline(this.#host.clock, ends, CANCEL_MS, () => new Error('late')).catch(ignoreLoss)
    for (let one = this.#held.shift(); one; one = this.#held.shift()) {
      // What counts as settled already would be lost if it were not handed over.
      if (this.#host.noAck) this.#hand(one, hold)
      else channel.nack(one.deliveryTag, true)
    }
    this.#closeWhenSettled(hold)
  }

  async #openChannel(link: Link): Promise<void> {
    let closed: LinkError | undefined
    const hold: Hold = { channel: undefined, unsettled: 0, onSettled: () => this.#onSettled(hold) }
    this.#isComplete = false
    const channel = await link.openChannel({
      onDelivery: (delivery) => this.#take(delivery, hold),
      onCancelled: (tag) => this.#onCancelled(tag, hold),
      onClosed: (problem) => {
        closed = problem
        // Until then it is this that fails, and is tried again: of two who open, one would leave a channel that nobody knows.
        if (hold === this.#hold && (this.#isComplete || this.#ending)) this.#onClosed(problem, link)
      },
    })
    if (this.#ending) return void channel.close()
    hold.channel = channel
    this.#hold = hold
    this.#held = new Ring()
    this.#tags.clear()
    this.#queueOf.clear()
    this.#hasOwnCredit = this.#host.hasOwnCredit()
    try {
      await this.#beginAll(channel, link)
      if (closed) throw closed
    } catch (error) {
      // Whoever tries again opens another; this one would go on giving us messages that nobody knows the queue of.
      if (hold === this.#hold) this.#hold = undefined
      if (channel.isOpen) channel.close().catch(ignoreLoss)
      throw error
    }
    if (hold !== this.#hold || this.#ending) return
    this.#isComplete = true
    this.#tellUnread()
  }

  #tellUnread(): void {
    for (const queue of this.#host.queues) if (!this.#tags.has(queue)) this.#host.onUnread(queue, false)
  }

  async #beginAll(channel: LinkChannel, link: Link): Promise<void> {
    const { noAck, queues, ensureQueue } = this.#host
    if (!noAck) await channel.qos(this.#share, !this.#hasOwnCredit)
    for (const queue of queues) {
      if (this.#ending) break
      // Asked first: consuming a queue that is not there would end the channel for the others.
      if (await ensureQueue(queue, link)) await this.#begin(queue, channel)
    }
  }

  /** Reads a queue that it could not read before. Never rejects. */
  async resume(queue: string): Promise<void> {
    const channel = this.#hold?.channel
    if (!this.#isComplete || this.#ending || !channel?.isOpen || this.#tags.has(queue)) return
    try {
      await this.#begin(queue, channel)
    } catch (error) {
      log('debug', 'broker', 'a queue cannot be consumed yet', { queue, error: messageOf(error) })
      if (channel.isOpen && channel === this.#hold?.channel) this.#host.onUnread(queue, false)
    }
  }

  async #begin(queue: string, channel: LinkChannel): Promise<void> {
    const tag = `lovage-${++this.#lastTag}`
    this.#tags.set(queue, tag)
    this.#queueOf.set(tag, queue)
    try {
      // A queue has acks go before: while they come in numbers, its answer may take longer than anybody would wait.
      const { noAck, arguments: tables } = this.#host
      await channel.consume(queue, tag, noAck, tables?.[queue], this.#joins)
    } catch (error) {
      if (this.#tags.get(queue) === tag) this.#tags.delete(queue)
      throw error
    }
    // Ended since: this one came too late to be cancelled with the others.
    if (this.#ending) await channel.cancel(tag)
  }

  /** Once at a time: two who end the same subscription would each begin one in its place, and one of them nobody would know. */
  async #renew(channel: LinkChannel): Promise<void> {
    if (this.#renewing === channel) return
    this.#renewing = channel
    try {
      for (let given: number | undefined; given !== this.#share && !this.#ending;) {
        given = this.#share
        await this.#beginAgain(channel, given)
      }
    } catch {
      if (channel.isOpen && channel === this.#hold?.channel) this.#tellUnread()
    }
    if (this.#renewing === channel) this.#renewing = undefined
  }

  async #beginAgain(channel: LinkChannel, share: number): Promise<void> {
    await channel.qos(share, false)
    for (const [queue, tag] of this.#tags) {
      await channel.cancel(tag)
      if (this.#ending) return
      await this.#begin(queue, channel)
    }
  }

  #take(delivery: LinkDelivery, hold: Hold): void {
    if (this.#ending && !this.#host.noAck) {
      hold.channel?.nack(delivery.deliveryTag, true)
    } else if (this.#held.size === 0 && this.#hasCredit(hold)) {
      this.#hand(delivery, hold)
    } else {
      this.#held.push(delivery)
    }
  }

  #hasCredit(hold: Hold): boolean {
    return !this.#hasOwnCredit || this.#share === 0 || hold.unsettled < this.#share
  }

  #hand(delivery: LinkDelivery, hold: Hold): void {
    const queue = this.#queueOf.get(delivery.consumerTag) ?? ''
    if (!this.#host.noAck) hold.unsettled++
    this.#host.onDelivery(new AmqpDelivery(delivery, queue, this.#host.noAck ? undefined : hold))
  }

  #handHeld(): void {
    const hold = this.#hold
    while (hold && !this.#ending && this.#held.size > 0 && this.#hasCredit(hold)) {
      this.#hand(this.#held.shift() as LinkDelivery, hold)
    }
  }

  #onSettled(hold: Hold): void {
    if (this.#ending) this.#closeWhenSettled(hold)
    else if (this.#held.size > 0) this.#handHeld()
    this.#host.onSettled(this)
  }

  #closeWhenSettled(hold: Hold): void {
    if (hold.unsettled === 0 && hold.channel?.isOpen) void hold.channel.close()
  }

  /** The server ended the subscription of one queue: the queue was deleted, or moved. */
  #onCancelled(tag: string, hold: Hold): void {
    const queue = this.#queueOf.get(tag)
    if (queue === undefined || hold !== this.#hold || this.#tags.get(queue) !== tag) return
    this.#tags.delete(queue)
    if (this.#isComplete && !this.#ending) this.#host.onUnread(queue, true)
  }

  /** A closed channel of a connection that lives: nobody but us opens another. */
  #onClosed(problem: LinkError, link: Link): void {
    if (problem.scope === 'connection') return
    // What was in hand there is gone, as if it were settled: the others may have its credit.
    if (this.#ending) this.#host.onSettled(this)
    else this.#reopen(link, 0, problem)
  }

  #reopen(link: Link, attempt: number, why: unknown): void {
    if (this.#ending || this.#link !== link || !link.isOpen) return
    const { clock, queues } = this.#host
    const waitMs = backoffMs(attempt, AGAIN, clock.random())
    const fields = { queues, attempt, waitMs, problem: messageOf(why) }
    log('warn', 'broker', 'a consumer has no channel, opening another', fields)
    clock.after(waitMs, () => {
      if (this.#ending || this.#link !== link || !link.isOpen) return
      this.#openChannel(link).catch((error: unknown) => this.#reopen(link, attempt + 1, error))
    })
  }
}

function ignoreLoss(): void {
  // The channel is gone, and with it what was asked of it; whoever opens the next one asks again.
}
