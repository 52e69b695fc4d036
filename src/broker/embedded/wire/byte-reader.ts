import type { KnownTexts } from '../../../base/known-texts.ts'

/** Reads what a `ByteWriter` wrote. Throws a RangeError where the bytes end too soon. */
export class ByteReader {
  #bytes: Buffer
  #at: number
  readonly #end: number

  constructor(bytes: Buffer, at = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get left(): number {
    return this.#end - this.#at
  }

  u8(): number {
    return this.#bytes[this.#step(1)] as number
  }

  u16(): number {
    const at = this.#step(2)
    const bytes = this.#bytes
    return (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  }

  u32(): number {
    return this.i32() >>> 0
  }

  i32(): number {
    const at = this.#step(4)
    const bytes = this.#bytes
    const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
    return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#step(8))
  }

  /** Epoch ms. @throws RangeError for what is none */
  time(): number {
    const atMs = this.f64()
    if (!Number.isFinite(atMs)) throw new RangeError(`a time of ${atMs}`)
    return atMs
  }

  /** A view of the next bytes, not a copy. */
  raw(length: number): Buffer {
    const at = this.#step(length)
    return this.#bytes.subarray(at, at + length)
  }

  bytes(): Buffer {
    return this.raw(this.u32())
  }

  /** Passes over what {@link bytes} would give: no view is made, of which a message has forty. */
  skipBytes(): void {
    this.#step(this.u32())
  }

  /** Passes over so many bytes. */
  skip(length: number): void {
    this.#step(length)
  }

  text(known?: KnownTexts): string {
    const length = this.u32()
    const at = this.#step(length)
    const before = known?.recall(this.#bytes, at, length)
    if (before !== undefined) return before
    const text = this.#bytes.toString('utf8', at, at + length)
    known?.learn(text, length)
    return text
  }

  /** All that is left, as a view. */
  rest(): Buffer {
    return this.raw(this.left)
  }

  #step(length: number): number {
    const at = this.#at
    if (length > this.#end - at) throw new RangeError(`${length} bytes are wanted, ${this.#end - at} are left`)
    this.#at = at + length
    return at
  }
}
