import type { QueueDeclaration } from '../../broker/open.ts'
import { plainHeader } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'
import type { RabbitChannel } from './rabbit-channel.ts'

/** One message in one queue of the model. */
export interface RabbitEntry {
  readonly message: Message
  readonly exchange: string
  readonly routingKey: string
  readonly seq: number
  /** Infinity: never. */
  readonly expiresAtMs: number
  redelivered: boolean
  /** It has been written to disk. */
  isSafe: boolean
}

/** One reader of one queue. */
export interface RabbitConsumer {
  readonly tag: string
  readonly queue: RabbitQueue
  readonly noAck: boolean
  readonly channel: RabbitChannel
  /** Its own credit, as set when it began; 0 is no limit. */
  readonly prefetch: number
  unacked: number
}

/** A queue of the model: what waits in it, in order of priority and age, and who reads it. */
export class RabbitQueue {
  readonly spec: QueueDeclaration
  /** The connection that alone may use it, when it is exclusive. */
  readonly owner: object | undefined
  readonly ready: RabbitEntry[] = []
  readonly consumers: RabbitConsumer[] = []
  /** Acknowledged so lately that the disk may not know. */
  lately: { readonly entry: RabbitEntry; readonly atMs: number }[] = []
  /** Expired, and on their way elsewhere; whether a queue has taken them. */
  readonly moving = new Map<RabbitEntry, boolean>()
  /** When it was last used, by which it expires. */
  idleSinceMs = 0
  readonly #maxPriority: number
  #next = 0

  constructor(spec: QueueDeclaration, owner: object | undefined) {
    this.spec = spec
    this.owner = owner
    this.#maxPriority = Number(plainHeader(spec.arguments['x-max-priority']) ?? 0)
  }

  get name(): string {
    return this.spec.name
  }

  /** When it goes, unused; Infinity is never. */
  get expiresMs(): number {
    return this.#number('x-expires')
  }

  /** How long a message may wait; Infinity is for ever. */
  get ttlMs(): number {
    return this.#number('x-message-ttl')
  }

  /** Where messages go that expire; undefined: nowhere. */
  get deadLetterExchange(): string | undefined {
    const value = plainHeader(this.spec.arguments['x-dead-letter-exchange'])
    return typeof value === 'string' ? value : undefined
  }

  /** Takes out what has waited too long, as far as nothing younger is before it. */
  takeExpired(nowMs: number): RabbitEntry[] {
    const at = this.ready.findIndex(({ expiresAtMs }) => expiresAtMs > nowMs)
    return this.ready.splice(0, at < 0 ? this.ready.length : at)
  }

  /** How many may wait; beyond, the first go. */
  get maxLength(): number {
    return this.#number('x-max-length')
  }

  /** Puts it in its place: that of its age, also when it comes back. */
  put(entry: RabbitEntry): void {
    let at = this.ready.length
    while (at > 0 && this.#isBefore(entry, this.ready[at - 1] as RabbitEntry)) at--
    this.ready.splice(at, 0, entry)
  }

  /** The next reader, in turn, that has credit. */
  nextConsumer(): RabbitConsumer | undefined {
    for (let tried = 0; tried < this.consumers.length; tried++) {
      const consumer = this.consumers[this.#next++ % this.consumers.length] as RabbitConsumer
      if (consumer.channel.hasCredit(consumer)) return consumer
    }
    return undefined
  }

  #number(argument: string): number {
    const value = plainHeader(this.spec.arguments[argument])
    return typeof value === 'number' ? value : Infinity
  }

  #isBefore(one: RabbitEntry, other: RabbitEntry): boolean {
    const rank = ({ message }: RabbitEntry): number => Math.min(message.priority ?? 0, this.#maxPriority)
    return rank(one) > rank(other) || (rank(one) === rank(other) && one.seq < other.seq)
  }
}
