import type { Clock } from '../../base/clock.ts'
import { type Due, DueHeap } from '../../base/due-heap.ts'
import { LovageError, messageOf } from '../../base/errors.ts'
import type { RedisArgument } from '../../base/redis/redis-connection.ts'
import { Ring } from '../../base/ring.ts'
import type { Message } from '../../protocol/message.ts'
import type { Destination } from '../broker.ts'
import { unroutable } from '../publish-errors.ts'
import { writeEnvelope } from './envelope.ts'
import { isLost, isPassing } from '../../base/redis/redis-errors.ts'
import type { RedisLink } from './redis-link.ts'
import { MOVES } from './scripts.ts'

/** More wait here unsent, so that what must be sent again after a loss stays bounded. */
const MOST_UNANSWERED = 5000

interface Pending {
  readonly to: Destination
  readonly arguments: readonly RedisArgument[]
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  due: Due | undefined
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
  #sent = new Set<Pending>()
  #dues: DueHeap
  #onIdle: (() => void) | undefined

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#dues = new DueHeap(options.clock)
  }

  /** @throws LovageError as `Broker.publish` does */
  publish(message: Message, to: Destination, mandatory: boolean, timeoutMs: number): Promise<void> {
    const { clock, channelOf } = this.#options
    const { head, tail } = writeEnvelope(message, to)
    const channel = to.exchange === '' ? '' : channelOf(to.exchange, to.routingKey)
    const flag = mandatory ? '1' : '0'
    const priority = message.priority ?? 0
    const all = [to.exchange, to.routingKey, flag, channel, priority, head, clock.uuid(), tail]
    return new Promise((resolve, reject) => {
      const pending: Pending = { to, arguments: all, resolve, reject, due: undefined, isSettled: false }
      pending.due = this.#dues.add(timeoutMs, () => this.#settle(pending, this.#late(timeoutMs)))
      this.#waiting.push(pending)
      this.#flush()
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
    this.#dues.clear()
  }

  #flush(): void {
    const link = this.#link
    if (!link) return
    while (this.#sent.size < MOST_UNANSWERED) {
      const next = this.#waiting.shift()
      if (!next) break
      if (!next.isSettled) this.#send(next, link)
    }
    this.#tellIdle()
  }

  #send(pending: Pending, link: RedisLink): void {
    this.#sent.add(pending)
    link.run(MOVES.publish, pending.arguments).then(
      (answer) => this.#onAnswer(pending, link, this.#errorOf(pending, answer)),
      (error: unknown) => {
        if (isLost(error)) return
        if (isPassing(error)) return this.#options.onUseless(link, messageOf(error))
        this.#onAnswer(pending, link, new LovageError('PUBLISH_REFUSED', { problem: messageOf(error) }))
      },
    )
  }

  #onAnswer(pending: Pending, link: RedisLink, error: Error | undefined): void {
    // An answer that came over a connection that is gone counts all the same; what was sent again stands twice then.
    this.#settle(pending, error)
    this.#sent.delete(pending)
    if (this.#link === link) this.#flush()
  }

  #errorOf({ to }: Pending, answer: unknown): Error | undefined {
    if (typeof answer === 'number') return undefined
    const text = String(answer)
    if (text === 'UNROUTABLE') return unroutable(to)
    return new LovageError('PUBLISH_REFUSED', { problem: `queue ${text.replace(/^FULL /, '')} is full` })
  }

  #late(timeoutMs: number): Error {
    return this.#link ? new LovageError('PUBLISH_TIMEOUT', { timeoutMs }) : this.#options.unreachable()
  }

  #settle(pending: Pending, error: Error | undefined): void {
    if (pending.isSettled) return
    pending.isSettled = true
    pending.due?.cancel()
    if (error) pending.reject(error)
    else pending.resolve()
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
