import { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** Raised when frames change: owner and client of different versions refuse each other by name. */
export const WIRE_VERSION = 2

/** What a client says. */
export const ASK = {
  hello: 1,
  declare: 2,
  publish: 3,
  consume: 4,
  credit: 5,
  cancel: 6,
  settle: 7,
  depth: 8,
  purge: 9,
  deleteQueue: 10,
  get: 11,
  probe: 12,
  putResult: 13,
  getResult: 14,
  dropResult: 15,
  watch: 16,
  unwatch: 17,
  operate: 18,
  watchTable: 19,
  unwatchTable: 20,
  keep: 21,
  listDelayed: 22,
  purgeDelayed: 23,
} as const

/** What the owner says. */
export const SAY = {
  welcome: 1,
  done: 2,
  failed: 3,
  answer: 4,
  deliver: 5,
  queueLost: 6,
  result: 7,
  moved: 8,
} as const

/** The number of each settlement in a frame. */
export const SETTLEMENTS = ['ack', 'requeue', 'reject', 'return'] as const

/** Bits of what is said of a message that is published. */
export const PUBLISH = { isMandatory: 1, isDelayed: 2 } as const

/** No frame is longer. A body of any size that can be published fits. */
const MOST_FRAME_BYTES = 2 ** 30

/** Writes one frame: its length, its kind, and what `fill` writes. */
export function writeFrame(writer: ByteWriter, kind: number, fill: () => void): void {
  const gap = writer.gap()
  writer.u8(kind)
  fill()
  writer.patch(gap, writer.length - gap - 4)
}

/** Takes frames out of a stream of bytes. */
export class FrameReader {
  #parts: Buffer[] = []
  #have = 0
  #need = 4

  /**
   * Calls `onFrame` for each frame that is whole with this chunk. What it reads are views of the chunk.
   * @throws RangeError for a stream that is none of ours
   */
  push(chunk: Buffer, onFrame: (kind: number, frame: ByteReader) => void): void {
    this.#parts.push(chunk)
    this.#have += chunk.length
    if (this.#have < this.#need) return
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts)
    let at = 0
    for (;;) {
      this.#need = bytes.length - at < 4 ? 4 : 4 + bytes.readUInt32LE(at)
      if (this.#need > MOST_FRAME_BYTES || (this.#need < 5 && bytes.length - at >= 4)) {
        throw new RangeError(`a frame of ${this.#need} bytes`)
      }
      if (bytes.length - at < this.#need) break
      const frame = new ByteReader(bytes, at + 4, at + this.#need)
      at += this.#need
      onFrame(frame.u8(), frame)
    }
    this.#parts = at < bytes.length ? [bytes.subarray(at)] : []
    this.#have = bytes.length - at
  }
}
