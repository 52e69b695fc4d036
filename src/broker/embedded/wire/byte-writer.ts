/** Room made at a time; what is larger gets a chunk of its own. */
const CHUNK_BYTES = 64 * 1024

/** The longest text that is written byte by byte: the call into the system's encoder costs more than so many. */
const SHORT_TEXT = 40

/** A larger chunk is not kept for what comes next: after one huge message its memory would be held for good. */
const MOST_KEPT_BYTES = 2 ** 20

const NOTHING = Buffer.allocUnsafeSlow(0)

/** Writes values one after the other into chunks of memory; what was taken out is never written to again. */
export class ByteWriter {
  #chunk = NOTHING
  #start = 0
  #end = 0

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#end - this.#start
  }

  /** All that was written since the last call, in one piece. */
  take(): Buffer {
    const taken = this.#chunk.subarray(this.#start, this.#end)
    this.#start = this.#end
    this.#letGo()
    return taken
  }

  /** Forgets what was written after `length` was so. */
  cut(length: number): void {
    this.#end = this.#start + length
    if (length === 0) this.#letGo()
  }

  u8(value: number): void {
    this.#room(1)
    this.#chunk[this.#end++] = value
  }

  u16(value: number): void {
    this.#room(2)
    this.#chunk[this.#end++] = value
    this.#chunk[this.#end++] = value >>> 8
  }

  /** Also a signed one of 32 bits. */
  u32(value: number): void {
    this.#room(4)
    this.#put32(value, this.#end)
    this.#end += 4
  }

  f64(value: number): void {
    this.#room(8)
    this.#end = this.#chunk.writeDoubleLE(value, this.#end)
  }

  /** The bytes as they are, without their length. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.byteLength)
    this.#chunk.set(bytes, this.#end)
    this.#end += bytes.byteLength
  }

  bytes(bytes: Uint8Array): void {
    this.u32(bytes.byteLength)
    this.raw(bytes)
  }

  text(text: string): void {
    // Three bytes are the most that a UTF-16 unit takes.
    this.#room(4 + text.length * 3)
    const from = this.#end + 4
    const length = this.#writeAscii(text, from) ? text.length : this.#chunk.write(text, from, 'utf8')
    this.#put32(length, this.#end)
    this.#end = from + length
  }

  /** Leaves room for a u32 and tells where, for `patch`. */
  gap(): number {
    const at = this.length
    this.u32(0)
    return at
  }

  /** Fills a gap that was left. */
  patch(at: number, value: number): void {
    this.#put32(value, this.#start + at)
  }

  /** What was written from `at` on; valid until the next write. */
  since(at: number): Buffer {
    return this.#chunk.subarray(this.#start + at, this.#end)
  }

  /** False, and to be written in another way: it is long, or has more than ASCII. */
  #writeAscii(text: string, from: number): boolean {
    const { length } = text
    if (length > SHORT_TEXT) return false
    const chunk = this.#chunk
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return false
      chunk[from + i] = unit
    }
    return true
  }

  #put32(value: number, at: number): void {
    const chunk = this.#chunk
    chunk[at] = value
    chunk[at + 1] = value >>> 8
    chunk[at + 2] = value >>> 16
    chunk[at + 3] = value >>> 24
  }

  #letGo(): void {
    if (this.#chunk.length <= MOST_KEPT_BYTES) return
    this.#chunk = NOTHING
    this.#start = this.#end = 0
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#chunk.length) return
    const kept = this.length
    const chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, (kept + bytes) * 2))
    this.#chunk.copy(chunk, 0, this.#start, this.#end)
    this.#chunk = chunk
    this.#start = 0
    this.#end = kept
  }
}
