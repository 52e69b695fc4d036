import type { Socket } from 'node:net'

import type { Clock } from '../../../base/clock.ts'
import { ByteWriter } from '../wire/writer.ts'

/** A connection that says little needs no more. */
const FIRST_SLAB_BYTES = 4 * 1024

/** A turn that gathers more than this does not wait for its end. */
const EAGER_BYTES = 64 * 1024

/**
 * The way out: all frames of one turn of the event loop go to the socket in one write, which makes 1.5 times the round
 * trips of a write per frame. A socket that does not take more is waited for; what gathers meanwhile is bounded by
 * {@link isFull}, which publishers heed. Other frames (acks, calls) always find room: their number is bounded elsewhere.
 */
export class Outgoing {
  readonly writer = new ByteWriter(FIRST_SLAB_BYTES)
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #maxBytes: number
  /** Called when there is room again. */
  readonly #onRoom: () => void
  #scheduled = false
  /** The socket has said that it takes no more. */
  #draining = false
  #wasFull = false
  /** What is written now is written by those who waited for the end of the turn. */
  #isLast = false
  #ended = false
  /** Something was written since asked last. */
  #wrote = false
  readonly #last: (() => void)[] = []
  readonly #turn = (): void => {
    this.#scheduled = false
    this.flush()
  }

  constructor(socket: Socket, clock: Clock, maxBytes: number, onRoom: () => void) {
    this.#socket = socket
    this.#clock = clock
    this.#maxBytes = maxBytes
    this.#onRoom = onRoom
    socket.on('drain', () => {
      this.#draining = false
      this.flush()
    })
  }

  /** No message should be added now. Whoever reads true is told when there is room. */
  get isFull(): boolean {
    if (this.writer.size < this.#maxBytes) return false
    this.#wasFull = true
    return true
  }

  /** Something has been written: it goes out when the turn ends. */
  touch(): void {
    // Those who wait for the end of the turn are not called: whoever writes is in the middle of something.
    if (!this.#draining && this.writer.size > EAGER_BYTES) return this.#write()
    if (this.#scheduled || this.#isLast) return
    this.#scheduled = true
    this.#clock.turn(this.#turn)
  }

  /** Calls `fn` once, just before the turn's frames go out: what is gathered in it can be written as one. */
  last(fn: () => void): void {
    // Nothing goes out any more, and whoever waits for the end of the turn is told of it all the same.
    if (this.#ended) return this.#clock.turn(fn)
    this.#last.push(fn)
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.turn(this.#turn)
  }

  /** Sends what is there, unless the socket has yet to take what it has. */
  flush(): void {
    if (this.#ended) return
    if (this.#last.length > 0) this.#callLast()
    this.#write()
  }

  #write(): void {
    const { writer } = this
    if (this.#ended || this.#draining || writer.size === 0) return
    const parts = writer.take()
    this.#wrote = true
    if (parts.length === 1) this.#draining = !this.#socket.write(parts[0] as Uint8Array)
    else {
      this.#socket.cork()
      for (const part of parts) this.#draining = !this.#socket.write(part)
      this.#socket.uncork()
    }
    if (!this.#wasFull) return
    this.#wasFull = false
    this.#onRoom()
  }

  #callLast(): void {
    this.#isLast = true
    try {
      for (const fn of this.#last.splice(0)) fn()
    } finally {
      this.#isLast = false
    }
  }

  /** Whether bytes went out since asked last. */
  wrote(): boolean {
    const wrote = this.#wrote
    this.#wrote = false
    return wrote
  }

  /** Nothing goes out any more. */
  end(): void {
    this.#ended = true
  }
}
