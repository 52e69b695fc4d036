import { messageOf } from '../../../base/errors.ts'
import { KnownShape } from '../../../base/known-shape.ts'
import { WireValue, type HeaderValue, type Headers } from '../../../protocol/headers.ts'
import { invalid, type ByteReader } from './reader.ts'

/** What could not be read is told here, the first of it; the reader goes on behind it. */
export interface TableNotes {
  undecodable?: string | undefined
}

/** How deep tables and lists may lie in each other. Celery's lie one deep; a stack ends at some thousands. */
export const DEEPEST = 100

const NO_HEADERS: Headers = Object.freeze({})

const INT32_MAX = 0x7fff_ffff
const INT32_MIN = -0x8000_0000

/**
 * Reads a field table (spec 4.2.5.5, tags as in RabbitMQ's errata and py-amqp's serialization.py, 64-bit signed for both
 * `l` and `L` as RabbitMQ has it). Values whose plain form would be written with another tag come as `WireValue`.
 *
 * A table that cannot be read to its end is given up where it cannot be read (an unknown tag has no known length), with a
 * note; what follows it is read. That way no producer's header can end the connection.
 * @throws LovageError `WIRE_INVALID` when the table is longer than what it stands in.
 */
export function readTable(reader: ByteReader, notes: TableNotes, depth = 0): Headers {
  const length = reader.u32()
  if (length === 0) return NO_HEADERS
  const { end } = reader
  const tableEnd = reader.take(length) + length
  reader.at = tableEnd - length
  reader.end = tableEnd
  if (depth === 0) reader.known.begin()
  const names: string[] = []
  const values: HeaderValue[] = []
  let name = ''
  try {
    while (reader.at < tableEnd) {
      name = reader.name()
      values.push(readValue(reader, notes, depth))
      names.push(name)
    }
  } catch (error) {
    notes.undecodable ??= `header ${JSON.stringify(name)}: ${messageOf(error)}`
    reader.at = tableEnd
  }
  reader.end = end
  return (depth === 0 ? reader.shape : new KnownShape<HeaderValue>()).make(names, values)
}

function readList(reader: ByteReader, notes: TableNotes, depth: number): HeaderValue[] {
  const length = reader.u32()
  const { end } = reader
  const listEnd = reader.take(length) + length
  reader.at = listEnd - length
  reader.end = listEnd
  const list: HeaderValue[] = []
  try {
    while (reader.at < listEnd) list.push(readValue(reader, notes, depth))
  } catch (error) {
    notes.undecodable ??= `list item ${list.length}: ${messageOf(error)}`
    reader.at = listEnd
  }
  reader.end = end
  return list
}

function readValue(reader: ByteReader, notes: TableNotes, depth: number): HeaderValue {
  const tag = reader.u8()
  switch (tag) {
    case 0x53 /* S */: {
      const length = reader.u32()
      return (
        reader.text(length) ??
        new WireValue('S', Uint8Array.prototype.slice.call(reader.buffer, reader.at - length, reader.at))
      )
    }
    case 0x56 /* V */:
      return null
    case 0x74 /* t */:
      return reader.u8() !== 0
    case 0x49 /* I */:
      return reader.i32()
    case 0x46 /* F */:
      deeper(depth)
      return readTable(reader, notes, depth + 1)
    case 0x41 /* A */:
      deeper(depth)
      return readList(reader, notes, depth + 1)
    case 0x64 /* d */: {
      const value = reader.f64()
      return writesAsDouble(value) ? value : new WireValue('d', value)
    }
    case 0x6c /* l */: {
      const value = reader.i64()
      return value > INT32_MAX ? value : new WireValue('l', BigInt(value))
    }
    case 0x4c /* L */: {
      const value = reader.i64()
      return value < INT32_MIN ? value : new WireValue('L', BigInt(value))
    }
    case 0x78 /* x */:
      return reader.bytes(reader.u32())
    case 0x54 /* T */:
      return new WireValue('T', reader.bigU64())
    case 0x44 /* D */: {
      const scale = reader.u8()
      return new WireValue('D', { digits: reader.i32(), scale })
    }
    case 0x66 /* f */:
      return new WireValue('f', reader.f32())
    case 0x62 /* b */:
      return new WireValue('b', reader.i8())
    case 0x42 /* B */:
      return new WireValue('B', reader.u8())
    case 0x73 /* s */:
      return new WireValue('s', reader.i16())
    case 0x55 /* U */:
      return new WireValue('U', reader.i16())
    case 0x75 /* u */:
      return new WireValue('u', reader.u16())
    case 0x69 /* i */:
      return new WireValue('i', reader.u32())
    default:
      throw invalid(`tag ${tag} is unknown`)
  }
}

/** Whether a plain number goes out as `d`: not if it is an integer that fits into 64 bits. Minus zero would lose its sign. */
export function writesAsDouble(value: number): boolean {
  return !Number.isInteger(value) || value >= 2 ** 63 || value < -(2 ** 63)
}

function deeper(depth: number): void {
  if (depth >= DEEPEST) throw invalid(`nested deeper than ${DEEPEST}`)
}
