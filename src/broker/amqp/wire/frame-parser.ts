import { FRAME_END, FRAME_HEAD_BYTES, FRAME_MIN_BYTES } from './frames.ts'
import { invalid } from './reader.ts'

/**
 * Takes one frame: its payload is `buffer` from `start` to `end`. The buffer is not used again, so slices of it stay good,
 * but they hold all of it in memory.
 */
export type OnFrame = (type: number, channel: number, buffer: Buffer, start: number, end: number) => void

const NOTHING = Buffer.alloc(0)

/**
 * Cuts a byte stream into frames (spec 4.2.3), however it is chunked. Frames that lie whole in a chunk are handed on where
 * they lie; of one that does not, at most its own size is kept, and each byte is copied once.
 */
export class FrameParser {
  readonly #onFrame: OnFrame
  /** Most bytes of a frame with its head and end. */
  #frameMax = FRAME_MIN_BYTES
  /** The frame that began in an earlier chunk, first only its head, then a buffer of its full size. */
  #part: Buffer = NOTHING
  #have = 0
  readonly #head = Buffer.alloc(FRAME_HEAD_BYTES)
  #ended = false

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  /** As tuned. Until then 4096, which no peer may pass (spec 4.2.3, frame-min-size). */
  set frameMax(bytes: number) {
    this.#frameMax = bytes
  }

  /** Bytes kept of a frame that is not yet whole. */
  get kept(): number {
    return this.#have
  }

  /** No further frame is handed on, not even those of the chunk in hand. */
  end(): void {
    this.#ended = true
    this.#part = NOTHING
    this.#have = 0
  }

  /**
   * Takes the next chunk.
   * @throws LovageError `WIRE_INVALID`; after that the stream is of no use.
   */
  push(chunk: Buffer): void {
    let at = this.#have === 0 ? 0 : this.#fill(chunk)
    while (!this.#ended && chunk.length - at >= FRAME_HEAD_BYTES) {
      const size = this.#sizeAt(chunk, at)
      const end = at + FRAME_HEAD_BYTES + size
      if (end >= chunk.length) break
      this.#emit(chunk, at, end)
      at = end + 1
    }
    if (!this.#ended && at < chunk.length) this.#keep(chunk, at)
  }

  /** Completes the kept frame; returns how much of the chunk went into it. */
  #fill(chunk: Buffer): number {
    let at = 0
    if (this.#have < FRAME_HEAD_BYTES) {
      at = Math.min(FRAME_HEAD_BYTES - this.#have, chunk.length)
      chunk.copy(this.#head, this.#have, 0, at)
      this.#have += at
      if (this.#have < FRAME_HEAD_BYTES) return at
      this.#part = this.#partFor(this.#head, 0)
    }
    const took = Math.min(this.#part.length - this.#have, chunk.length - at)
    chunk.copy(this.#part, this.#have, at, at + took)
    this.#have += took
    if (this.#have === this.#part.length) {
      const whole = this.#part
      this.#part = NOTHING
      this.#have = 0
      this.#emit(whole, 0, whole.length - 1)
    }
    return at + took
  }

  #keep(chunk: Buffer, at: number): void {
    this.#have = chunk.length - at
    if (this.#have < FRAME_HEAD_BYTES) chunk.copy(this.#head, 0, at)
    else {
      this.#part = this.#partFor(chunk, at)
      chunk.copy(this.#part, 0, at)
    }
  }

  #partFor(head: Buffer, at: number): Buffer {
    const part = Buffer.allocUnsafeSlow(FRAME_HEAD_BYTES + this.#sizeAt(head, at) + 1)
    head.copy(part, 0, at, at + FRAME_HEAD_BYTES)
    return part
  }

  #sizeAt(buffer: Buffer, at: number): number {
    const size = buffer.readUInt32BE(at + 3)
    if (size + FRAME_HEAD_BYTES + 1 <= this.#frameMax) return size
    // "AMQP" with a version: a server that refuses ours names its own instead (spec 4.2.2).
    if (buffer.toString('latin1', at, at + 4) === 'AMQP') throw invalid('it answers with another protocol version', 501)
    throw invalid(`a frame of ${size} bytes, more than the ${this.#frameMax} agreed on`, 501)
  }

  #emit(buffer: Buffer, at: number, end: number): void {
    if (buffer[end] !== FRAME_END) throw invalid('a frame without its end', 501)
    const channel = ((buffer[at + 1] as number) << 8) | (buffer[at + 2] as number)
    this.#onFrame(buffer[at] as number, channel, buffer, at + FRAME_HEAD_BYTES, end)
  }
}
