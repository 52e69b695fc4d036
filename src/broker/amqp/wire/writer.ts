import { LovageError } from '../../../base/errors.ts'

/** Room asked for at a time. A turn of the event loop rarely writes more; several small turns share one. */
const SLAB_BYTES = 64 * 1024

/** Bodies from this size on are handed to the socket as they are; smaller ones are cheaper to copy. */
const COPY_BELOW_BYTES = 16 * 1024

/**
 * Where frames are gathered until the turn ends. Writes AMQP's primitive types (spec 4.2.5, all big-endian) one after the
 * other into slabs; {@link take} hands out what is there, and later writes go behind it, so nothing handed out is touched
 * again. Whoever writes asks for {@link room} first.
 */
export class ByteWriter {
  buffer: Buffer
  /** Where the next byte goes. */
  at = 0
  /** Where the frames being written began: they stay in one piece when a new slab is taken, and can be undone. */
  mark = 0
  /** The first byte of `buffer` that was not handed out. */
  #from = 0
  /** What was written before `buffer`, and bodies by reference. */
  #before: Uint8Array[] = []
  #beforeBytes = 0

  constructor(slabBytes: number = SLAB_BYTES) {
    this.buffer = Buffer.allocUnsafeSlow(slabBytes)
  }

  /** Bytes gathered and not taken. */
  get size(): number {
    return this.#beforeBytes + this.at - this.#from
  }

  /** All that was gathered, in order. */
  take(): Uint8Array[] {
    const all = this.#before
    if (this.at > this.#from) all.push(this.buffer.subarray(this.#from, this.at))
    this.#from = this.at
    this.#before = []
    this.#beforeBytes = 0
    return all
  }

  /** Sets the mark: what was written before is complete. */
  begin(): void {
    this.mark = this.at
  }

  /** Undoes what was written since the mark. */
  undo(): void {
    this.at = this.mark
  }

  /** Makes room for `length` more bytes. Places kept across this call must be kept as distances from the mark. */
  room(length: number): void {
    if (this.buffer.length - this.at >= length) return
    const { mark } = this
    const piece = this.at - mark
    const next = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (piece + length)))
    this.buffer.copy(next, 0, mark, this.at)
    this.#push(this.#from, mark)
    this.buffer = next
    this.#from = 0
    this.mark = 0
    this.at = piece
  }

  /** Bytes as they are; large ones by reference, so they must not change any more. The mark moves behind them. */
  body(bytes: Uint8Array, from: number, to: number): void {
    if (to - from < COPY_BELOW_BYTES) {
      this.room(to - from)
      this.raw(bytes, from, to)
    } else {
      this.#push(this.#from, this.at)
      this.#from = this.at
      this.#before.push(bytes.subarray(from, to))
      this.#beforeBytes += to - from
    }
    this.mark = this.at
  }

  /** Copies bytes. */
  raw(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    const length = to - from
    if (length <= 16) {
      const { buffer, at } = this
      for (let i = 0; i < length; i++) buffer[at + i] = bytes[from + i] as number
    } else {
      this.buffer.set(length === bytes.length ? bytes : bytes.subarray(from, to), this.at)
    }
    this.at += length
  }

  u8(value: number): void {
    this.buffer[this.at++] = value
  }

  u16(value: number): void {
    const { buffer, at } = this
    buffer[at] = value >>> 8
    buffer[at + 1] = value
    this.at = at + 2
  }

  u32(value: number): void {
    this.putU32(value, this.at)
    this.at += 4
  }

  /** Writes at a place kept free before. */
  putU32(value: number, at: number): void {
    const { buffer } = this
    buffer[at] = value >>> 24
    buffer[at + 1] = value >>> 16
    buffer[at + 2] = value >>> 8
    buffer[at + 3] = value
  }

  /** A non-negative safe integer. */
  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000))
    this.u32(value % 0x1_0000_0000)
  }

  /** A safe integer, with its sign. */
  i64(value: number): void {
    const high = Math.floor(value / 0x1_0000_0000)
    this.u32(high)
    this.u32(value - high * 0x1_0000_0000)
  }

  bigU64(value: bigint): void {
    this.at = this.buffer.writeBigUInt64BE(value, this.at)
  }

  bigI64(value: bigint): void {
    this.at = this.buffer.writeBigInt64BE(value, this.at)
  }

  f32(value: number): void {
    this.at = this.buffer.writeFloatBE(value, this.at)
  }

  f64(value: number): void {
    this.at = this.buffer.writeDoubleBE(value, this.at)
  }

  /**
   * A short string. Asks for its own room.
   * @throws LovageError `ENCODE_FAILED` past 255 bytes, the most that its length byte can say.
   */
  shortText(text: string, path: string): void {
    const length = text.length > 255 ? 256 : text.length > 85 ? Buffer.byteLength(text) : 0
    if (length > 255) {
      throw new LovageError('ENCODE_FAILED', {
        path,
        problem: `${JSON.stringify(text.slice(0, 40))}... is longer than 255 bytes`,
      })
    }
    this.room(256)
    const start = this.at + 1
    const written = text.length === 0 ? 0 : this.buffer.write(text, start)
    this.buffer[start - 1] = written
    this.at = start + written
  }

  #push(from: number, to: number): void {
    if (to <= from) return
    this.#before.push(this.buffer.subarray(from, to))
    this.#beforeBytes += to - from
  }
}
