import { isUtf8 } from 'node:buffer'

import { LovageError } from '../../../base/errors.ts'
import { KnownShape } from '../../../base/known-shape.ts'
import { KnownTexts } from '../../../base/known-texts.ts'
import type { HeaderValue } from '../../../protocol/headers.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Reads AMQP's primitive types (spec 4.2.5, all big-endian) out of one stretch of a buffer. Whoever reads past its end
 * gets `WIRE_INVALID`, never a neighbour's bytes. One reader serves many stretches, so that frames cost no object.
 */
export class ByteReader {
  buffer: Buffer = NOTHING
  /** The next byte. */
  at = 0
  /** Behind the last byte. */
  end = 0
  /** Of the header tables read so far. */
  readonly known = new KnownTexts()
  readonly shape = new KnownShape<HeaderValue>()

  over(buffer: Buffer, start: number, end: number): this {
    this.buffer = buffer
    this.at = start
    this.end = end
    return this
  }

  get left(): number {
    return this.end - this.at
  }

  /** Steps over `length` bytes and returns where they begin. */
  take(length: number): number {
    const { at } = this
    if (length > this.end - at) throw invalid(`${length} bytes announced, ${this.end - at} there`)
    this.at = at + length
    return at
  }

  u8(): number {
    return this.buffer[this.take(1)] as number
  }

  i8(): number {
    return (this.u8() << 24) >> 24
  }

  u16(): number {
    const at = this.take(2)
    return ((this.buffer[at] as number) << 8) | (this.buffer[at + 1] as number)
  }

  i16(): number {
    return (this.u16() << 16) >> 16
  }

  i32(): number {
    const { buffer } = this
    const at = this.take(4)
    return (
      ((buffer[at] as number) << 24) |
      ((buffer[at + 1] as number) << 16) |
      ((buffer[at + 2] as number) << 8) |
      (buffer[at + 3] as number)
    )
  }

  u32(): number {
    return this.i32() >>> 0
  }

  /** An unsigned 64-bit integer, beyond 2^53 rounded: for sizes and tags, which never get there in earnest. */
  u64(): number {
    const high = this.u32()
    return high * 0x1_0000_0000 + this.u32()
  }

  /** A signed 64-bit integer, bigint only where a number would not hold it. */
  i64(): number | bigint {
    const high = this.i32()
    const value = high * 0x1_0000_0000 + this.u32()
    if (Number.isSafeInteger(value)) return value
    return this.buffer.readBigInt64BE(this.at - 8)
  }

  bigU64(): bigint {
    return this.buffer.readBigUInt64BE(this.take(8))
  }

  f32(): number {
    return this.buffer.readFloatBE(this.take(4))
  }

  f64(): number {
    return this.buffer.readDoubleBE(this.take(8))
  }

  /** A short string. Bytes that are not UTF-8 are replaced: RabbitMQ lets none through (rabbit_binary_parser, assert_utf8). */
  shortText(): string {
    const length = this.u8()
    const at = this.take(length)
    return length === 0 ? '' : this.buffer.toString('utf8', at, at + length)
  }

  /** The name of a table's member: a short string. */
  name(): string {
    const length = this.u8()
    const at = this.take(length)
    const known = this.known.recall(this.buffer, at, length)
    if (known !== undefined) return known
    const name = this.buffer.toString('utf8', at, at + length)
    this.known.learn(name, length)
    return name
  }

  /** `length` bytes of a table as text, or undefined where they are not UTF-8. Moves on in both cases. */
  text(length: number): string | undefined {
    const at = this.take(length)
    const known = this.known.recall(this.buffer, at, length)
    if (known !== undefined) return known
    const text = this.#text(at, length)
    if (text !== undefined) this.known.learn(text, length)
    return text
  }

  #text(at: number, length: number): string | undefined {
    if (length === 0) return ''
    const text = this.buffer.toString('utf8', at, at + length)
    // The check proper costs more than the decoding; only a text with a replacement character can need it.
    return text.includes('\ufffd') && !isUtf8(this.buffer.subarray(at, at + length)) ? undefined : text
  }

  /** A copy, so that a few bytes do not hold a whole read of the socket in memory. */
  bytes(length: number): Buffer {
    const at = this.take(length)
    return Buffer.from(this.buffer.subarray(at, at + length))
  }
}

/** What ends a connection whose peer breaks the rules. `replyCode` is AMQP's (spec 1.3.2), sent along with the close. */
export function invalid(problem: string, replyCode = 502): LovageError {
  return new LovageError('WIRE_INVALID', { problem, replyCode })
}
