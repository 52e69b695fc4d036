import type { Clock } from '../../../base/clock.ts'
import { LovageError } from '../../../base/errors.ts'
import type { Headers } from '../../../protocol/headers.ts'
import { ContentReader, type Content } from '../wire/content-reader.ts'
import { ContentWriter, type Outbound } from '../wire/content-writer.ts'
import { writeMethodFrame } from '../wire/frames.ts'
import type { HeadersCache } from '../wire/headers-cache.ts'
import type { Method } from '../wire/method-codec.ts'
import type { Args, CallName, MethodName, ReplyName } from '../wire/methods.ts'
import { invalid, type ByteReader } from '../wire/reader.ts'
import { Calls, type Reply } from './calls.ts'
import { Consumers, guarded, type ConsumeHandlers } from './consumers.ts'
import { AmqpDelivery } from './delivery.ts'
import type { Outgoing } from './outgoing.ts'
import { Publisher, type Publish, type Published } from './publisher.ts'
import { Unsettled } from './unsettled.ts'

/** What a channel needs of its connection. */
export interface ChannelHost {
  readonly clock: Clock
  /** For messages, without password. */
  readonly url: string
  readonly outgoing: Outgoing
  readonly headers: HeadersCache
  readonly frameMax: number
  readonly maxBodyBytes: number
  readonly maxWaiting: number
  readonly callTimeoutMs: number
  /** The broker takes no messages: one of its alarms is on. */
  readonly blocked: boolean
  /** Its number is free again. */
  release(channel: AmqpChannel): void
}

export interface ConsumeOptions {
  readonly noAck?: boolean
  readonly exclusive?: boolean
  readonly arguments?: Headers
}

/** One channel: one life, ended by whatever the broker does not like, without harm to other channels. */
export class AmqpChannel {
  readonly number: number
  readonly #host: ChannelHost
  readonly #calls: Calls
  readonly #content: ContentReader
  readonly #unsettled: Unsettled
  readonly #consumers: Consumers
  readonly #publisher: Publisher
  readonly #onClose: ((error: LovageError) => void)[] = []
  #tags = 0
  #flowing = true
  #error: LovageError | undefined
  /** We have said goodbye: nothing counts but the broker's. */
  #parted: (() => void) | undefined

  constructor(host: ChannelHost, number: number) {
    const { outgoing } = host
    this.number = number
    this.#host = host
    this.#calls = new Calls(host.clock, host.url)
    this.#content = new ContentReader(host.maxBodyBytes)
    this.#unsettled = new Unsettled(outgoing, {
      ack: (deliveryTag, multiple) => this.#send('basic.ack', { deliveryTag, multiple }),
      nack: (deliveryTag, requeue) => this.#send('basic.nack', { deliveryTag, requeue }),
    })
    this.#consumers = new Consumers(this.#unsettled)
    const writer = new ContentWriter(outgoing.writer, number, host.frameMax, host.headers)
    const write = (message: Outbound): void => {
      writer.write(message)
      outgoing.touch()
    }
    this.#publisher = new Publisher({ write, held: () => host.blocked || !this.#flowing || outgoing.full }, host.maxWaiting)
  }

  /** Why it is closed; undefined while it is open. */
  get error(): LovageError | undefined {
    return this.#error
  }

  /** Messages that the broker has not answered for. */
  get unconfirmed(): number {
    return this.#publisher.size
  }

  /** Deliveries that are ours to settle. */
  get unsettled(): number {
    return this.#unsettled.size
  }

  /** Calls `listener` when the channel is gone, with the reason: `BROKER_CLOSED` when it was closed from here. */
  onClose(listener: (error: LovageError) => void): void {
    if (this.#error) listener(this.#error)
    else this.#onClose.push(listener)
  }

  /**
   * Asks the broker; calls may overlap and are answered in order. Rejects with `CHANNEL_CLOSED` when the broker refuses,
   * `CONNECTION_LOST`, `BROKER_CLOSED`, `BROKER_SILENT`, `ENCODE_FAILED`.
   */
  async call<M extends CallName>(method: M, args: Partial<Args<M>>): Promise<Args<ReplyName<M>>> {
    return (await this.#ask(method, args)).args as Args<ReplyName<M>>
  }

  async #ask<M extends CallName>(
    method: M,
    args: Partial<Args<M>>,
    onReply?: (reply: Reply, late: boolean) => void,
  ): Promise<Reply> {
    if (this.#error) throw this.#error
    this.#send(method, args)
    return this.#calls.wait(method, this.#host.callTimeoutMs, onReply)
  }

  /** From now on a message is done when the broker confirms it. */
  async confirmSelect(): Promise<void> {
    this.#publisher.confirm()
    await this.call('confirm.select', {})
  }

  /**
   * Hands a message in. `done` is called once, when the broker has confirmed it (without {@link confirmSelect}: when it is
   * written), or with `UNROUTABLE`, `PUBLISH_REFUSED`, or what ended the channel; then it may or may not be there.
   * @throws LovageError `ENCODE_FAILED`, `MESSAGE_HEADERS_TOO_LARGE`, `PUBLISH_REFUSED`, or what ended the channel.
   */
  publish(message: Outbound, done: Published): Publish {
    if (this.#error) throw this.#error
    return this.#publisher.publish(message, done)
  }

  /** The broker or the socket takes messages again. */
  pump(): void {
    this.#publisher.pump()
  }

  /** Subscribes; resolves to the consumer tag. */
  async consume(queue: string, options: ConsumeOptions, handlers: ConsumeHandlers): Promise<string> {
    const consumerTag = `lovage.${this.number}.${++this.#tags}`
    const { noAck = false, exclusive = false, arguments: more = {} } = options
    this.#consumers.add(consumerTag, noAck, handlers)
    try {
      await this.#ask('basic.consume', { queue, consumerTag, noAck, exclusive, arguments: more }, (_, late) => {
        if (late) void this.cancel(consumerTag).catch(() => undefined)
      })
    } catch (error) {
      this.#consumers.orphan(consumerTag)
      throw error
    }
    return consumerTag
  }

  /** Ends a subscription; when it resolves no further delivery comes. */
  async cancel(consumerTag: string): Promise<void> {
    if (!this.#consumers.has(consumerTag)) return
    await this.#ask('basic.cancel', { consumerTag }, () => this.#consumers.remove(consumerTag))
  }

  /** Takes one message; undefined when there is none. */
  async get(queue: string, { noAck = false }: { noAck?: boolean } = {}): Promise<AmqpDelivery | undefined> {
    let delivery: AmqpDelivery | undefined
    await this.#ask('basic.get', { queue, noAck }, ({ content }, late) => {
      if (!content) return
      delivery = new AmqpDelivery(content, noAck ? undefined : this.#unsettled)
      if (!noAck) this.#unsettled.add(delivery.deliveryTag)
      if (late) delivery.requeue()
    })
    return delivery
  }

  /** Closes; resolves when the broker has said goodbye, or its time is up. What is unsettled goes back to its queues. */
  async close(): Promise<void> {
    if (this.#error) return
    this.#unsettled.flush()
    const { clock, callTimeoutMs } = this.#host
    const parted = new Promise<void>((resolve) => (this.#parted = resolve))
    const timer = clock.after(callTimeoutMs, () => this.#parted?.())
    this.#send('channel.close', { replyCode: 200, replyText: 'goodbye' })
    this.#end(new LovageError('BROKER_CLOSED'))
    await parted
    timer.cancel()
  }

  /** Takes a method. @throws LovageError `WIRE_INVALID` */
  onMethod(method: Method): void {
    if (this.#parted) return this.#onLastMethod(method)
    if (this.#content.busy) throw invalid(`${method.name} in the middle of a content`, 505)
    switch (method.name) {
      case 'basic.deliver':
      case 'basic.get-ok':
      case 'basic.return':
        return this.#content.begin(method)
      case 'basic.ack':
        return this.#publisher.confirmed(method.args.deliveryTag, method.args.multiple)
      case 'basic.nack': {
        const refused = new LovageError('PUBLISH_REFUSED', { problem: 'it answered with basic.nack' })
        return this.#publisher.confirmed(method.args.deliveryTag, method.args.multiple, refused)
      }
      case 'basic.cancel': {
        const { consumerTag, nowait } = method.args
        if (!nowait) this.#send('basic.cancel-ok', { consumerTag })
        return this.#consumers.cancelled(consumerTag)
      }
      case 'channel.flow':
        this.#flowing = method.args.active
        this.#send('channel.flow-ok', method.args)
        return this.pump()
      case 'channel.close': {
        const { replyCode, replyText, classId, methodId } = method.args
        this.#send('channel.close-ok', {})
        this.#host.release(this)
        const problem = `${replyCode} ${replyText}`
        return this.#end(new LovageError('CHANNEL_CLOSED', { problem, replyCode, method: `${classId}.${methodId}` }))
      }
      default:
        return this.#calls.answer(method)
    }
  }

  #onLastMethod({ name }: Method): void {
    if (name === 'channel.close') this.#send('channel.close-ok', {})
    else if (name === 'channel.close-ok') {
      this.#host.release(this)
      this.#parted?.()
    }
  }

  /** Takes the payload of a content header. @throws LovageError `WIRE_INVALID` */
  onHeader(reader: ByteReader): void {
    if (this.#parted) return
    const whole = this.#content.header(reader)
    if (whole) this.#onContent(whole)
  }

  /** Takes the payload of a content body. @throws LovageError `WIRE_INVALID` */
  onBody(buffer: Buffer, start: number, end: number): void {
    if (this.#parted) return
    const whole = this.#content.body(buffer, start, end)
    if (whole) this.#onContent(whole)
  }

  #onContent(content: Content): void {
    const { method } = content
    if (method.name === 'basic.deliver') this.#consumers.deliver(content, method.args.consumerTag)
    else if (method.name === 'basic.return') this.#publisher.returned(content)
    else this.#calls.answer({ name: method.name, args: method.args, content })
  }

  /** The connection is gone. */
  fail(error: LovageError): void {
    this.#parted?.()
    this.#end(error)
  }

  #end(error: LovageError): void {
    if (this.#error) return
    this.#error = error
    this.#consumers.clear()
    this.#unsettled.fail()
    this.#calls.fail(error)
    this.#publisher.fail(error)
    for (const listener of this.#onClose.splice(0)) guarded(() => listener(error))
  }

  #send<M extends MethodName>(name: M, args: Partial<Args<M>>): void {
    const { outgoing } = this.#host
    writeMethodFrame(outgoing.writer, this.number, name, args)
    outgoing.touch()
  }
}
