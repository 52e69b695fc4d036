import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Clock } from '../../../src/base/clock.ts'
import { parseAmqpUrl } from '../../../src/broker/amqp/amqp-url.ts'
import { AmqpConnection } from '../../../src/broker/amqp/client/connection.ts'
import type { AmqpConnectionEvents } from '../../../src/broker/amqp/client/connection-options.ts'
import {
  closeFrame,
  FRAME_HEADER,
  openFrame,
  writeBodyFrames,
  writeHeartbeat,
  writeMethodFrame,
} from '../../../src/broker/amqp/wire/frames.ts'
import { HeadersCache } from '../../../src/broker/amqp/wire/headers-cache.ts'
import type { Args, MethodName } from '../../../src/broker/amqp/wire/methods.ts'
import { type BasicProperties, writeProperties } from '../../../src/broker/amqp/wire/properties.ts'
import { ByteWriter } from '../../../src/broker/amqp/wire/writer.ts'

/** The frame of a method, as a server sends it. */
export function methodFrame<M extends MethodName>(channel: number, name: M, args: Partial<Args<M>> = {}): Buffer {
  const writer = new ByteWriter(256)
  writeMethodFrame(writer, channel, name, args)
  return Buffer.concat(writer.take())
}

export function headerFrame(channel: number, size: number, properties: BasicProperties): Buffer {
  const writer = new ByteWriter(256)
  writer.begin()
  const start = openFrame(writer)
  writer.room(12)
  writer.u32(60 << 16)
  writer.u64(size)
  writeProperties(writer, properties, new HeadersCache())
  closeFrame(writer, start, FRAME_HEADER, channel)
  return Buffer.concat(writer.take())
}

export function bodyFrames(channel: number, body: Uint8Array, frameMax = 131_072): Buffer {
  const writer = new ByteWriter(256)
  writeBodyFrames(writer, channel, body, frameMax)
  return Buffer.concat(writer.take())
}

/** A method with its content: three frames or more. */
export function contentFrames<M extends 'basic.deliver' | 'basic.return' | 'basic.get-ok'>(
  channel: number,
  name: M,
  args: Partial<Args<M>>,
  properties: BasicProperties,
  body: Uint8Array,
  frameMax?: number,
): Buffer[] {
  const method = methodFrame(channel, name, args)
  return [method, headerFrame(channel, body.length, properties), bodyFrames(channel, body, frameMax)]
}

export function heartbeatFrame(): Buffer {
  const writer = new ByteWriter(16)
  writeHeartbeat(writer)
  return Buffer.concat(writer.take())
}

/** What a server says until the connection is open. */
export function greetings(tune: Partial<Args<'connection.tune'>> = {}): Buffer[] {
  const start = { versionMinor: 9, mechanisms: Buffer.from('AMQPLAIN PLAIN'), locales: Buffer.from('en_US') }
  return [
    methodFrame(0, 'connection.start', { ...start, serverProperties: { product: 'a test' } }),
    methodFrame(0, 'connection.tune', { channelMax: 2047, frameMax: 131_072, heartbeat: 60, ...tune }),
    methodFrame(0, 'connection.open-ok'),
  ]
}

/** Stands for a socket: what the client writes is kept, what the server says is emitted. */
export class FakeSocket extends EventEmitter {
  sent: Buffer[] = []
  /** What `write` says: whether the socket takes more at once. */
  takesMore = true
  destroyed = false

  write(chunk: Uint8Array): boolean {
    this.sent.push(Buffer.from(chunk))
    return this.takesMore
  }

  cork(): void {}

  uncork(): void {}

  end(done?: () => void): this {
    done?.()
    return this
  }

  destroy(): this {
    if (this.destroyed) return this
    this.destroyed = true
    this.emit('close')
    return this
  }

  /** All that was written, and forgets it. */
  take(): Buffer {
    const all = Buffer.concat(this.sent)
    this.sent = []
    return all
  }
}

const URL_OF_FAKE = parseAmqpUrl('amqp://user:secret@localhost/vhost')

/** A connection on such a socket, before any answer of the server. */
export function fakeConnection(
  clock: Clock,
  events: AmqpConnectionEvents = {},
  limits: { maxBodyBytes?: number; maxBufferedBytes?: number; heartbeatS?: number } = {},
): { socket: FakeSocket; connection: AmqpConnection } {
  const socket = new FakeSocket()
  const { heartbeatS = 60, maxBodyBytes = 1024 * 1024, maxBufferedBytes = 1024 * 1024 } = limits
  const wishes = { name: 'test', mechanism: 'PLAIN' as const, heartbeatS, frameMax: 131_072, channelMax: 2047 }
  const connection = new AmqpConnection(socket as unknown as Socket, URL_OF_FAKE, wishes, clock, events, {
    callTimeoutMs: 10_000,
    maxBodyBytes,
    maxBufferedBytes,
  })
  return { socket, connection }
}
