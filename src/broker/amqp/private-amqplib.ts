import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { log } from '../../base/log.ts'
import type { Headers } from '../../protocol/headers.ts'
import { decodeFieldTable } from './decode-table.ts'
import { encodeFieldTable } from './encode-table.ts'

/** A decoded frame; `fields` are the method's arguments. */
export interface Frame {
  readonly id: number | undefined
  readonly channel: number
  readonly fields: FrameFields
}

/** The arguments that are read here, of whichever method has them. */
export interface FrameFields {
  readonly replyText: string
  readonly replyCode: number
  readonly classId: number
  readonly methodId: number
  readonly messageCount: number
  readonly consumerCount: number
  readonly consumerTag: string
  readonly deliveryTag: number
  readonly multiple: boolean
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
}

/** Where a channel's frames are written to. */
export interface FrameSink {
  write(frame: Buffer): boolean
  end(): void
}

export interface AmqplibConnection extends EventEmitter {
  readonly stream: Duplex
  channels: ({ channel: unknown; buffer: FrameSink } | null)[]
  channelMax: number
  freeChannels: { nextClearBit(from: number): number; set(bit: number): void }
  open(fields: object, done: (error: Error | null) => void): void
  close(done: () => void): void
  freshChannel(channel: unknown): number
  recvFrame(): Frame | false
  sendMethod(channel: number, method: number, fields: object): void
  sendMessage(
    channel: number,
    method: number,
    fields: object,
    properties: number,
    values: object,
    content: Buffer,
  ): boolean
}

export interface AmqplibChannel extends EventEmitter {
  readonly ch: number
  allocate(): AmqplibChannel
  _rpc(method: number, fields: object, reply: number, done: (error: Error | null, frame: Frame) => void): void
  sendOrEnqueue(method: number, fields: object, done: (error: unknown, frame: Frame) => void): void
  closeBecause(reason: string, code: number, done: () => void): void
  handleMessage: (frame: Frame) => unknown
}

export interface Amqplib {
  readonly Connection: new (socket: Duplex) => AmqplibConnection
  readonly Channel: new (connection: AmqplibConnection) => AmqplibChannel
  readonly acceptMessage: (take: (message: never) => void) => (frame: Frame) => unknown
  /** Methods by name. */
  readonly defs: Readonly<Record<string, number>>
}

let loaded: Amqplib | undefined

/**
 * A copy of amqplib of our own, with our field tables in place of its own. Its own write integers in forms that deployed
 * Celery clients misread, and end the connection at the form that Celery writes. A copy, because the exchange must not
 * reach an application that uses amqplib beside us.
 */
export function privateAmqplib(): Amqplib {
  return (loaded ??= load())
}

function load(): Amqplib {
  const require = createRequire(import.meta.url)
  const lib = join(dirname(require.resolve('amqplib')), 'lib')
  const stashed = takeFromCache(require, lib)
  try {
    const codec = require(join(lib, 'codec.js')) as Record<string, unknown>
    // Before defs.js is loaded, which takes hold of the two.
    codec.encodeTable = encodeTable
    codec.decodeFields = decodeFields
    const { Connection } = require(join(lib, 'connection.js')) as Pick<Amqplib, 'Connection'>
    const { Channel, acceptMessage } = require(join(lib, 'channel.js')) as Pick<Amqplib, 'Channel' | 'acceptMessage'>
    return { Connection, Channel, acceptMessage, defs: require(join(lib, 'defs.js')) as Amqplib['defs'] }
  } finally {
    takeFromCache(require, lib)
    Object.assign(require.cache, stashed)
  }
}

function takeFromCache(require: NodeJS.Require, folder: string): NodeJS.Dict<NodeJS.Module> {
  const taken: NodeJS.Dict<NodeJS.Module> = {}
  for (const file of Object.keys(require.cache)) {
    if (!file.startsWith(folder)) continue
    taken[file] = require.cache[file]
    delete require.cache[file]
  }
  return taken
}

function encodeTable(into: Buffer, table: Headers, at: number): number {
  return encodeFieldTable(table, into, at)
}

function decodeFields(bytes: Buffer): Headers {
  const { fields, problem } = decodeFieldTable(bytes)
  // Read as far as it goes, because the connection must not die of what one producer sent.
  if (problem !== undefined) log('warn', 'broker', 'header table could not be read to its end', { problem })
  return fields
}
