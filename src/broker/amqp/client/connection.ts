import type { Socket } from 'node:net'
import type { Clock } from '../../../base/clock.ts'
import { isLovageError, messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import type { Headers } from '../../../protocol/headers.ts'
import type { AmqpUrl } from '../amqp-url.ts'
import { LinkError } from '../link.ts'
import { FrameParser } from '../wire/frame-parser.ts'
import {
  FRAME_BODY,
  FRAME_HEADER,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
  FRAME_MIN_BYTES,
  PROTOCOL_HEADER,
  writeHeartbeat,
  writeMethodFrame,
} from '../wire/frames.ts'
import { HeadersCache } from '../wire/headers-cache.ts'
import { readMethod, type Method } from '../wire/method-codec.ts'
import type { Args, MethodName } from '../wire/methods.ts'
import { ByteReader, invalid } from '../wire/reader.ts'
import { Calls } from './calls.ts'
import type { AmqpConnectionEvents, ConnectionLimits } from './connection-options.ts'
import { AmqpChannel, closeError, type AmqpChannelEvents, type ChannelHost } from './channel.ts'
import { Handshake, refused, type Tuned, type Wishes } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { Outgoing } from './outgoing.ts'
import { tell } from './tell.ts'

/** How long the last frames of an ended connection may take to leave. */
const LAST_FRAMES_MS = 1_000

/** Longest wait for the broker's part of an orderly end. One that is blocked does not read ours. */
const GOODBYE_MS = 2_000

/**
 * One socket's life with a broker. When it ends, for whatever reason, it is over: every call and channel on it fails with
 * that reason, and whoever wants another one connects again.
 */
export class AmqpConnection implements ChannelHost {
  readonly clock: Clock
  readonly outgoing: Outgoing
  readonly headers = new HeadersCache()
  readonly maxBodyBytes: number
  readonly callTimeoutMs: number
  readonly #socket: Socket
  readonly #events: AmqpConnectionEvents
  readonly #parser: FrameParser
  readonly #reader = new ByteReader()
  readonly #handshake: Handshake
  readonly #calls: Calls
  readonly #channels: (AmqpChannel | undefined)[] = []
  /** Those on which the broker has stopped the flow of messages. */
  readonly #stopped = new Set<AmqpChannel>()
  readonly #opened: Promise<void>
  #settleOpened: (error?: LinkError) => void = () => undefined
  readonly #gone: Promise<void>
  #tuned: Tuned | undefined
  #heartbeat: Heartbeat | undefined
  #isClosing = false
  #error: LinkError | undefined

  /** Greets. The connection is of use when {@link opened} has resolved. */
  constructor(
    socket: Socket,
    url: AmqpUrl,
    wishes: Wishes,
    clock: Clock,
    events: AmqpConnectionEvents,
    limits: ConnectionLimits,
  ) {
    this.clock = clock
    this.maxBodyBytes = limits.maxBodyBytes
    this.callTimeoutMs = limits.callTimeoutMs
    this.#socket = socket
    this.#events = events
    this.#calls = new Calls(clock, limits.callTimeoutMs)
    this.outgoing = new Outgoing(socket, clock, limits.maxBufferedBytes, () => this.#onRoom())
    this.#handshake = new Handshake(url, wishes, (name, args) => this.#send(name, args))
    this.#parser = new FrameParser((type, channel, buffer, start, end) =>
      this.#onFrame(type, channel, buffer, start, end),
    )
    this.#opened = new Promise((resolve, reject) => {
      this.#settleOpened = (error) => (error ? reject(error) : resolve())
    })
    // Whoever gives up before it is open need not listen.
    this.#opened.catch(() => undefined)
    this.#gone = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', (error) => this.#lost(messageOf(error)))
    socket.on('end', () => this.#lost('the broker hung up'))
    socket.on('close', () => this.#lost('the socket was closed'))
    socket.write(PROTOCOL_HEADER)
  }

  /** Resolves when the broker has let us in. Rejects with a `LinkError` when it does not. */
  get opened(): Promise<void> {
    return this.#opened
  }

  /** Why it has ended; undefined while it lives. */
  get error(): LinkError | undefined {
    return this.#error
  }

  /** False while messages would pile up here: the socket takes none, or the broker has stopped the flow on a channel. */
  get hasRoom(): boolean {
    return !this.outgoing.isFull && this.#stopped.size === 0
  }

  /** Most channels that the broker allows. */
  get channelMax(): number {
    return this.#tuned?.channelMax ?? 0
  }

  get frameMax(): number {
    return this.#tuned?.frameMax ?? FRAME_MIN_BYTES
  }

  /** What the broker says of itself: product, version, capabilities. */
  get serverProperties(): Headers {
    return this.#handshake.serverProperties
  }

  /** Opens a channel. Rejects with a `LinkError`. */
  async channel(events: AmqpChannelEvents): Promise<AmqpChannel> {
    this.#assertOpen()
    let number = 1
    while (this.#channels[number]) number++
    if (number > this.channelMax)
      throw new LinkError('channel', `all ${this.channelMax} channels that the broker allows are open`)
    const channel = new AmqpChannel(this, number, events)
    this.#channels[number] = channel
    await channel.call('channel.open', {})
    return channel
  }

  release(channel: AmqpChannel): void {
    this.#channels[channel.number] = undefined
    this.#stopped.delete(channel)
  }

  onFlow(channel: AmqpChannel): void {
    if (channel.isFlowing) this.#stopped.delete(channel)
    else this.#stopped.add(channel)
    this.#onRoom()
  }

  /** Gives the broker a new password for this connection (RabbitMQ with OAuth 2 tokens). */
  async updateSecret(secret: string, reason: string): Promise<void> {
    this.#assertOpen()
    this.#send('connection.update-secret', { newSecret: Buffer.from(secret), reason })
    await this.#calls.wait('connection.update-secret')
  }

  /** Says goodbye and hangs up; resolves when the socket is closed. What was sent before is sent. */
  async close(): Promise<void> {
    if (!this.#error && !this.#isClosing) {
      this.#isClosing = true
      const timer = this.clock.after(GOODBYE_MS, () => this.destroy())
      void this.#gone.then(() => timer.cancel())
      // Acks are gathered until here, and nothing counts behind a goodbye.
      this.outgoing.flush()
      this.#send('connection.close', { replyCode: 200, replyText: 'goodbye' })
    }
    await this.#gone
  }

  /** Hangs up at once. */
  destroy(): void {
    this.#end(closedHere())
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#error) return
    this.#heartbeat?.received()
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.#onRefusal(error)
    }
  }

  /** The broker has broken the rules, or refused us: it is told where that makes sense. */
  #onRefusal(error: unknown): void {
    if (error instanceof LinkError) return this.#end(error)
    const isTheirs = isLovageError(error, 'WIRE_INVALID')
    if (!isTheirs) log('error', 'broker', 'the AMQP client failed', { problem: messageOf(error), error })
    const replyCode = isTheirs ? Number(error.details.replyCode) : 541
    if (this.#tuned) this.#send('connection.close', { replyCode, replyText: messageOf(error).slice(0, 80) })
    this.#end(new LinkError('connection', messageOf(error), replyCode))
  }

  #onFrame(type: number, number: number, buffer: Buffer, start: number, end: number): void {
    if (type === FRAME_HEARTBEAT) return
    const reader = this.#reader.over(buffer, start, end)
    if (number === 0) {
      if (type !== FRAME_METHOD) throw invalid(`a frame of type ${type} on channel 0`, 503)
      return this.#onMethod(readMethod(reader, {}))
    }
    const channel = this.#channels[number]
    if (!channel || !this.#tuned) throw invalid(`a frame on channel ${number}, which is not open`, 504)
    if (type === FRAME_METHOD) channel.onMethod(readMethod(reader, {}))
    else if (type === FRAME_HEADER) channel.onHeader(reader)
    else if (type === FRAME_BODY) channel.onBody(buffer, start, end)
    else throw invalid(`a frame of unknown type ${type}`, 501)
  }

  #onMethod(method: Method): void {
    if (this.#isClosing) {
      if (method.name === 'connection.close') this.#send('connection.close-ok', {})
      if (method.name === 'connection.close-ok' || method.name === 'connection.close') this.#end(closedHere())
      return
    }
    if (!this.#tuned) return this.#onOpening(method)
    switch (method.name) {
      case 'connection.close':
        this.#send('connection.close-ok', {})
        return this.#end(closeError('connection', method.args))
      case 'connection.blocked':
        return this.#onBlocked(method.args.reason || 'no reason given')
      case 'connection.unblocked':
        return this.#onBlocked(undefined)
      default:
        return this.#calls.answer(method)
    }
  }

  #onOpening(method: Method): void {
    this.#tuned = this.#handshake.on(method)
    if (!this.#tuned) return
    const { frameMax, heartbeatS } = this.#tuned
    this.#parser.frameMax = frameMax
    if (heartbeatS > 0) {
      const beat = (): void => {
        if (this.outgoing.wrote()) return
        writeHeartbeat(this.outgoing.writer)
        this.outgoing.flush()
      }
      const dead = (): void => {
        this.#lost(`the broker has been silent for two heartbeats of ${heartbeatS} s`)
        this.#socket.destroy()
      }
      this.#heartbeat = new Heartbeat(this.clock, heartbeatS * 1000, beat, dead)
    }
    this.#settleOpened()
  }

  #onBlocked(reason: string | undefined): void {
    if (reason === undefined) log('info', 'broker', 'the broker takes messages again')
    else log('warn', 'broker', 'the broker takes no messages', { reason })
    tell(() => this.#events.onBlocked?.(reason))
  }

  #onRoom(): void {
    if (this.hasRoom) tell(() => this.#events.onRoom?.())
  }

  #lost(problem: string): void {
    if (this.#isClosing) return this.#end(closedHere())
    // A broker without authentication_failure_close just hangs up on a wrong password.
    if (this.#handshake.isAuthenticating) return this.#end(refused(`${problem} when it had our password`))
    this.#end(new LinkError('connection', problem))
  }

  #end(error: LinkError): void {
    if (this.#error) return
    this.#error = error
    const wasOpen = this.#tuned !== undefined
    this.#parser.end()
    this.#heartbeat?.end()
    this.outgoing.flush()
    this.outgoing.end()
    // The last words get a moment; a peer that takes nothing must not keep the socket.
    const timer = this.clock.after(LAST_FRAMES_MS, () => this.#socket.destroy(), { unref: true })
    this.#socket.once('close', () => timer.cancel())
    this.#socket.end(() => this.#socket.destroy())
    this.#settleOpened(error)
    this.#calls.fail(error)
    for (const channel of this.#channels.splice(0)) channel?.fail(error)
    if (wasOpen) tell(() => this.#events.onClosed?.(error))
  }

  #assertOpen(): void {
    const error = this.#error ?? (this.#isClosing ? closedHere() : undefined)
    if (error) throw new LinkError('connection', error.message, error.code, error.isByPublish)
  }

  #send<M extends MethodName>(name: M, args: Partial<Args<M>>): void {
    writeMethodFrame(this.outgoing.writer, 0, name, args)
    this.outgoing.touch()
  }
}

function closedHere(): LinkError {
  return new LinkError('connection', 'the connection was closed')
}
