/** Room made at a time; what is larger gets a chunk of its own. */
const CHUNK_BYTES = 64 * 1024

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
    this.#end = this.#chunk.writeUInt16LE(value, this.#end)
  }

  u32(value: number): void {
    this.#room(4)
    this.#end = this.#chunk.writeUInt32LE(value, this.#end)
  }

  i32(value: number): void {
    this.#room(4)
    this.#end = this.#chunk.writeInt32LE(value, this.#end)
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
    const length = this.#chunk.write(text, this.#end + 4, 'utf8')
    this.#chunk.writeUInt32LE(length, this.#end)
    this.#end += 4 + length
  }

  /** Leaves room for a u32 and tells where, for `patch`. */
  gap(): number {
    const at = this.length
    this.u32(0)
    return at
  }

  /** Fills a gap that was left. */
  patch(at: number, value: number): void {
    this.#chunk.writeUInt32LE(value, this.#start + at)
  }

  /** What was written from `at` on; valid until the next write. */
  since(at: number): Buffer {
    return this.#chunk.subarray(this.#start + at, this.#end)
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
