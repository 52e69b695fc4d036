import { isDiskFull, type JournalFile } from './journal-files.ts'

/** Files grow by zeros this far ahead: writing into them is many times faster to make durable than making them longer. */
const AHEAD_BYTES = 2 ** 20

/** A file that is appended to. */
export class SegmentFile {
  readonly #file: JournalFile
  #end: number
  #allocated: number

  readonly #aheadBytes: number

  /** `end` is where the file ends now; it is not to become much longer than `most`. */
  constructor(file: JournalFile, end: number, most: number) {
    this.#file = file
    this.#aheadBytes = Math.min(AHEAD_BYTES, most)
    this.#end = end
    this.#allocated = end
  }

  /** Appends all parts, or none of them: false when the disk has no room. */
  append(parts: readonly Buffer[], length: number): boolean {
    this.makeRoom(length)
    if (!this.#put(parts, length, this.#end)) return false
    this.#end += length
    return true
  }

  /** Whether so much can be appended, as far as the disk can tell before. */
  makeRoom(length: number): boolean {
    if (this.#end + length <= this.#allocated) return true
    const more = Math.ceil((this.#end + length) / this.#aheadBytes) * this.#aheadBytes - this.#allocated
    return this.#put([Buffer.alloc(more)], more, this.#allocated)
  }

  sync(): Promise<void> {
    return this.#file.sync()
  }

  syncNow(): void {
    this.#file.syncNow()
  }

  /** Gives the room back that was not used. */
  close(): void {
    if (this.#allocated > this.#end) this.#file.truncate(this.#end)
    this.#file.close()
  }

  /** What was written in part is cut off again. */
  #put(parts: readonly Buffer[], length: number, at: number): boolean {
    let written = 0
    try {
      while (written < length) {
        const count = this.#file.write(written === 0 ? parts : withoutFirst(parts, written), at + written)
        if (count === 0) break
        written += count
      }
    } catch (error) {
      if (!isDiskFull(error)) throw error
    }
    if (written < length) this.#file.truncate(at)
    this.#allocated = written < length ? at : Math.max(this.#allocated, at + length)
    return written === length
  }
}

function withoutFirst(parts: readonly Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = []
  let skip = bytes
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
  return rest
}
