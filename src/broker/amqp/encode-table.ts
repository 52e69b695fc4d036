import { LovageError } from '../../base/errors.ts'
import { type HeaderValue, type Headers, WireValue } from '../../protocol/headers.ts'

/** How deep tables and lists may lie in each other. Celery's lie one deep; a stack ends at some thousands. */
export const MOST_NESTED = 100
const INT32_MIN = -(2 ** 31)
const INT32_MAX = 2 ** 31 - 1
const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/** Why a value has no place in a table, and where it stands. */
class Unencodable {
  readonly problem: string
  path = ''

  constructor(problem: string) {
    this.problem = problem
  }
}

/**
 * Writes a table with its length in front and returns how many bytes that took. The tags are those that
 * {@link HeaderValue} promises: integers go as `I`, outside of 32 bits as `l` or `L`, because deployed Python clients
 * misread the shorter ones. Members that are undefined are left out.
 * @throws LovageError `ENCODE_FAILED`, naming the path of what cannot be written
 */
export function encodeFieldTable(table: Headers, into: Buffer, at = 0): number {
  try {
    return writeTable(table, into, at, 0) - at
  } catch (error) {
    if (!(error instanceof Unencodable)) throw error
    throw new LovageError('ENCODE_FAILED', { path: `$.headers${error.path}`, problem: error.problem })
  }
}

function writeTable(table: Headers, into: Buffer, start: number, depth: number): number {
  if (depth > MOST_NESTED) throw new Unencodable(`it is nested deeper than ${MOST_NESTED}`)
  let at = room(into, start, 4) + 4
  for (const name of Object.keys(table)) {
    const value = table[name]
    if (value === undefined) continue
    try {
      room(into, at, 1 + name.length)
      const length = writeText(name, into, at + 1)
      if (length > 255) throw new Unencodable('its name is longer than 255 bytes')
      into[at] = length
      at = writeValue(value, into, at + 1 + length, depth)
    } catch (error) {
      if (error instanceof Unencodable) error.path = `.${name}${error.path}`
      throw error
    }
  }
  into.writeUInt32BE(at - start - 4, start)
  return at
}

function writeList(list: readonly HeaderValue[], into: Buffer, start: number, depth: number): number {
  if (depth > MOST_NESTED) throw new Unencodable(`it is nested deeper than ${MOST_NESTED}`)
  let at = room(into, start, 4) + 4
  for (let i = 0; i < list.length; i++) {
    try {
      at = writeValue(list[i] ?? null, into, at, depth)
    } catch (error) {
      if (error instanceof Unencodable) error.path = `[${i}]${error.path}`
      throw error
    }
  }
  into.writeUInt32BE(at - start - 4, start)
  return at
}

function writeValue(value: HeaderValue, into: Buffer, start: number, depth: number): number {
  // The longest value of fixed size: a tag and eight bytes.
  let at = room(into, start, 9)
  switch (typeof value) {
    case 'string': {
      into[at] = 0x53
      const length = writeText(value, into, at + 5)
      into.writeUInt32BE(length, at + 1)
      return at + 5 + length
    }
    case 'number':
      return writeNumber(value, into, at)
    case 'boolean':
      into[at++] = 0x74
      into[at++] = value ? 1 : 0
      return at
    case 'bigint':
      return writeBigInt(value, into, at)
    case 'object':
      break
    default:
      throw new Unencodable(`it is a ${typeof value}`)
  }
  if (value === null) {
    into[at] = 0x56
    return at + 1
  }
  if (value instanceof WireValue) return writeTyped(value, into, at)
  if (value instanceof Uint8Array) return writeBytes(0x78, value, into, at)
  if (Array.isArray(value)) {
    into[at] = 0x41
    return writeList(value as readonly HeaderValue[], into, at + 1, depth + 1)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // A Date or a Map would become an empty table without a word.
  if (prototype !== Object.prototype && prototype !== null) {
    throw new Unencodable(`it is a ${(value as object).constructor?.name ?? 'strange object'}`)
  }
  into[at] = 0x46
  return writeTable(value as Headers, into, at + 1, depth + 1)
}

function writeNumber(value: number, into: Buffer, at: number): number {
  if (Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX) {
    into[at] = 0x49
    return into.writeInt32BE(value, at + 1)
  }
  // RabbitMQ ends the connection over those.
  if (!Number.isFinite(value)) throw new Unencodable(`it is ${value}`)
  if (!writesAsDouble(value)) return writeBigInt(BigInt(value), into, at)
  into[at] = 0x64
  return into.writeDoubleBE(value, at + 1)
}

function writeBigInt(value: bigint, into: Buffer, at: number): number {
  if (value >= BigInt(INT32_MIN) && value <= BigInt(INT32_MAX)) return writeNumber(Number(value), into, at)
  if (value < INT64_MIN || value > INT64_MAX) throw new Unencodable('it does not fit in 64 bits')
  into[at] = value > 0n ? 0x6c : 0x4c
  return into.writeBigInt64BE(value, at + 1)
}

function writeTyped({ tag, value }: WireValue, into: Buffer, at: number): number {
  into[at] = tag.charCodeAt(0)
  try {
    if (value instanceof Uint8Array) {
      return writeBytes(into[at] as number, value, into, at)
    }
    if (typeof value === 'object') {
      into[at + 1] = value.scale
      return into.writeInt32BE(value.digits, at + 2)
    }
    switch (tag) {
      case 'b':
        return into.writeInt8(Number(value), at + 1)
      case 'B':
        return into.writeUInt8(Number(value), at + 1)
      case 's':
        return into.writeInt16BE(Number(value), at + 1)
      case 'u':
        return into.writeUInt16BE(Number(value), at + 1)
      case 'I':
        return into.writeInt32BE(Number(value), at + 1)
      case 'i':
        return into.writeUInt32BE(Number(value), at + 1)
      case 'l':
      case 'L':
        return into.writeBigInt64BE(BigInt(value), at + 1)
      case 'T':
        return into.writeBigUInt64BE(BigInt(value), at + 1)
      case 'f':
      case 'd':
        if (!Number.isFinite(Number(value))) throw new Unencodable(`it is ${value}`)
        return tag === 'f' ? into.writeFloatBE(Number(value), at + 1) : into.writeDoubleBE(Number(value), at + 1)
      default:
        throw new Unencodable(`a number cannot have the tag ${tag}`)
    }
  } catch (error) {
    throw error instanceof RangeError ? new Unencodable(`it does not fit the tag ${tag}`) : error
  }
}

function writeBytes(tag: number, bytes: Uint8Array, into: Buffer, at: number): number {
  room(into, at, 5 + bytes.byteLength)
  into[at] = tag
  into.writeUInt32BE(bytes.byteLength, at + 1)
  into.set(bytes, at + 5)
  return at + 5 + bytes.byteLength
}

/** Writes UTF-8 and returns its length. Most texts are short and ASCII, for which a loop is fastest. */
function writeText(text: string, into: Buffer, at: number): number {
  const { length } = text
  if (at + length * 3 > into.length) room(into, at, Buffer.byteLength(text))
  if (length > 48) return into.write(text, at, 'utf8')
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code > 127) return into.write(text, at, 'utf8')
    into[at + i] = code
  }
  return length
}

function room(into: Buffer, at: number, bytes: number): number {
  if (at + bytes > into.length) throw new Unencodable(`the headers take more than ${into.length} bytes`)
  return at
}

/** Whether a plain number goes out as `d`: not if it is an integer that fits into 64 bits. */
export function writesAsDouble(value: number): boolean {
  return !Number.isInteger(value) || value >= 2 ** 63 || value < -(2 ** 63)
}
