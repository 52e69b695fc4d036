import type { Socket } from 'node:net'

import type { Clock } from '../../../base/clock.ts'
import { LovageError, isLovageError, messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import type { Headers } from '../../../protocol/headers.ts'
import { FrameParser } from '../wire/frame-parser.ts'
import { FRAME_BODY, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD, PROTOCOL_HEADER, writeHeartbeat, writeMethodFrame } from '../wire/frames.ts'
import { HeadersCache } from '../wire/headers-cache.ts'
import { readMethod, type Method } from '../wire/method-codec.ts'
import type { Args, MethodName } from '../wire/methods.ts'
import { ByteReader, invalid } from '../wire/reader.ts'
import type { TableNotes } from '../wire/table-reader.ts'
import { targetText, type AmqpTarget } from '../wire/url.ts'
import { Calls } from './calls.ts'
import { AmqpChannel, type ChannelHost } from './channel.ts'
import { guarded } from './consumers.ts'
import { Handshake, type Tuned, type Wishes } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { Outgoing } from './outgoing.ts'

/** How long the last frames of an ended connection may take to leave. */
const GOODBYE_MS = 1_000

/** Limits and times of one connection. */
export interface ConnectionLimits {
  /** Longest wait for the answer to a call, and for a goodbye. */
  readonly callTimeoutMs: number
  /** Larger bodies come as empty, with their size. */
  readonly maxBodyBytes: number
  /** So much may gather while the socket takes nothing; messages past that wait unencoded. */
  readonly maxBufferedBytes: number
  /** Most messages that wait so, per channel. */
  readonly maxWaiting: number
}

/**
 * One socket's life with a broker. When it ends, for whatever reason, it is over: every call, message and channel on it
 * fails with that reason, and whoever wants another one connects again.
 */
export class AmqpConnection implements ChannelHost {
  readonly clock: Clock
  readonly url: string
  readonly outgoing: Outgoing
  readonly headers = new HeadersCache()
  readonly maxBodyBytes: number
  readonly maxWaiting: number
  readonly callTimeoutMs: number
  readonly #socket: Socket
  readonly #parser: FrameParser
  readonly #reader = new ByteReader()
  readonly #handshake: Handshake
  readonly #calls: Calls
  readonly #channels: (AmqpChannel | undefined)[] = []
  readonly #onClose: ((error: LovageError) => void)[] = []
  readonly #onBlocked: ((reason: string | undefined) => void)[] = []
  readonly #notes: TableNotes = {}
  readonly #opened: Promise<void>
  #settleOpened: (error?: LovageError) => void = () => undefined
  readonly #gone: Promise<void>
  #tuned: Tuned | undefined
  #heartbeat: Heartbeat | undefined
  #blocked = false
  #closing = false
  #error: LovageError | undefined

  /** Greets. The connection is of use when {@link opened} has resolved. */
  constructor(socket: Socket, target: AmqpTarget, wishes: Wishes, clock: Clock, limits: ConnectionLimits) {
    this.clock = clock
    this.url = targetText(target)
    this.maxBodyBytes = limits.maxBodyBytes
    this.maxWaiting = limits.maxWaiting
    this.callTimeoutMs = limits.callTimeoutMs
    this.#socket = socket
    this.#calls = new Calls(clock, this.url)
    this.outgoing = new Outgoing(socket, clock, limits.maxBufferedBytes, () => this.#pump())
    this.#handshake = new Handshake(target, wishes, (name, args) => this.#send(name, args))
    this.#parser = new FrameParser((type, channel, buffer, start, end) => this.#onFrame(type, channel, buffer, start, end))
    this.#opened = new Promise((resolve, reject) => {
      this.#settleOpened = (error) => (error ? reject(error) : resolve())
    })
    // Whoever closes before it is open need not ask.
    this.#opened.catch(() => undefined)
    this.#gone = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', (error) => this.#lost(messageOf(error)))
    socket.on('end', () => this.#lost('the broker hung up'))
    socket.on('close', () => this.#lost('the socket was closed'))
    socket.write(PROTOCOL_HEADER)
  }

  /** Resolves when the broker has let us in. Rejects with `BROKER_REFUSED`, `CONNECTION_LOST`, `WIRE_INVALID`. */
  get opened(): Promise<void> {
    return this.#opened
  }

  /** Why it has ended; undefined while it lives. */
  get error(): LovageError | undefined {
    return this.#error
  }

  /** The broker takes no messages: one of its alarms is on. Messages wait here meanwhile. */
  get blocked(): boolean {
    return this.#blocked
  }

  get frameMax(): number {
    return this.#tuned?.frameMax ?? 4096
  }

  /** What the broker says of itself: product, version, capabilities. */
  get serverProperties(): Headers {
    return this.#handshake.serverProperties
  }

  /** Calls `listener` when the connection has ended: `BROKER_CLOSED` when it was closed from here. */
  onClose(listener: (error: LovageError) => void): void {
    if (this.#error) listener(this.#error)
    else this.#onClose.push(listener)
  }

  /** Calls `listener` with the reason when the broker takes no more messages, with undefined when it does again. */
  onBlocked(listener: (reason: string | undefined) => void): void {
    this.#onBlocked.push(listener)
  }

  /** Opens a channel. Rejects with `BROKER_SILENT`, or with what ended the connection. */
  async channel(): Promise<AmqpChannel> {
    if (this.#error) throw this.#error
    let number = 1
    while (this.#channels[number]) number++
    const most = this.#tuned?.channelMax ?? 0
    if (number > most) throw new LovageError('BROKER_REFUSED', { url: this.url, problem: `it allows ${most} channels` })
    const channel = new AmqpChannel(this, number)
    this.#channels[number] = channel
    await channel.call('channel.open', {})
    return channel
  }

  release(channel: AmqpChannel): void {
    this.#channels[channel.number] = undefined
  }

  /** Gives the broker a new password for this connection (RabbitMQ, with OAuth 2 tokens). */
  async updateSecret(secret: string, reason: string): Promise<void> {
    if (this.#error) throw this.#error
    this.#send('connection.update-secret', { newSecret: Buffer.from(secret), reason })
    await this.#calls.wait('connection.update-secret', this.callTimeoutMs)
  }

  /** Says goodbye and hangs up; resolves when the socket is closed. What was sent before is sent. */
  async close(): Promise<void> {
    if (!this.#error && !this.#closing) {
      this.#closing = true
      const timer = this.clock.after(this.callTimeoutMs, () => this.destroy())
      this.onClose(() => timer.cancel())
      // Acks are gathered until here, and nothing counts behind a goodbye.
      this.outgoing.flush()
      this.#send('connection.close', { replyCode: 200, replyText: 'goodbye' })
    }
    await this.#gone
  }

  /** Hangs up at once. */
  destroy(): void {
    this.#end(new LovageError('BROKER_CLOSED'))
    this.#socket.destroy()
  }

  #onData(chunk: Buffer): void {
    if (this.#error) return
    this.#heartbeat?.received()
    try {
      this.#parser.push(chunk)
    } catch (error) {
      this.#onInvalid(isLovageError(error) ? error : invalid(messageOf(error), 541))
    }
  }

  /** The broker has broken the rules, or refused us: tell it where that makes sense, and go. */
  #onInvalid(error: LovageError): void {
    if (error.code === 'WIRE_INVALID' && this.#tuned) {
      const { problem, replyCode } = error.details as { problem: string; replyCode: number }
      this.#send('connection.close', { replyCode, replyText: problem.slice(0, 80) })
    }
    this.#end(error)
  }

  #onFrame(type: number, number: number, buffer: Buffer, start: number, end: number): void {
    if (type === FRAME_HEARTBEAT) return
    const reader = this.#reader.over(buffer, start, end)
    const notes = this.#notes
    if (number === 0) {
      if (type !== FRAME_METHOD) throw invalid(`a frame of type ${type} on channel 0`, 503)
      return this.#onMethod(readMethod(reader, notes))
    }
    const channel = this.#channels[number]
    if (!channel || !this.#tuned) throw invalid(`a frame on channel ${number}, which is not open`, 504)
    if (type === FRAME_METHOD) channel.onMethod(readMethod(reader, notes))
    else if (type === FRAME_HEADER) channel.onHeader(reader)
    else if (type === FRAME_BODY) channel.onBody(buffer, start, end)
    else throw invalid(`a frame of unknown type ${type}`, 501)
  }

  #onMethod(method: Method): void {
    if (this.#closing) {
      if (method.name === 'connection.close') this.#send('connection.close-ok', {})
      if (method.name === 'connection.close-ok' || method.name === 'connection.close') this.#end(new LovageError('BROKER_CLOSED'))
      return
    }
    if (!this.#tuned) return this.#onOpening(method)
    switch (method.name) {
      case 'connection.close': {
        const { replyCode, replyText } = method.args
        this.#send('connection.close-ok', {})
        return this.#end(new LovageError('CONNECTION_LOST', { url: this.url, problem: `${replyCode} ${replyText}`, replyCode }))
      }
      case 'connection.blocked':
        return this.#setBlocked(method.args.reason || 'no reason given')
      case 'connection.unblocked':
        return this.#setBlocked(undefined)
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
      const tick = (): void => {
        if (this.outgoing.wrote()) return
        writeHeartbeat(this.outgoing.writer)
        this.outgoing.flush()
      }
      const dead = (): void => {
        this.#lost(`the broker has been silent for two heartbeats of ${heartbeatS} s`)
        this.#socket.destroy()
      }
      this.#heartbeat = new Heartbeat(this.clock, heartbeatS * 1000, tick, dead)
    }
    this.#settleOpened()
  }

  #setBlocked(reason: string | undefined): void {
    this.#blocked = reason !== undefined
    log('warn', 'broker', this.#blocked ? 'the broker takes no messages' : 'the broker takes messages again', { reason })
    for (const listener of this.#onBlocked) guarded(() => listener(reason))
    if (!this.#blocked) this.#pump()
  }

  #pump(): void {
    for (const channel of this.#channels) channel?.pump()
  }

  #lost(problem: string): void {
    if (this.#closing) return this.#end(new LovageError('BROKER_CLOSED'))
    if (this.#handshake.authenticating) return this.#end(this.#handshake.refused(`${problem} after it had our password`))
    this.#end(new LovageError('CONNECTION_LOST', { url: this.url, problem }))
  }

  #end(error: LovageError): void {
    if (this.#error) return
    this.#error = error
    this.#parser.end()
    this.#heartbeat?.end()
    this.outgoing.flush()
    this.outgoing.end()
    // The last words get a moment; a peer that takes nothing must not keep the socket.
    const timer = this.clock.after(GOODBYE_MS, () => this.#socket.destroy(), { unref: true })
    this.#socket.once('close', () => timer.cancel())
    this.#socket.end(() => this.#socket.destroy())
    this.#settleOpened(error)
    this.#calls.fail(error)
    for (const channel of this.#channels.splice(0)) channel?.fail(error)
    for (const listener of this.#onClose.splice(0)) guarded(() => listener(error))
  }

  #send<M extends MethodName>(name: M, args: Partial<Args<M>>): void {
    writeMethodFrame(this.outgoing.writer, 0, name, args)
    this.outgoing.touch()
  }
}
