import type { Clock } from '../../../base/clock.ts'
import { deadline } from '../../../base/clock.ts'
import { LovageError, messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import { Ring } from '../../../base/ring.ts'
import type { Message } from '../../../protocol/message.ts'
import type { ConsumeOptions, Consumer, Delivery } from '../../broker.ts'
import type { Settlement } from '../subscription.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'
import { ASK, SETTLEMENTS } from '../wire/frames.ts'
import { unpackMessage } from '../wire/packed-message.ts'
import { KnownTables } from '../wire/value-codec.ts'
import type { EngineClient } from './engine-client.ts'
import type { Line } from './line.ts'

/** A body that is a smaller part than this of what it came in. */
const SMALL_PART = 4

/** Longest wait for the owner to say that a consumer is cancelled. */
const CANCEL_MS = 5000

/** A message of the engine in our hands, on the connection over which it came. */
export class ServedDelivery implements Delivery {
  readonly message: Message
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly #line: Line
  readonly #tag: number
  #isSettled: boolean

  /** Reads what the owner wrote of it. */
  constructor(line: Line, frame: ByteReader, noAck: boolean, known = new KnownTables()) {
    const { texts } = known
    texts.begin()
    this.#line = line
    this.#tag = frame.f64()
    this.redelivered = frame.u8() === 1
    this.queue = frame.text(texts)
    this.exchange = frame.text(texts)
    this.routingKey = frame.text(texts)
    this.message = withOwnBody(unpackMessage(frame.rest(), known))
    this.#isSettled = noAck
  }

  get isOurs(): boolean {
    return !this.#isSettled && this.#line.isOpen
  }

  ack(): boolean {
    return this.settle('ack')
  }

  requeue(): boolean {
    return this.settle('requeue')
  }

  reject(): boolean {
    return this.settle('reject')
  }

  /** Takes it out of our hands in another way: by what is asked on its connection under its tag. Undefined: not ours. */
  leave(): { line: Line; tag: number } | undefined {
    if (!this.isOurs) return undefined
    this.#isSettled = true
    return { line: this.#line, tag: this.#tag }
  }

  /** False when it is no longer ours. */
  settle(how: Settlement): boolean {
    if (!this.isOurs) return false
    this.#isSettled = true
    this.#line.say(ASK.settle, (writer) => {
      writer.u8(SETTLEMENTS.indexOf(how))
      writer.f64(this.#tag)
    })
    return true
  }
}

/** A small body is copied: it may be held for long, and a view would hold all that came with it, acknowledged or not. */
function withOwnBody(message: Message): Message {
  const { body } = message
  return body.byteLength * SMALL_PART < body.buffer.byteLength ? { ...message, body: Buffer.from(body) } : message
}

/** What a consumer needs of its broker. */
export interface ConsumerHost {
  readonly clock: Clock
  readonly client: EngineClient
  readonly forget: (consumer: ServedConsumer) => void
}

/** One subscription, on whichever connection is there. */
export class ServedConsumer implements Consumer {
  /** Its number in frames, the same on every connection. */
  readonly number: number
  readonly #host: ConsumerHost
  readonly #options: ConsumeOptions
  readonly #queues: readonly string[]
  readonly #known = new KnownTables()
  #prefetch: number
  /** Came before `consume` has resolved. */
  #held = new Ring<ServedDelivery>()
  #isBegun = false
  #isReleased = false
  #isCancelled = false
  #cancelling: Promise<void> | undefined

  constructor(host: ConsumerHost, number: number, options: ConsumeOptions) {
    this.#host = host
    this.number = number
    this.#options = options
    this.#queues = [...new Set(options.queues)]
    this.#prefetch = options.prefetch
  }

  /** @throws LovageError `TOPOLOGY_MISSING`, `TOPOLOGY_MISMATCH`, `BROKER_UNREACHABLE`, `BROKER_CLOSED` */
  async begin(): Promise<void> {
    await this.#host.client.ask(ASK.consume, (writer) => this.#write(writer, false))
    this.#isBegun = true
    // One turn later, so that whoever consumes holds the consumer before the first delivery.
    this.#host.clock.turn(() => this.#release())
  }

  /** Goes on on a new connection; what came over the one before is void. Queues that are gone are read once they are there. */
  async beginAgain(line: Line): Promise<void> {
    if (!this.#isBegun || this.#isCancelled) return
    this.#held = new Ring()
    try {
      await this.#host.client.askOn(line, ASK.consume, (writer) => this.#write(writer, true))
    } catch (error) {
      if (!(error instanceof LovageError) || error.code !== 'TOPOLOGY_MISMATCH') throw error
      log('error', 'broker', 'a queue can no longer be consumed', { queues: this.#queues, error: messageOf(error) })
    }
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch
    if (this.#isCancelled) return
    this.#host.client.line?.say(ASK.credit, (writer) => {
      writer.u32(this.number)
      writer.u32(prefetch)
    })
  }

  cancel(): Promise<void> {
    return (this.#cancelling ??= this.#cancel())
  }

  /** Takes a delivery in. */
  take(line: Line, frame: ByteReader): void {
    const delivery = new ServedDelivery(line, frame, this.#options.noAck ?? false, this.#known)
    if (this.#isReleased || this.#isCancelled) this.#handOrReturn(delivery)
    else this.#held.push(delivery)
  }

  async #cancel(): Promise<void> {
    this.#isCancelled = true
    const { client, clock } = this.#host
    const { line } = client
    this.#handHeld()
    if (line) {
      const answer = client.askOn(line, ASK.cancel, (writer) => writer.u32(this.number), CANCEL_MS)
      await deadline(clock, answer, CANCEL_MS, () => new Error('late')).catch((error: unknown) => {
        log('warn', 'broker', 'a consumer could not be cancelled', { queues: this.#queues, error: messageOf(error) })
      })
    }
    this.#host.forget(this)
  }

  #release(): void {
    this.#isReleased = true
    this.#handHeld()
  }

  #handHeld(): void {
    for (let one = this.#held.shift(); one; one = this.#held.shift()) this.#handOrReturn(one)
  }

  /** After a cancel only what counts as settled already is handed over: it would be lost else. */
  #handOrReturn(delivery: ServedDelivery): void {
    if (this.#isCancelled && !this.#options.noAck) delivery.settle('return')
    else this.#hand(delivery)
  }

  #hand(delivery: ServedDelivery): void {
    try {
      this.#options.onDelivery(delivery)
    } catch (error) {
      log('error', 'broker', 'delivery handler threw', { queue: delivery.queue, error: messageOf(error) })
    }
  }

  #write(writer: ByteWriter, isAgain: boolean): void {
    writer.u32(this.number)
    writer.u32(this.#prefetch)
    writer.u8(this.#options.noAck ? 1 : 0)
    writer.u8(isAgain ? 1 : 0)
    for (const queue of this.#queues) writer.text(queue)
  }
}
