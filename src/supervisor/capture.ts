const BEGIN = Buffer.from('<!--XSUPERVISOR:BEGIN-->')
const END = Buffer.from('<!--XSUPERVISOR:END-->')

/** Takes what stands between the tags out of a stream, wherever it is cut into chunks. */
export class Capture {
  readonly #maxbytes: number
  readonly #onMessage: (bytes: Buffer) => void
  #isInside = false
  /** The end of the last chunk, which may be the beginning of a tag. */
  #held: Buffer = Buffer.alloc(0)
  /** Has room to grow: to join each piece to those before would take time with the square of their number. */
  #message: Buffer = Buffer.alloc(0)
  #length = 0

  /** @param maxbytes of a longer message the end is kept */
  constructor(maxbytes: number, onMessage: (bytes: Buffer) => void) {
    this.#maxbytes = maxbytes
    this.#onMessage = onMessage
  }

  /** Returns what belongs into the log. */
  take(chunk: Buffer): Buffer {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const outside: Buffer[] = []
    for (;;) {
      const tag = this.#isInside ? END : BEGIN
      const at = rest.indexOf(tag)
      const keep = at >= 0 ? at : rest.length - beginningAtEnd(rest, tag)
      const part = rest.subarray(0, keep)
      if (this.#isInside) this.#add(part)
      else outside.push(part)
      if (at < 0) {
        this.#held = Buffer.from(rest.subarray(keep))
        return outside.length === 1 ? (outside[0] as Buffer) : Buffer.concat(outside)
      }
      rest = rest.subarray(at + tag.length)
      this.#isInside = !this.#isInside
      if (this.#isInside) continue
      this.#onMessage(Buffer.from(this.#message.subarray(Math.max(0, this.#length - this.#maxbytes), this.#length)))
      this.#message = Buffer.alloc(0)
      this.#length = 0
    }
  }

  /** What was held back as the beginning of a tag that never came. */
  end(): Buffer {
    const held = this.#isInside ? Buffer.alloc(0) : this.#held
    this.#held = Buffer.alloc(0)
    return held
  }

  #add(given: Buffer): void {
    const part = given.subarray(Math.max(0, given.length - this.#maxbytes))
    if (this.#length + part.length > this.#message.length) this.#makeRoom(part.length)
    part.copy(this.#message, this.#length)
    this.#length += part.length
  }

  /** As much as is kept goes on, with room for as much again: each byte is copied a few times at most. */
  #makeRoom(more: number): void {
    const from = Math.max(0, this.#length - this.#maxbytes)
    const kept = this.#message.subarray(from, this.#length)
    this.#length = kept.length
    const room = Math.max(1_024, Math.min(2 * this.#maxbytes, 2 * (kept.length + more)))
    const next = Buffer.alloc(Math.max(room, kept.length + more))
    kept.copy(next)
    this.#message = next
  }
}

/** How many bytes at the end of `bytes` are the beginning of `tag`. */
function beginningAtEnd(bytes: Buffer, tag: Buffer): number {
  for (let length = Math.min(tag.length - 1, bytes.length); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(tag.subarray(0, length))) return length
  }
  return 0
}
