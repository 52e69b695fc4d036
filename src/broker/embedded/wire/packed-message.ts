import type { Headers } from '../../../protocol/headers.ts'
import type { Message } from '../../../protocol/message.ts'
import { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { type KnownTables, readTable, skipTable, writeTable } from './value-codec.ts'

/** Properties that are texts, in the order of their bits. They are in journals: the order never changes. */
const TEXTS = ['correlationId', 'replyTo', 'messageId', 'type', 'appId', 'userId'] as const

type TextName = (typeof TEXTS)[number]

const HAS_PRIORITY = 1 << 6
const HAS_EXPIRATION = 1 << 7
const HAS_TIMESTAMP = 1 << 8
const IS_PERSISTENT = 1 << 9

/** Where the fields stand that a queue reads: flags, priority, expiration. */
const FIXED_BYTES = 2 + 1 + 8

/**
 * A message as bytes, of which only that is read which a queue must know. What passes through the engine is neither
 * taken apart nor put together again.
 */
export class PackedMessage implements Message {
  readonly bytes: Buffer
  readonly deliveryMode: 1 | 2
  readonly priority: number | undefined
  readonly expirationMs: number | undefined

  /** @throws RangeError for what is too short */
  constructor(bytes: Buffer) {
    const reader = new ByteReader(bytes)
    const flags = reader.u16()
    const priority = reader.u8()
    const expirationMs = reader.f64()
    this.bytes = bytes
    this.deliveryMode = flags & IS_PERSISTENT ? 2 : 1
    this.priority = flags & HAS_PRIORITY ? priority : undefined
    this.expirationMs = flags & HAS_EXPIRATION ? expirationMs : undefined
  }

  get headers(): Headers {
    return unpackMessage(this.bytes).headers
  }

  get body(): Uint8Array {
    return unpackMessage(this.bytes).body
  }

  get contentType(): string {
    return unpackMessage(this.bytes).contentType
  }

  get contentEncoding(): string {
    return unpackMessage(this.bytes).contentEncoding
  }
}

/** Its bytes, but for what is small; nothing is unpacked for that. */
export function sizeOfMessage(message: Message): number {
  return message instanceof PackedMessage ? message.bytes.byteLength : message.body.byteLength
}

/** The message with all its fields at hand. */
export function plainMessage(message: Message): Message {
  return message instanceof PackedMessage ? unpackMessage(message.bytes) : message
}

/** The message as bytes. */
export function packedMessage(message: Message): PackedMessage {
  if (message instanceof PackedMessage) return message
  const writer = new ByteWriter()
  packMessage(writer, message)
  return new PackedMessage(writer.take())
}

export function packMessage(writer: ByteWriter, message: Message): void {
  if (message instanceof PackedMessage) return writer.raw(message.bytes)
  let flags = message.deliveryMode === 2 ? IS_PERSISTENT : 0
  for (let bit = 0; bit < TEXTS.length; bit++) if (message[TEXTS[bit] as TextName] !== undefined) flags |= 1 << bit
  if (message.priority !== undefined) flags |= HAS_PRIORITY
  if (message.expirationMs !== undefined) flags |= HAS_EXPIRATION
  if (message.timestamp !== undefined) flags |= HAS_TIMESTAMP
  writer.u16(flags)
  writer.u8(message.priority ?? 0)
  writer.f64(message.expirationMs ?? 0)
  if (message.timestamp !== undefined) writer.f64(message.timestamp)
  writer.text(message.contentType)
  writer.text(message.contentEncoding)
  for (let bit = 0; bit < TEXTS.length; bit++) {
    const text = message[TEXTS[bit] as TextName]
    if (text !== undefined) writer.text(text)
  }
  writeTable(writer, message.headers)
  writer.raw(message.body)
}

/**
 * What passes here can be unpacked: a message that nobody can read would end each client that gets it, and then the next.
 * @throws RangeError for bytes that are no message
 */
export function checkPacked({ bytes, expirationMs }: PackedMessage): void {
  const flags = bytes.readUInt16LE(0)
  const reader = new ByteReader(bytes, FIXED_BYTES)
  if (expirationMs !== undefined && !(expirationMs >= 0)) throw new RangeError(`its expiration is ${expirationMs}`)
  if (flags & HAS_TIMESTAMP) reader.f64()
  reader.skipBytes()
  reader.skipBytes()
  for (let bit = 0; bit < TEXTS.length; bit++) if (flags & (1 << bit)) reader.skipBytes()
  skipTable(reader)
}

/**
 * @param known of the messages before it that came the same way
 * @throws RangeError for bytes that are no message
 */
export function unpackMessage(bytes: Buffer, known?: KnownTables): Message {
  const { deliveryMode, priority, expirationMs } = new PackedMessage(bytes)
  const flags = bytes.readUInt16LE(0)
  const reader = new ByteReader(bytes, FIXED_BYTES)
  const timestamp = flags & HAS_TIMESTAMP ? reader.f64() : undefined
  const contentType = reader.text(known?.texts)
  const contentEncoding = reader.text(known?.texts)
  const texts: { -readonly [Name in (typeof TEXTS)[number]]?: string } = {}
  TEXTS.forEach((name, bit) => {
    if (flags & (1 << bit)) texts[name] = reader.text(known?.texts)
  })
  const headers = readTable(reader, known)
  return {
    headers,
    body: reader.rest(),
    contentType,
    contentEncoding,
    deliveryMode,
    ...(priority === undefined ? {} : { priority }),
    ...(expirationMs === undefined ? {} : { expirationMs }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...texts,
  }
}
