import { KnownShape } from '../../../base/known-shape.ts'
import { KnownTexts } from '../../../base/known-texts.ts'
import { type HeaderValue, type Headers, type WireTag, WireValue } from '../../../protocol/headers.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** What a value is, in one byte before it. These numbers are in journals: they never change their meaning. */
const KIND = {
  null: 0,
  true: 1,
  false: 2,
  text: 3,
  int32: 4,
  double: 5,
  bigint: 6,
  bytes: 7,
  list: 8,
  table: 9,
  wireNumber: 10,
  wireBigint: 11,
  wireDecimal: 12,
  wireBytes: 13,
} as const

/** What tables have in common that come one after the other. */
export class KnownTables {
  readonly texts = new KnownTexts()
  readonly shape = new KnownShape<HeaderValue>()
}

/** Writes a header value so that `readValue` gives the same, tags included. Members that are undefined are left out. */
export function writeValue(writer: ByteWriter, value: HeaderValue): void {
  switch (typeof value) {
    case 'string':
      writer.u8(KIND.text)
      return writer.text(value)
    case 'number':
      return writeNumber(writer, value)
    case 'boolean':
      return writer.u8(value ? KIND.true : KIND.false)
    case 'bigint':
      writer.u8(KIND.bigint)
      return writer.text(String(value))
    default:
      return writeObject(writer, value)
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  const isInt32 = (value | 0) === value && !Object.is(value, -0)
  writer.u8(isInt32 ? KIND.int32 : KIND.double)
  if (isInt32) writer.u32(value)
  else writer.f64(value)
}

function writeObject(writer: ByteWriter, value: Exclude<HeaderValue, string | number | boolean | bigint>): void {
  if (value === null) return writer.u8(KIND.null)
  if (value instanceof WireValue) return writeWireValue(writer, value)
  if (value instanceof Uint8Array) {
    writer.u8(KIND.bytes)
    return writer.bytes(value)
  }
  if (!Array.isArray(value)) {
    writer.u8(KIND.table)
    return writeTable(writer, value as Headers)
  }
  writer.u8(KIND.list)
  writer.u32(value.length)
  for (const item of value as readonly HeaderValue[]) writeValue(writer, item ?? null)
}

/** A table without the byte that says so. */
export function writeTable(writer: ByteWriter, table: Headers): void {
  const gap = writer.gap()
  let count = 0
  for (const name of Object.keys(table)) {
    const value = table[name]
    if (value === undefined) continue
    writer.text(name)
    writeValue(writer, value)
    count++
  }
  writer.patch(gap, count)
}

function writeWireValue(writer: ByteWriter, { tag, value }: WireValue): void {
  const write = (kind: number): void => {
    writer.u8(kind)
    writer.u8(tag.charCodeAt(0))
  }
  if (typeof value === 'number') {
    write(KIND.wireNumber)
    writer.f64(value)
  } else if (typeof value === 'bigint') {
    write(KIND.wireBigint)
    writer.text(String(value))
  } else if (value instanceof Uint8Array) {
    write(KIND.wireBytes)
    writer.bytes(value)
  } else {
    write(KIND.wireDecimal)
    writer.f64(value.digits)
    writer.f64(value.scale)
  }
}

/** @throws RangeError for bytes that are no value */
export function readValue(reader: ByteReader, known?: KnownTables): HeaderValue {
  const kind = reader.u8()
  switch (kind) {
    case KIND.null:
      return null
    case KIND.true:
      return true
    case KIND.false:
      return false
    case KIND.text:
      return reader.text(known?.texts)
    case KIND.int32:
      return reader.i32()
    case KIND.double:
      return reader.f64()
    case KIND.bigint:
      return BigInt(reader.text())
    case KIND.bytes:
      return reader.bytes()
    case KIND.list:
      return readList(reader, known)
    case KIND.table:
      return readMembers(reader, known, undefined)
    default:
      return readWireValue(reader, kind)
  }
}

function readList(reader: ByteReader, known?: KnownTables): HeaderValue[] {
  const list: HeaderValue[] = []
  for (let left = reader.u32(); left > 0; left--) list.push(readValue(reader, known))
  return list
}

export function readTable(reader: ByteReader, known?: KnownTables): Record<string, HeaderValue> {
  return readMembers(reader, known, known?.shape)
}

function readMembers(
  reader: ByteReader,
  known: KnownTables | undefined,
  shape = new KnownShape<HeaderValue>(),
): Record<string, HeaderValue> {
  const names: string[] = []
  const values: HeaderValue[] = []
  for (let left = reader.u32(); left > 0; left--) {
    names.push(reader.text(known?.texts))
    values.push(readValue(reader, known))
  }
  return shape.make(names, values)
}

function readWireValue(reader: ByteReader, kind: number): WireValue {
  const tag = String.fromCharCode(reader.u8()) as WireTag
  switch (kind) {
    case KIND.wireNumber:
      return new WireValue(tag, reader.f64())
    case KIND.wireBigint:
      return new WireValue(tag, BigInt(reader.text()))
    case KIND.wireBytes:
      return new WireValue(tag, reader.bytes())
    case KIND.wireDecimal:
      return new WireValue(tag, { digits: reader.f64(), scale: reader.f64() })
    default:
      throw new RangeError(`there is no kind of value ${kind}`)
  }
}

/**
 * Goes through a table without making anything of it: what passes here can be read.
 * @throws RangeError for bytes that are no table
 */
export function skipTable(reader: ByteReader): void {
  for (let left = reader.u32(); left > 0; left--) {
    reader.skipBytes()
    skipValue(reader)
  }
}

function skipValue(reader: ByteReader): void {
  const kind = reader.u8()
  if (kind === KIND.text || kind === KIND.bytes) reader.skipBytes()
  else if (kind === KIND.int32) reader.skip(4)
  else if (kind === KIND.double) reader.skip(8)
  else if (kind === KIND.table) skipTable(reader)
  else if (kind === KIND.list) for (let left = reader.u32(); left > 0; left--) skipValue(reader)
  else if (kind === KIND.bigint) checkBigint(reader)
  else if (kind > KIND.false) skipWireValue(reader, kind)
}

function skipWireValue(reader: ByteReader, kind: number): void {
  reader.u8()
  if (kind === KIND.wireNumber) reader.skip(8)
  else if (kind === KIND.wireBigint) checkBigint(reader)
  else if (kind === KIND.wireBytes) reader.skipBytes()
  else if (kind === KIND.wireDecimal) reader.skip(16)
  else throw new RangeError(`there is no kind of value ${kind}`)
}

function checkBigint(reader: ByteReader): void {
  const digits = reader.text()
  if (!/^-?\d+$/.test(digits)) throw new RangeError(`${digits.slice(0, 40)} is no integer`)
}
