import { PassingSet } from '../../base/passing.ts'
import { afterPromises } from '../../base/after-promises.ts'
import type { Clock, Timer } from '../../base/clock.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import { type RedisArgument, RedisReplyError } from '../../base/redis/redis-connection.ts'
import { Ring } from '../../base/ring.ts'
import type { Message } from '../../protocol/message.ts'
import type { DelayedTo, Destination } from '../broker.ts'
import { unroutable } from '../publish-errors.ts'
import { writeEnvelope } from './envelope.ts'
import { KnownHeaders } from './known-headers.ts'
import { isLost, isPassing } from '../../base/redis/redis-errors.ts'
import type { RedisLink } from './redis-link.ts'
import { MOVES } from './scripts.ts'

/** More wait here unsent, so that what must be sent again after a loss stays bounded. */
const MOST_UNANSWERED = 5000

/** What goes into one script, so that it does not hold the server up for long: messages, and characters of their texts. */
const BATCH = 100
const BATCH_SIZE = 256 * 1024

/** Deadlines are looked at no more often than this: one walk over all, not an entry in a heap for each. */
const SWEEP_MS = 20

interface Pending {
  readonly to: Destination
  readonly mandatory: boolean
  readonly priority: number
  /** Epoch ms; undefined: at once. */
  readonly atMs: number | undefined
  /** Until its priority, its delivery tag, and what follows that. */
  readonly parts: readonly [string, string, string]
  readonly resolve: (to: DelayedTo) => void
  readonly reject: (error: Error) => void
  readonly timeoutMs: number
  /** On the clock's monotonic time. */
  readonly dueMs: number
  isSettled: boolean
}

export interface PublisherOptions {
  readonly clock: Clock
  /** The channel of a fanout exchange. */
  readonly channelOf: (exchange: string, routingKey: string) => string
  /** What to say when there was no connection until the deadline. */
  readonly unreachable: () => Error
  /** The connection is there, and of no use. */
  readonly onUseless: (link: RedisLink, problem: string) => void
}

/** Sends messages, many on their way at once, and sends again what a loss left unanswered. */
export class RedisPublisher {
  #options: PublisherOptions
  #link: RedisLink | undefined
  #waiting = new Ring<Pending>()
  /** On their way, in order. */
  #sent = new PassingSet<Pending>()
  #headers = new KnownHeaders()
  #sweep: { timer: Timer; atMs: number } | undefined
  #tagBase: string
  #tagged = 0
  readonly #schedule = afterPromises(() => this.#flush())
  #onIdle: (() => void) | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#tagBase = options.clock.uuid().slice(0, 24)
  }

  /** @throws LovageError as `Broker.publish` does */
  publish(message: Message, to: Destination, mandatory: boolean, timeoutMs: number, atMs?: number): Promise<DelayedTo> {
    const { head, tail } = writeEnvelope(message, to, this.#headers)
    const parts = [head, this.#nextTag(), tail] as const
    const priority = message.priority ?? 0
    const dueMs = this.#options.clock.monotonic() + timeoutMs
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        to,
        mandatory,
        priority,
        atMs,
        parts,
        resolve,
        reject,
        timeoutMs,
        dueMs,
        isSettled: false,
      }
      this.#watch(dueMs)
      this.#waiting.push(pending)
      this.#schedule()
    })
  }

  /** Takes a new connection into use. */
  attach(link: RedisLink): void {
    this.#link = link
    // Again from the first that was not answered: the server may have run any of them.
    const again = [...this.#sent, ...this.#waiting]
    this.#sent.clear()
    this.#waiting = new Ring()
    for (const pending of again) if (!pending.isSettled) this.#waiting.push(pending)
    this.#flush()
  }

  /** The connection is gone; what was on its way waits for the next one. */
  detach(): void {
    this.#link = undefined
  }

  /** Resolves when nothing is on its way; the deadlines of the messages bound it. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return
    await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  /** Ends what is still on its way. */
  end(error: Error): void {
    for (const pending of [...this.#sent, ...this.#waiting]) this.#settle(pending, error)
    this.#sent.clear()
    this.#waiting = new Ring()
    this.#sweep?.timer.cancel()
    this.#sweep = undefined
  }

  /** Looks like kombu's, which is a UUID, and is made for a tenth of the price of one. */
  #nextTag(): string {
    return this.#tagBase + (++this.#tagged).toString(16).padStart(12, '0')
  }

  #flush(): void {
    const link = this.#link
    if (!link) return
    let batch: Pending[] = []
    let size = 0
    while (this.#sent.size < MOST_UNANSWERED) {
      const next = this.#waiting.shift()
      if (!next) break
      if (next.isSettled) continue
      this.#sent.add(next)
      batch.push(next)
      size += next.parts[0].length
      if (batch.length < BATCH && size < BATCH_SIZE) continue
      this.#send(batch, link)
      batch = []
      size = 0
    }
    if (batch.length > 0) this.#send(batch, link)
    this.#tellIdle()
  }

  #send(batch: readonly Pending[], link: RedisLink): void {
    link.run(MOVES.publish, this.#argumentsOf(batch)).then(
      (answer) => {
        batch.forEach((pending, i) => this.#onAnswer(pending, link, Array.isArray(answer) ? answer[i] : answer))
        if (this.#link === link) this.#flush()
      },
      (error: unknown) => {
        if (isLost(error)) return
        for (const pending of batch) this.#onError(pending, link, error)
        if (this.#link === link) this.#flush()
      },
    )
  }

  /** Those that follow each other to the same place share what says which. */
  #argumentsOf(batch: readonly Pending[]): RedisArgument[] {
    const all: RedisArgument[] = []
    let count = 0
    for (let i = 0; i < batch.length; i++) {
      const pending = batch[i] as Pending
      if (i === 0 || !isAlike(pending, batch[i - 1] as Pending)) {
        const { to, mandatory, priority } = pending
        const channel = to.exchange === '' ? '' : this.#options.channelOf(to.exchange, to.routingKey)
        // In ms from now: the server's clock may be another.
        const delayMs =
          pending.atMs === undefined ? '' : Math.max(0, Math.ceil(pending.atMs - this.#options.clock.now()))
        count = all.length + 6
        all.push(to.exchange, to.routingKey, mandatory ? '1' : '0', channel, priority, delayMs, 0)
      }
      all[count] = (all[count] as number) + 1
      all.push(...pending.parts)
    }
    return all
  }

  #onAnswer(pending: Pending, link: RedisLink, answer: unknown): void {
    if (typeof answer === 'number') return this.#end(pending, undefined)
    const text = String(answer)
    if (text === 'KEPT') return this.#end(pending, undefined, 'kept')
    if (text.startsWith('-')) return this.#onError(pending, link, new RedisReplyError(text.slice(1)))
    if (text === 'UNROUTABLE') return this.#end(pending, unroutable(pending.to))
    const problem = `queue ${text.replace(/^FULL /, '')} is full`
    this.#end(pending, new LovageError('PUBLISH_REFUSED', { problem }))
  }

  #onError(pending: Pending, link: RedisLink, error: unknown): void {
    if (isPassing(error)) return this.#options.onUseless(link, messageOf(error))
    this.#end(pending, new LovageError('PUBLISH_REFUSED', { problem: messageOf(error) }))
  }

  /** An answer that came over a connection that is gone counts all the same; what was sent again stands twice then. */
  #end(pending: Pending, error: Error | undefined, to?: DelayedTo): void {
    this.#settle(pending, error, to)
    this.#sent.delete(pending)
  }

  #watch(dueMs: number): void {
    if (this.#sweep && this.#sweep.atMs <= dueMs) return
    this.#sweep?.timer.cancel()
    const { clock } = this.#options
    const waitMs = Math.max(SWEEP_MS, dueMs - clock.monotonic())
    this.#sweep = { atMs: dueMs, timer: clock.after(waitMs, () => this.#sweepNow(), { unref: true }) }
  }

  #sweepNow(): void {
    this.#sweep = undefined
    const nowMs = this.#options.clock.monotonic()
    let nextMs = Infinity
    for (const pending of [...this.#sent, ...this.#waiting]) {
      if (pending.isSettled) continue
      if (pending.dueMs <= nowMs) this.#settle(pending, this.#late(pending.timeoutMs))
      else nextMs = Math.min(nextMs, pending.dueMs)
    }
    if (nextMs !== Infinity) this.#watch(nextMs)
  }

  #late(timeoutMs: number): Error {
    return this.#link ? new LovageError('PUBLISH_TIMEOUT', { timeoutMs }) : this.#options.unreachable()
  }

  #settle(pending: Pending, error: Error | undefined, to: DelayedTo = 'queued'): void {
    if (pending.isSettled) return
    pending.isSettled = true
    if (error) pending.reject(error)
    else pending.resolve(to)
    this.#tellIdle()
  }

  #isIdle(): boolean {
    for (const pending of this.#sent) if (!pending.isSettled) return false
    for (const pending of this.#waiting) if (!pending.isSettled) return false
    return true
  }

  #tellIdle(): void {
    if (!this.#onIdle || !this.#isIdle()) return
    this.#onIdle()
    this.#onIdle = undefined
  }
}

function isAlike(a: Pending, b: Pending): boolean {
  const isSamePlace = a.to.exchange === b.to.exchange && a.to.routingKey === b.to.routingKey
  return isSamePlace && a.atMs === b.atMs && a.mandatory === b.mandatory && a.priority === b.priority
}
