import { LovageError } from '../../base/errors.ts'
import { type HeaderValue, type Headers, WireValue } from '../../protocol/headers.ts'

const MOST_NESTED = 100
const INT32_MIN = -(2 ** 31)
const INT32_MAX = 2 ** 31 - 1
const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const TWO_32 = 2 ** 32

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

/** What could be read of a table. */
export interface DecodedTable {
  readonly fields: Record<string, HeaderValue>
  /** What stopped the reading; undefined when all was read. */
  readonly problem: string | undefined
}

/**
 * Reads a table, given without its length. Never throws: what follows an unknown tag cannot be found, so it is left out
 * and `problem` tells.
 */
export function decodeFieldTable(bytes: Buffer): DecodedTable {
  const reader = new Reader(bytes)
  const fields = reader.table(bytes.length, 0)
  return { fields, problem: reader.problem }
}

class Reader {
  problem: string | undefined
  #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  table(end: number, depth: number): Record<string, HeaderValue> {
    const fields: Record<string, HeaderValue> = {}
    while (this.#at < end && this.problem === undefined) {
      const name = this.#text(this.#bytes[this.#at++] as number, end)
      const value = name === undefined ? undefined : this.#value(end, depth)
      if (name === undefined || value === undefined) break
      // As an ordinary assignment this name would set the prototype.
      if (name === '__proto__') Object.defineProperty(fields, name, { value, enumerable: true, configurable: true })
      else fields[name] = value
    }
    return fields
  }

  #value(end: number, depth: number): HeaderValue | undefined {
    const bytes = this.#bytes
    const tag = bytes[this.#at++]
    const at = this.#at
    switch (tag) {
      case 0x53: // S
        return this.#long(end, (length) => this.#text(length, end))
      case 0x49: // I
        return this.#fixed(4, end) ? bytes.readInt32BE(at) : undefined
      case 0x56: // V
        return null
      case 0x74: // t
        return this.#fixed(1, end) ? bytes[at] !== 0 : undefined
      case 0x41: // A
        return this.#long(end, (length) => this.#list(this.#at + length, depth + 1))
      case 0x46: // F
        return this.#long(end, (length) => this.#nested(this.#at + length, depth + 1))
      case 0x78: // x
        return this.#long(end, (length) => bytes.subarray(this.#at, (this.#at += length)))
      case 0x6c: // l
        return this.#fixed(8, end) ? this.#int64('l') : undefined
      case 0x4c: // L
        return this.#fixed(8, end) ? this.#int64('L') : undefined
      case 0x64: // d
        return this.#fixed(8, end) ? double(bytes.readDoubleBE(at)) : undefined
      case 0x66: // f
        return this.#fixed(4, end) ? new WireValue('f', bytes.readFloatBE(at)) : undefined
      case 0x62: // b
        return this.#fixed(1, end) ? new WireValue('b', bytes.readInt8(at)) : undefined
      case 0x42: // B
        return this.#fixed(1, end) ? new WireValue('B', bytes.readUInt8(at)) : undefined
      case 0x73: // s
        return this.#fixed(2, end) ? new WireValue('s', bytes.readInt16BE(at)) : undefined
      case 0x75: // u
        return this.#fixed(2, end) ? new WireValue('u', bytes.readUInt16BE(at)) : undefined
      case 0x69: // i
        return this.#fixed(4, end) ? new WireValue('i', bytes.readUInt32BE(at)) : undefined
      case 0x54: // T
        return this.#fixed(8, end) ? new WireValue('T', bytes.readBigUInt64BE(at)) : undefined
      case 0x44: // D
        if (!this.#fixed(5, end)) return undefined
        return new WireValue('D', { scale: bytes[at] as number, digits: bytes.readInt32BE(at + 1) })
      default:
        return this.#stop(tag === undefined ? 'it ends in the middle' : `tag 0x${tag.toString(16)} is unknown`)
    }
  }

  #int64(tag: 'l' | 'L'): HeaderValue {
    const at = this.#at - 8
    const high = this.#bytes.readInt32BE(at)
    // Beyond 32 bits the sign tells the tag, so a plain value keeps it.
    const isPlain = tag === 'l' ? high > 0 || (high === 0 && (this.#bytes[at + 4] as number) > 127) : high < -1
    if (!isPlain) return new WireValue(tag, this.#bytes.readBigInt64BE(at))
    const value = high * TWO_32 + this.#bytes.readUInt32BE(at + 4)
    return Number.isSafeInteger(value) ? value : this.#bytes.readBigInt64BE(at)
  }

  #list(end: number, depth: number): HeaderValue[] | undefined {
    if (depth > MOST_NESTED) return this.#stop(`it is nested deeper than ${MOST_NESTED}`)
    const list: HeaderValue[] = []
    while (this.#at < end && this.problem === undefined) {
      const value = this.#value(end, depth)
      if (value !== undefined) list.push(value)
    }
    return list
  }

  #nested(end: number, depth: number): Record<string, HeaderValue> | undefined {
    return depth > MOST_NESTED ? this.#stop(`it is nested deeper than ${MOST_NESTED}`) : this.table(end, depth)
  }

  #text(length: number, end: number): string | undefined {
    return this.#fixed(length, end) ? this.#bytes.toString('utf8', this.#at - length, this.#at) : undefined
  }

  #long<T>(end: number, read: (length: number) => T): T | undefined {
    if (!this.#fixed(4, end)) return undefined
    const length = this.#bytes.readUInt32BE(this.#at - 4)
    if (this.#at + length <= end) return read(length)
    return this.#stop('it ends in the middle')
  }

  /** Steps over so many bytes, if they are there. */
  #fixed(bytes: number, end: number): boolean {
    if (this.#at + bytes > end) {
      this.#stop('it ends in the middle')
      return false
    }
    this.#at += bytes
    return true
  }

  #stop(problem: string): undefined {
    this.problem ??= problem
  }
}

/** Whether a plain number goes out as `d`: not if it is an integer that fits into 64 bits. */
function writesAsDouble(value: number): boolean {
  return !Number.isInteger(value) || value >= 2 ** 63 || value < -(2 ** 63)
}

function double(value: number): HeaderValue {
  return writesAsDouble(value) ? value : new WireValue('d', value)
}
