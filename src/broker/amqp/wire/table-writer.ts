import { LovageError } from '../../../base/errors.ts'
import { WireValue, type HeaderValue, type Headers, type WireTag } from '../../../protocol/headers.ts'
import { DEEPEST, writesAsDouble } from './table-reader.ts'
import type { ByteWriter } from './writer.ts'

const code = (tag: string): number => tag.charCodeAt(0)
const TEXT = code('S')
const NULL = code('V')
const BOOL = code('t')
const INT32 = code('I')
const LIST = code('A')
const TABLE = code('F')
const DOUBLE = code('d')
const INT64 = code('l')
const INT64_NEGATIVE = code('L')
const BYTES = code('x')

/**
 * Writes a field table. Plain values get the tags that every Celery reads alike: integers only as `I`, outside of 32 bits
 * `l` if positive and `L` if negative, since py-amqp up to 5.3 reads `s` as a text and `b` and `l` as unsigned. Members
 * that are undefined are left out.
 * @throws LovageError `ENCODE_FAILED` for what a table cannot hold, NaN and Infinity among it: RabbitMQ ends the
 * connection over those.
 */
export function writeTable(writer: ByteWriter, table: Headers, path: string, depth = 0): void {
  writer.room(4)
  const start = openLength(writer)
  for (const key in table) {
    const value = table[key]
    if (value !== undefined) writeEntry(writer, key, value, path, depth)
  }
  closeLength(writer, start)
}

/** Writes one member of a table. */
export function writeEntry(writer: ByteWriter, key: string, value: HeaderValue, path: string, depth: number): void {
  writer.shortText(key, path)
  if (typeof value === 'string') writeText(writer, value)
  else writeValue(writer, value, path, key, depth)
}

function writeText(writer: ByteWriter, text: string): void {
  const { length } = text
  writer.room(5 + 3 * length)
  const { buffer, at } = writer
  buffer[at] = TEXT
  const written = length === 0 ? 0 : buffer.write(text, at + 5)
  writer.putU32(written, at + 1)
  writer.at = at + 5 + written
}

function writeValue(writer: ByteWriter, value: HeaderValue, path: string, key: string | number, depth: number): void {
  writer.room(16)
  switch (typeof value) {
    case 'string':
      return writeText(writer, value)
    case 'boolean':
      writer.u8(BOOL)
      return writer.u8(value ? 1 : 0)
    case 'number':
      return writeNumber(writer, value, path, key)
    case 'bigint':
      return writeBig(writer, value, path, key)
    case 'object':
      break
    default:
      throw refused(path, key, `a header cannot hold a ${typeof value}`)
  }
  if (value === null) return writer.u8(NULL)
  if (value instanceof WireValue) return writeTyped(writer, value, path, key)
  if (value instanceof Uint8Array) {
    writer.u8(BYTES)
    writer.u32(value.length)
    writer.room(value.length)
    return writer.raw(value)
  }
  if (depth >= DEEPEST) throw refused(path, key, `nested deeper than ${DEEPEST}`)
  if (Array.isArray(value)) return writeList(writer, value as readonly HeaderValue[], join(path, key), depth + 1)
  const prototype: unknown = Object.getPrototypeOf(value)
  // A Date or a Map would become an empty table without a word.
  if (prototype !== Object.prototype && prototype !== null) throw refused(path, key, 'not a plain object')
  writer.u8(TABLE)
  writeTable(writer, value as Headers, join(path, key), depth + 1)
}

function writeList(writer: ByteWriter, list: readonly HeaderValue[], path: string, depth: number): void {
  writer.u8(LIST)
  const start = openLength(writer)
  for (let i = 0; i < list.length; i++) writeValue(writer, list[i] ?? null, path, i, depth)
  closeLength(writer, start)
}

function writeNumber(writer: ByteWriter, value: number, path: string, key: string | number): void {
  if ((value | 0) === value) {
    writer.u8(INT32)
    return writer.u32(value)
  }
  if (!Number.isFinite(value)) throw refused(path, key, `${value} is no number to RabbitMQ`)
  if (!writesAsDouble(value)) {
    // Times in milliseconds come here with each message.
    if (!Number.isSafeInteger(value)) return writeBig(writer, BigInt(value), path, key)
    writer.u8(value > 0 ? INT64 : INT64_NEGATIVE)
    return writer.i64(value)
  }
  writer.u8(DOUBLE)
  writer.f64(value)
}

function writeBig(writer: ByteWriter, value: bigint, path: string, key: string | number): void {
  if (BigInt.asIntN(64, value) !== value) throw refused(path, key, 'an integer of more than 64 bits')
  if (BigInt.asIntN(32, value) === value) {
    writer.u8(INT32)
    return writer.u32(Number(value))
  }
  writer.u8(value > 0n ? INT64 : INT64_NEGATIVE)
  writer.bigI64(value)
}

function writeTyped(writer: ByteWriter, { tag, value }: WireValue, path: string, key: string | number): void {
  writer.u8(code(tag))
  const form = INTEGERS[tag]
  if (value instanceof Uint8Array) {
    if (tag !== 'S' && tag !== 'x') throw refused(path, key, `tag ${tag} does not hold bytes`)
    writer.u32(value.length)
    writer.room(value.length)
    writer.raw(value)
  } else if (typeof value === 'object') {
    if (tag !== 'D') throw refused(path, key, `tag ${tag} does not hold a decimal`)
    writer.u8(Number(fit(value.scale, 0, 0xff, path, key)))
    writer.u32(Number(fit(value.digits, -0x8000_0000, 0x7fff_ffff, path, key)))
  } else if (tag === 'd' || tag === 'f') {
    const number = Number(value)
    if (!Number.isFinite(number)) throw refused(path, key, `${number} is no number to RabbitMQ`)
    if (tag === 'd') writer.f64(number)
    else writer.f32(number)
  } else if (tag === 'T') {
    writer.bigU64(BigInt(fit(value, 0, 2n ** 64n - 1n, path, key)))
  } else if (tag === 'l' || tag === 'L') {
    writer.bigI64(BigInt(fit(value, -(2n ** 63n), 2n ** 63n - 1n, path, key)))
  } else if (form) {
    const number = Number(fit(value, form.min, form.max, path, key))
    if (form.bytes === 1) writer.u8(number)
    else if (form.bytes === 2) writer.u16(number)
    else writer.u32(number)
  } else {
    throw refused(path, key, `tag ${tag} does not hold a number`)
  }
}

const INTEGERS: Readonly<Partial<Record<WireTag, { min: number; max: number; bytes: 1 | 2 | 4 }>>> = {
  t: { min: 0, max: 1, bytes: 1 },
  b: { min: -0x80, max: 0x7f, bytes: 1 },
  B: { min: 0, max: 0xff, bytes: 1 },
  U: { min: -0x8000, max: 0x7fff, bytes: 2 },
  s: { min: -0x8000, max: 0x7fff, bytes: 2 },
  u: { min: 0, max: 0xffff, bytes: 2 },
  I: { min: -0x8000_0000, max: 0x7fff_ffff, bytes: 4 },
  i: { min: 0, max: 0xffff_ffff, bytes: 4 },
}

function fit<N extends number | bigint>(
  value: N,
  min: number | bigint,
  max: number | bigint,
  path: string,
  key: string | number,
): N {
  if ((typeof value === 'bigint' || Number.isInteger(value)) && value >= min && value <= max) return value
  throw refused(path, key, `${value} is not a whole number from ${min} to ${max}`)
}

/** Keeps four bytes free for a length; returns where, as a distance from the mark, because the slab may move. */
function openLength(writer: ByteWriter): number {
  writer.u32(0)
  return writer.at - writer.mark
}

function closeLength(writer: ByteWriter, start: number): void {
  const at = writer.mark + start
  writer.putU32(writer.at - at, at - 4)
}

function refused(path: string, key: string | number, problem: string): LovageError {
  return new LovageError('ENCODE_FAILED', { path: join(path, key), problem })
}

function join(path: string, key: string | number): string {
  return typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`
}
