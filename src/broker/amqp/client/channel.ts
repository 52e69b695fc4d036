import type { Clock } from '../../../base/clock.ts'
import { log } from '../../../base/log.ts'
import type { Headers } from '../../../protocol/headers.ts'
import { LinkError } from '../link.ts'
import { ContentReader, type Content } from '../wire/content-reader.ts'
import { ContentWriter, type Outbound } from '../wire/content-writer.ts'
import { writeMethodFrame } from '../wire/frames.ts'
import type { HeadersCache } from '../wire/headers-cache.ts'
import type { Method } from '../wire/method-codec.ts'
import type { Args, CallName, MethodName, ReplyName } from '../wire/methods.ts'
import { invalid, type ByteReader } from '../wire/reader.ts'
import { Calls, type Reply } from './calls.ts'
import type { Outgoing } from './outgoing.ts'
import { tell } from './tell.ts'
import { Unsettled } from './unsettled.ts'

/** What a channel needs of its connection. */
export interface ChannelHost {
  readonly clock: Clock
  readonly outgoing: Outgoing
  readonly headers: HeadersCache
  readonly frameMax: number
  readonly maxBodyBytes: number
  readonly callTimeoutMs: number
  /** The broker has stopped or restarted the flow of messages on a channel. */
  onFlow(channel: AmqpChannel): void
  /** Its number is free again. */
  release(channel: AmqpChannel): void
}

/** Called as frames are read, in their order. */
export interface AmqpChannelEvents {
  /** Once, however it ended. */
  onClosed?(error: LinkError): void
  /** The first ones maybe before `consume` has resolved. */
  onDelivery?(content: Content, args: Args<'basic.deliver'>): void
  /** The broker ended the subscription: its queue was deleted, or its node died. */
  onCancelled?(consumerTag: string): void
  onConfirm?(deliveryTag: number, multiple: boolean, isAck: boolean): void
  onReturn?(content: Content, args: Args<'basic.return'>): void
}

/** CLASS.METHOD of `basic.publish`, as a close names what it is about. */
const [PUBLISH_CLASS, PUBLISH_METHOD] = [60, 40]

/** The error that a broker's close stands for. */
export function closeError(scope: 'channel' | 'connection', args: Args<'channel.close'>): LinkError {
  const { replyCode, replyText, classId, methodId } = args
  return new LinkError(scope, replyText, replyCode, classId === PUBLISH_CLASS && methodId === PUBLISH_METHOD)
}

/** One channel: one life, ended by whatever the broker does not like, without harm to other channels. */
export class AmqpChannel {
  readonly number: number
  readonly #host: ChannelHost
  readonly #events: AmqpChannelEvents
  readonly #calls: Calls
  readonly #content: ContentReader
  readonly #contentWriter: ContentWriter
  readonly #unsettled: Unsettled
  /** What comes to these is settled as it comes. */
  readonly #noAckTags = new Set<string>()
  #isFlowing = true
  #error: LinkError | undefined
  /** We have said goodbye: nothing counts but the broker's. */
  #parted: (() => void) | undefined

  constructor(host: ChannelHost, number: number, events: AmqpChannelEvents) {
    const { outgoing, clock, callTimeoutMs } = host
    this.number = number
    this.#host = host
    this.#events = events
    this.#calls = new Calls(clock, callTimeoutMs)
    this.#content = new ContentReader(host.maxBodyBytes)
    this.#contentWriter = new ContentWriter(outgoing.writer, number, host.frameMax, host.headers)
    this.#unsettled = new Unsettled(outgoing, {
      ack: (deliveryTag, multiple) => this.#send('basic.ack', { deliveryTag, multiple }),
      nack: (deliveryTag, requeue) => this.#send('basic.nack', { deliveryTag, requeue }),
    })
  }

  /** Why it is closed; undefined while it is open. */
  get error(): LinkError | undefined {
    return this.#error
  }

  /** False while the broker asks for no more messages (spec 1.5.2.2; RabbitMQ no longer does). */
  get isFlowing(): boolean {
    return this.#isFlowing
  }

  /**
   * Asks the broker; calls may overlap and are answered in order. Rejects with a `LinkError` when the broker refuses, does
   * not answer, or is gone, and with `ENCODE_FAILED`.
   */
  async call<M extends CallName>(method: M, args: Partial<Args<M>>): Promise<Args<ReplyName<M>>> {
    return (await this.#ask(method, args)).args as Args<ReplyName<M>>
  }

  /**
   * Sends a message. With `confirm.select` before, the broker confirms each by its number: 1, 2, 3, ... in this order.
   * @throws LovageError `ENCODE_FAILED`; then nothing was sent and no number used.
   * @throws LinkError when the channel is closed.
   */
  publish(message: Outbound): void {
    this.#assertOpen()
    this.#contentWriter.write(message)
    this.#host.outgoing.touch()
  }

  /** Subscribes. With `nowait` the broker does not answer: it may begin much later, and closes the channel where it cannot. */
  async consume(
    queue: string,
    consumerTag: string,
    noAck: boolean,
    table: Headers = {},
    nowait = false,
  ): Promise<void> {
    if (noAck) this.#noAckTags.add(consumerTag)
    const args = { queue, consumerTag, noAck, nowait, arguments: table }
    if (nowait) {
      this.#assertOpen()
      return this.#send('basic.consume', args)
    }
    await this.#ask('basic.consume', args, (_, isLate) => {
      // Nobody knows of it: who asked has been told that there was no answer.
      if (isLate) void this.cancel(consumerTag).catch(() => undefined)
    })
  }

  /** Ends a subscription; when it resolves no further delivery comes. */
  async cancel(consumerTag: string): Promise<void> {
    await this.#ask('basic.cancel', { consumerTag }, () => this.#noAckTags.delete(consumerTag))
  }

  /** Takes one message; undefined when there is none. */
  async get(queue: string): Promise<{ content: Content; args: Args<'basic.get-ok'> } | undefined> {
    const { content, args } = await this.#ask('basic.get', { queue }, (reply, isLate) => {
      if (!reply.content) return
      const { deliveryTag } = reply.args as Args<'basic.get-ok'>
      this.#unsettled.add(deliveryTag)
      if (isLate) this.#unsettled.nack(deliveryTag, true)
    })
    if (content?.isDropped) throw new LinkError('channel', `a message of ${content.size} bytes is too large to be read`)
    return content && { content, args: args as Args<'basic.get-ok'> }
  }

  /** False when the delivery is not ours to settle, any more or at all. */
  ack(deliveryTag: number): boolean {
    return this.#unsettled.ack(deliveryTag)
  }

  /** Back to its queue with `requeue`, else away. False as for {@link ack}. */
  nack(deliveryTag: number, requeue: boolean): boolean {
    return this.#unsettled.nack(deliveryTag, requeue)
  }

  /** Closes; resolves when the broker has said goodbye, or its time is up. What is unsettled goes back to its queues. */
  async close(): Promise<void> {
    if (this.#error) return
    this.#unsettled.flush()
    const { clock, callTimeoutMs } = this.#host
    const parted = new Promise<void>((resolve) => (this.#parted = resolve))
    const timer = clock.after(callTimeoutMs, () => this.#parted?.())
    this.#send('channel.close', { replyCode: 200, replyText: 'goodbye' })
    this.#end(new LinkError('channel', 'the channel was closed'))
    await parted
    timer.cancel()
  }

  /** Takes a method. @throws LovageError `WIRE_INVALID` */
  onMethod(method: Method): void {
    if (this.#parted) return this.#onLastMethod(method)
    if (this.#content.isBusy) throw invalid(`${method.name} in the middle of a content`, 505)
    switch (method.name) {
      case 'basic.deliver':
      case 'basic.get-ok':
      case 'basic.return':
        return this.#content.begin(method)
      case 'basic.ack':
      case 'basic.nack': {
        const { deliveryTag, multiple } = method.args
        return tell(() => this.#events.onConfirm?.(deliveryTag, multiple, method.name === 'basic.ack'))
      }
      case 'basic.cancel': {
        const { consumerTag, nowait } = method.args
        if (!nowait) this.#send('basic.cancel-ok', { consumerTag })
        return tell(() => this.#events.onCancelled?.(consumerTag))
      }
      case 'channel.flow':
        this.#isFlowing = method.args.active
        this.#send('channel.flow-ok', method.args)
        return this.#host.onFlow(this)
      case 'channel.close':
        this.#send('channel.close-ok', {})
        this.#host.release(this)
        return this.#end(closeError('channel', method.args))
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
    switch (method.name) {
      case 'basic.deliver': {
        const { consumerTag, deliveryTag } = method.args
        if (!this.#noAckTags.has(consumerTag)) this.#unsettled.add(deliveryTag)
        if (content.isDropped) return this.#onDropped(content)
        return tell(() => this.#events.onDelivery?.(content, method.args))
      }
      case 'basic.return':
        return tell(() => this.#events.onReturn?.(content, method.args))
      default:
        return this.#calls.answer({ name: method.name, args: method.args, content })
    }
  }

  /** It stays unsettled, so that it is not lost: the broker gives it to somebody again when the channel ends. */
  #onDropped({ size }: Content): void {
    log('error', 'broker', 'a message is too large to be read; it stays at the broker', { size })
  }

  /** The connection is gone. */
  fail(error: LinkError): void {
    this.#parted?.()
    this.#end(error)
  }

  #end(error: LinkError): void {
    if (this.#error) return
    this.#error = error
    this.#unsettled.fail()
    this.#calls.fail(error)
    tell(() => this.#events.onClosed?.(error))
  }

  async #ask<M extends CallName>(
    method: M,
    args: Partial<Args<M>>,
    onReply?: (reply: Reply, isLate: boolean) => void,
  ): Promise<Reply> {
    this.#assertOpen()
    this.#send(method, args)
    const { consumerTag } = args as { readonly consumerTag?: string }
    return this.#calls.wait(method, consumerTag, onReply)
  }

  /** A new error for each: a shared one would have the stack of whoever came first. */
  #assertOpen(): void {
    const error = this.#error
    if (error) throw new LinkError(error.scope, error.message, error.code, error.isByPublish)
  }

  #send<M extends MethodName>(name: M, args: Partial<Args<M>>): void {
    const { outgoing } = this.#host
    writeMethodFrame(outgoing.writer, this.number, name, args)
    outgoing.touch()
  }
}
