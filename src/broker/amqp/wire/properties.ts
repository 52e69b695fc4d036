import { LovageError, messageOf } from '../../../base/errors.ts'
import type { Headers } from '../../../protocol/headers.ts'
import type { HeadersCache } from './headers-cache.ts'
import type { ByteReader } from './reader.ts'
import { readTable, type TableNotes } from './table-reader.ts'
import type { ByteWriter } from './writer.ts'

/** The basic class's properties (spec 1.8, amqp0-9-1.xml). Absent ones are undefined. */
export interface BasicProperties {
  contentType?: string | undefined
  contentEncoding?: string | undefined
  headers?: Headers | undefined
  /** 1 or 2; others come as they are. */
  deliveryMode?: number | undefined
  priority?: number | undefined
  correlationId?: string | undefined
  replyTo?: string | undefined
  /** Milliseconds, as text. */
  expiration?: string | undefined
  messageId?: string | undefined
  /** Seconds since 1970; bigint where a producer wrote more than a number holds. */
  timestamp?: number | bigint | undefined
  type?: string | undefined
  userId?: string | undefined
  appId?: string | undefined
  clusterId?: string | undefined
}

/** In wire order; the first has the highest flag, 0x8000, each next one half of it (spec 2.3.5.2). */
export const PROPERTIES = [
  ['contentType', 'shortstr'],
  ['contentEncoding', 'shortstr'],
  ['headers', 'table'],
  ['deliveryMode', 'octet'],
  ['priority', 'octet'],
  ['correlationId', 'shortstr'],
  ['replyTo', 'shortstr'],
  ['expiration', 'shortstr'],
  ['messageId', 'shortstr'],
  ['timestamp', 'timestamp'],
  ['type', 'shortstr'],
  ['userId', 'shortstr'],
  ['appId', 'shortstr'],
  ['clusterId', 'shortstr'],
] as const satisfies readonly (readonly [keyof BasicProperties, string])[]

/** Flag of the first property. */
const FIRST = 0x8000

/** The lowest flag says that another word of flags follows. No property of the basic class lies there. */
const MORE_FLAGS = 1

/**
 * Reads property flags and list. What cannot be read is given up with a note: a delivery must not end the connection over
 * what its producer wrote.
 */
export function readProperties(reader: ByteReader, notes: TableNotes): BasicProperties {
  const properties: Record<string, unknown> = {}
  try {
    const flags = reader.u16()
    for (let more = flags; (more & MORE_FLAGS) !== 0;) more = reader.u16()
    for (let i = 0, left = flags & ~3; left !== 0; i++) {
      const flag = FIRST >> i
      if ((flags & flag) === 0) continue
      left &= ~flag
      const [name, kind] = PROPERTIES[i] as (typeof PROPERTIES)[number]
      if (kind === 'shortstr') properties[name] = reader.shortText()
      else if (kind === 'octet') properties[name] = reader.u8()
      else if (kind === 'table') properties[name] = readTable(reader, notes)
      else properties[name] = stamp(reader.bigU64())
    }
    if (reader.left > 0 || (flags & 3) !== 0)
      notes.undecodable ??= `${reader.left} bytes too many behind the properties`
  } catch (error) {
    notes.undecodable ??= `properties: ${messageOf(error)}`
  }
  return properties
}

function stamp(value: bigint): number | bigint {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

/**
 * Writes property flags and list.
 * @throws LovageError `ENCODE_FAILED`
 */
export function writeProperties(writer: ByteWriter, properties: BasicProperties, cache: HeadersCache): void {
  writer.room(2)
  const start = writer.at - writer.mark
  writer.at += 2
  let flags = 0
  for (let i = 0, flag = FIRST; i < PROPERTIES.length; i++, flag >>= 1) {
    const [name, kind] = PROPERTIES[i] as (typeof PROPERTIES)[number]
    const value = properties[name]
    if (value === undefined) continue
    flags |= flag
    if (kind === 'shortstr') writer.shortText(value as string, name)
    else if (kind === 'octet') {
      writer.room(1)
      writer.u8(whole(value as number, 0xff, name))
    } else if (kind === 'table') cache.write(writer, value as Headers)
    else {
      writer.room(8)
      if (typeof value === 'bigint' && BigInt.asUintN(64, value) === value) writer.bigU64(value)
      else writer.u64(whole(value as number, Number.MAX_SAFE_INTEGER, name))
    }
  }
  const at = writer.mark + start
  writer.buffer[at] = flags >> 8
  writer.buffer[at + 1] = flags
}

function whole(value: number, most: number, path: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  throw new LovageError('ENCODE_FAILED', { path, problem: `${value} is not a whole number from 0 to ${most}` })
}
