import { LovageError, messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import type { Content } from '../wire/content-reader.ts'
import type { Outbound } from '../wire/content-writer.ts'

/** Called once: without an error when the broker has the message. */
export type Published = (error?: LovageError) => void

/** A message that has been handed in. */
export interface Publish {
  /** Its `Published` is not called any more. A message that is not yet on its way is not sent. */
  abandon(): void
}

interface Entry extends Publish {
  readonly message: Outbound
  done: Published | undefined
  returned: LovageError | undefined
}

/** What a publisher needs of its channel. */
export interface PublisherChannel {
  /** Writes the frames. Throws `ENCODE_FAILED`, `MESSAGE_HEADERS_TOO_LARGE`. */
  write(message: Outbound): void
  /** Whether messages must wait: the socket is full, the broker has blocked the connection or stopped the flow. */
  held(): boolean
}

/**
 * The messages of one channel on their way to the broker: held back while it takes none, numbered as the broker numbers
 * them, confirmed one by one or many at a time, returned when no queue takes them.
 */
export class Publisher {
  readonly #channel: PublisherChannel
  readonly #maxWaiting: number
  /** By publish sequence number, ascending (RabbitMQ: publisher confirms). */
  readonly #unconfirmed = new Map<number, Entry>()
  #next = 1
  #confirms = false
  #waiting: Entry[] = []
  /** The number of the message that was returned last. */
  #lastReturned = 0

  constructor(channel: PublisherChannel, maxWaiting: number) {
    this.#channel = channel
    this.#maxWaiting = maxWaiting
  }

  /** How many the broker has not answered for, or not seen. */
  get size(): number {
    return this.#unconfirmed.size + this.#waiting.length
  }

  /** From now on messages are done when confirmed; before, when written. */
  confirm(): void {
    this.#confirms = true
  }

  /**
   * Sends, or holds back until the broker takes messages again.
   * @throws LovageError `ENCODE_FAILED`, `MESSAGE_HEADERS_TOO_LARGE`; `PUBLISH_REFUSED` when too many wait already.
   */
  publish(message: Outbound, done: Published): Publish {
    const entry: Entry = {
      message,
      done,
      returned: undefined,
      abandon() {
        this.done = undefined
      },
    }
    if (this.#waiting.length === 0 && !this.#channel.held()) this.#send(entry)
    else if (this.#waiting.length < this.#maxWaiting) this.#waiting.push(entry)
    else throw new LovageError('PUBLISH_REFUSED', { problem: `${this.#waiting.length} messages already wait to be sent` })
    return entry
  }

  /** Sends what was held back, as far as it goes. */
  pump(): void {
    let sent = 0
    for (; sent < this.#waiting.length && !this.#channel.held(); sent++) {
      const entry = this.#waiting[sent] as Entry
      if (!entry.done) continue
      try {
        this.#send(entry)
      } catch (error) {
        settle(entry, error as LovageError)
      }
    }
    if (sent > 0) this.#waiting = this.#waiting.slice(sent)
  }

  #send(entry: Entry): void {
    this.#channel.write(entry.message)
    if (this.#confirms) this.#unconfirmed.set(this.#next++, entry)
    else settle(entry, undefined)
  }

  /** The broker's ack or nack. Number 0 with `multiple` means all (spec 1.8.3.13). */
  confirmed(number: number, multiple: boolean, error?: LovageError): void {
    if (!multiple) return this.#settle(number, error)
    for (const [each] of this.#unconfirmed) {
      if (each > number && number !== 0) break
      this.#settle(each, error)
    }
  }

  #settle(number: number, error: LovageError | undefined): void {
    const entry = this.#unconfirmed.get(number)
    if (!entry) return
    this.#unconfirmed.delete(number)
    settle(entry, entry.returned ?? error)
  }

  /**
   * A message that came back, before its confirmation. `basic.return` does not say which it is, but a channel returns in
   * the order of publishing, and with properties and body as they were; two that agree in all that are the same to
   * everyone.
   */
  returned({ method, properties, body }: Content): void {
    if (method.name !== 'basic.return') return
    const { exchange, routingKey, replyCode, replyText } = method.args
    const entry = this.#find((message) => {
      const sent = message.properties
      return (
        message.mandatory &&
        message.routingKey === routingKey &&
        message.exchange === exchange &&
        sent.correlationId === properties.correlationId &&
        sent.messageId === properties.messageId &&
        message.body.length === body.length &&
        Buffer.compare(message.body, body) === 0
      )
    })
    const details = { exchange: JSON.stringify(exchange), routingKey: JSON.stringify(routingKey) }
    if (!entry) return log('warn', 'broker', 'a message came back that nobody waits for', { ...details, replyText })
    const problem = `${replyCode} ${replyText}`
    entry.returned = replyCode === 312 ? new LovageError('UNROUTABLE', details) : new LovageError('PUBLISH_REFUSED', { problem })
  }

  #find(matches: (message: Outbound) => boolean): Entry | undefined {
    const isIt = (entry: Entry | undefined): entry is Entry =>
      entry !== undefined && entry.returned === undefined && matches(entry.message)
    const [lowest = this.#next] = this.#unconfirmed.keys()
    for (let number = Math.max(lowest, this.#lastReturned + 1); number < this.#next; number++) {
      const entry = this.#unconfirmed.get(number)
      if (!isIt(entry)) continue
      this.#lastReturned = number
      return entry
    }
    for (const entry of this.#unconfirmed.values()) if (isIt(entry)) return entry
    return undefined
  }

  /** The channel is gone. What was sent may or may not be there. */
  fail(error: LovageError): void {
    const all = [...this.#unconfirmed.values(), ...this.#waiting]
    this.#unconfirmed.clear()
    this.#waiting = []
    for (const entry of all) settle(entry, entry.returned ?? error)
  }
}

function settle(entry: Entry, error: LovageError | undefined): void {
  const { done } = entry
  entry.done = undefined
  try {
    done?.(error)
  } catch (thrown) {
    log('error', 'broker', 'what was to be called after a publish threw', { problem: messageOf(thrown) })
  }
}
