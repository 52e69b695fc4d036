import { PassingMap } from '../../base/passing.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { Ring } from '../../base/ring.ts'
import type { Message } from '../../protocol/message.ts'
import type { Destination } from '../broker.ts'
import { unroutable } from '../publish-errors.ts'
import { type Link, type LinkChannel, LinkError } from './link.ts'
import { refusal } from './refusal.ts'

/** More wait here unsent, so that what must be sent again after a loss stays bounded. */
const MOST_UNCONFIRMED = 5000

/** Deadlines are looked at no more often than this: one walk over all, not a timer for each. */
const SWEEP_MS = 20

/** A server that ends the connection for a reason of ours would do so again over the same message. */
const FAULT_CODES = [501, 502, 505, 541]

/** One publish on its way. */
interface Pending {
  readonly message: Message
  readonly to: Destination
  readonly mandatory: boolean
  readonly timeoutMs: number
  readonly dueMs: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  isSettled: boolean
  isReturned: boolean
  /** The channel or connection ended while it was on its way, over one of those on their way. */
  isSuspect: boolean
}

/** Sends messages over one confirm channel, many on their way at once, and sends again what a loss left unconfirmed. */
export class Publisher {
  #clock: Clock
  /** What to say when there was no connection until the deadline. */
  #unreachable: () => Error
  #link: Link | undefined
  #channel: LinkChannel | undefined
  #isBlocked = false
  #waiting = new Ring<Pending>()
  /** By delivery tag, in order. */
  #unconfirmed = new PassingMap<number, Pending>()
  #lastTag = 0
  /** A suspect is on its way, alone. */
  #isSingle = false
  #sweep: { timer: Timer; atMs: number } | undefined
  #onIdle: (() => void) | undefined

  constructor(clock: Clock, unreachable: () => Error) {
    this.#clock = clock
    this.#unreachable = unreachable
  }

  /** Messages kept here: not sent yet, or sent and not confirmed yet, those included whose time has run out. */
  get size(): number {
    return this.#waiting.size + this.#unconfirmed.size
  }

  publish(message: Message, to: Destination, mandatory: boolean, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const dueMs = this.#clock.monotonic() + timeoutMs
      const pending: Pending = {
        message,
        to,
        mandatory,
        timeoutMs,
        dueMs,
        resolve,
        reject,
        isSettled: false,
        isReturned: false,
        isSuspect: false,
      }
      this.#watch(dueMs)
      this.#waiting.push(pending)
      this.#flush()
    })
  }

  /** Takes a new connection into use. */
  async attach(link: Link): Promise<void> {
    this.#link = link
    this.#isBlocked = false
    await this.#openChannel(link)
  }

  /** The connection is gone; what was on its way waits for the next one. */
  detach(problem: LinkError): void {
    this.#link = undefined
    this.#isBlocked = false
    this.#onChannelLost(problem, problem.isByPublish || FAULT_CODES.includes(problem.code))
  }

  setBlocked(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    this.#flush()
  }

  /** There is room in the socket again. */
  room(): void {
    this.#flush()
  }

  /** Resolves when nothing is on its way; the deadlines of the messages bound it. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return
    await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  /** Ends what is still on its way. */
  end(error: Error): void {
    for (const pending of this.#everything()) this.#settle(pending, error)
    this.#unconfirmed.clear()
    this.#waiting = new Ring()
    this.#sweep?.timer.cancel()
    this.#sweep = undefined
  }

  async #openChannel(link: Link): Promise<void> {
    const own: { channel?: LinkChannel } = {}
    const channel = await link.openChannel({
      onConfirm: (tag, multiple, isAck) => this.#onConfirm(tag, multiple, isAck),
      onReturn: (message, to) => this.#onReturn(message, to),
      onClosed: (problem) => {
        // A lost connection is told by detach, with its reason.
        if (problem.scope === 'connection' || this.#channel !== own.channel) return
        this.#onChannelLost(problem, problem.isByPublish)
        this.#reopen(link)
      },
    })
    own.channel = channel
    await channel.confirmSelect()
    if (this.#link !== link) return
    this.#channel = channel
    this.#lastTag = 0
    this.#flush()
  }

  #reopen(link: Link): void {
    this.#openChannel(link).catch((error: unknown) => {
      // The connection goes as well, if it has not: the next one brings a channel.
      log('debug', 'broker', 'no new channel', { error: messageOf(error) })
      void link.close()
    })
  }

  #flush(): void {
    const channel = this.#channel
    const link = this.#link
    if (!channel?.isOpen || !link || this.#isBlocked) return
    for (let next = this.#waiting.peek(); next && this.#maySend(next, link); next = this.#waiting.peek()) {
      if (!next.isSettled && !this.#send(next, channel)) return
      this.#waiting.shift()
    }
    this.#tellIdle()
  }

  #maySend(next: Pending, link: Link): boolean {
    if (this.#unconfirmed.size > 0 && (next.isSuspect || this.#isSingle)) return false
    return this.#unconfirmed.size < MOST_UNCONFIRMED && link.hasRoom
  }

  /** False when the channel is ending: then the message waits for the next one. */
  #send(pending: Pending, channel: LinkChannel): boolean {
    try {
      channel.publish(pending.message, pending.to, pending.mandatory)
    } catch (error) {
      if (error instanceof LinkError) return false
      this.#settle(pending, error as Error)
      return true
    }
    this.#isSingle = pending.isSuspect
    this.#unconfirmed.set(++this.#lastTag, pending)
    return true
  }

  #onConfirm(tag: number, multiple: boolean, isAck: boolean): void {
    if (!multiple) {
      const pending = this.#unconfirmed.get(tag)
      if (pending) this.#confirm(tag, pending, isAck)
    } else {
      for (const [each, pending] of this.#unconfirmed) {
        if (each > tag) break
        this.#confirm(each, pending, isAck)
      }
    }
    if (this.#waiting.size > 0) this.#flush()
    else this.#tellIdle()
  }

  #confirm(tag: number, pending: Pending, isAck: boolean): void {
    this.#unconfirmed.delete(tag)
    if (!isAck) return this.#settle(pending, new LovageError('PUBLISH_REFUSED', { problem: 'it answered nack' }))
    if (pending.isReturned) return this.#settle(pending, unroutable(pending.to))
    if (pending.isSettled) return
    pending.isSettled = true
    pending.resolve()
  }

  /**
   * A return carries no delivery tag. It comes before its confirmation and in order, so the oldest message that looks the
   * same is the one; where two look the same in all this, it does not matter which.
   */
  #onReturn(message: Message, to: Destination): void {
    for (const pending of this.#unconfirmed.values()) {
      if (pending.isReturned || !pending.mandatory || !isSame(pending, message, to)) continue
      pending.isReturned = true
      return
    }
  }

  #onChannelLost(problem: LinkError, isOurFault: boolean): void {
    this.#channel = undefined
    this.#isSingle = false
    const lost = [...this.#unconfirmed.values()].filter((pending) => !pending.isSettled)
    this.#unconfirmed.clear()
    if (isOurFault && lost.length === 1) {
      const culprit = lost.shift() as Pending
      this.#settle(culprit, refusal(problem, culprit.to))
    }
    if (lost.length === 0) return
    // Again from the front, in their order. After a fault one by one, so that the one at fault is found.
    const waiting = new Ring<Pending>()
    for (const pending of lost) {
      pending.isReturned = false
      pending.isSuspect ||= isOurFault
      waiting.push(pending)
    }
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) waiting.push(next)
    this.#waiting = waiting
  }

  #watch(dueMs: number): void {
    if (this.#sweep && this.#sweep.atMs <= dueMs) return
    this.#sweep?.timer.cancel()
    const waitMs = Math.max(SWEEP_MS, dueMs - this.#clock.monotonic())
    this.#sweep = { atMs: dueMs, timer: this.#clock.after(waitMs, () => this.#sweepNow(), { unref: true }) }
  }

  #sweepNow(): void {
    this.#sweep = undefined
    const nowMs = this.#clock.monotonic()
    let nextMs = Infinity
    const waiting = new Ring<Pending>()
    for (let pending = this.#waiting.shift(); pending; pending = this.#waiting.shift()) {
      if (pending.dueMs <= nowMs) this.#settle(pending, this.#lateError(pending))
      else waiting.push(pending)
    }
    this.#waiting = waiting
    for (const pending of this.#everything()) {
      if (pending.isSettled) continue
      if (pending.dueMs <= nowMs) this.#settle(pending, this.#lateError(pending))
      else nextMs = Math.min(nextMs, pending.dueMs)
    }
    if (nextMs !== Infinity) this.#watch(nextMs)
    this.#tellIdle()
  }

  #lateError({ timeoutMs }: Pending): Error {
    return this.#link ? new LovageError('PUBLISH_TIMEOUT', { timeoutMs }) : this.#unreachable()
  }

  #settle(pending: Pending, error: Error): void {
    if (pending.isSettled) return
    pending.isSettled = true
    pending.reject(error)
  }

  *#everything(): Iterable<Pending> {
    yield* this.#unconfirmed.values()
    yield* this.#waiting
  }

  #isIdle(): boolean {
    if (this.#waiting.size > 0) return false
    for (const pending of this.#unconfirmed.values()) if (!pending.isSettled) return false
    return true
  }

  #tellIdle(): void {
    if (!this.#onIdle || !this.#isIdle()) return
    this.#onIdle()
    this.#onIdle = undefined
  }
}

function isSame({ message: sent, to: sentTo }: Pending, message: Message, to: Destination): boolean {
  return (
    sentTo.routingKey === to.routingKey &&
    sentTo.exchange === to.exchange &&
    sent.correlationId === message.correlationId &&
    sent.messageId === message.messageId &&
    sent.body.byteLength === message.body.byteLength &&
    Buffer.compare(sent.body, message.body) === 0
  )
}
