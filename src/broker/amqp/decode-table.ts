import { type HeaderValue, WireValue } from '../../protocol/headers.ts'
import { MOST_NESTED, writesAsDouble } from './encode-table.ts'

const TWO_32 = 2 ** 32

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
    const lowTop = this.#bytes[at + 4] as number
    const isAboveInt32 = high > 0 || (high === 0 && lowTop > 127)
    const isBelowInt32 = high < -1 || (high === -1 && lowTop < 128)
    const isPlain = tag === 'l' ? isAboveInt32 : isBelowInt32
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

function double(value: number): HeaderValue {
  return writesAsDouble(value) ? value : new WireValue('d', value)
}
