import type { Duplex } from 'node:stream'
import type { Clock } from '../../base/clock.ts'

/** Written at once when this much has gathered: larger writes gain nothing and hold memory. */
const GATHER_BYTES = 128 * 1024

/** What may wait in the socket's buffer before publishers are held back. */
const ROOM_BYTES = 4 * 1024 * 1024

/**
 * Gathers all frames of one turn of the event loop into one write: with small messages the system call is the largest
 * part of the cost.
 */
export class TurnWriter {
  #socket: Duplex
  #clock: Clock
  #frames: Buffer[] = []
  #bytes = 0
  #isFull = false

  constructor(socket: Duplex, clock: Clock, onRoom: () => void) {
    this.#socket = socket
    this.#clock = clock
    socket.on('drain', () => {
      if (!this.#isFull) return
      this.#isFull = false
      onRoom()
    })
  }

  /** False until `onRoom` tells of the drain. */
  get hasRoom(): boolean {
    if (this.#socket.writableLength + this.#bytes >= ROOM_BYTES) this.#isFull = true
    return !this.#isFull
  }

  write(frame: Buffer): boolean {
    this.#frames.push(frame)
    this.#bytes += frame.length
    if (this.#bytes >= GATHER_BYTES) this.flush()
    else if (this.#frames.length === 1) this.#clock.turn(() => this.flush())
    return true
  }

  flush(): void {
    if (this.#frames.length === 0) return
    const [first] = this.#frames
    const all = this.#frames.length === 1 && first ? first : Buffer.concat(this.#frames, this.#bytes)
    this.#frames = []
    this.#bytes = 0
    if (this.#socket.writable) this.#socket.write(all)
  }

  /** Frames end with their channel; the socket is not the channel's to end. */
  end(): void {}
}
