import { PassingMap } from '../../../base/passing.ts'
import type { Socket } from 'node:net'
import { type Clock, deadline } from '../../../base/clock.ts'
import { type ErrorCode, ERRORS, LovageError, messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import type { HeaderValue } from '../../../protocol/headers.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { ASK, FrameReader, SAY, WIRE_VERSION, writeFrame } from '../wire/frames.ts'
import { readTable, readValue } from '../wire/value-codec.ts'

/** Bytes on their way above which no more messages are sent until they have gone. */
const MOST_UNSENT_BYTES = 4 * 2 ** 20

/**
 * What gathers in a turn goes out in parts of this size: the owner writes down the first while the next are made. Less
 * than a chunk of the writer by more than most messages, so that it seldom grows.
 */
const EAGER_BYTES = 48 * 1024

/** Longest wait for the owner to have read what was said before the end. */
const CLOSE_MS = 2000

/** Something that was asked of the owner; one of these is called, once. */
export interface Call {
  done(value: HeaderValue | undefined): void
  failed(error: LovageError): void
  /** The connection ended before there was an answer. */
  lost(): void
}

export interface LineEvents {
  /** What the owner says unasked. */
  readonly onSay: (kind: number, frame: ByteReader, line: Line) => void
  /** There is room for messages again. */
  readonly onRoom: () => void
  /** Comes after all calls were told that they are lost. */
  readonly onClosed: (line: Line, problem: string) => void
}

export interface LineOptions {
  readonly connect: () => Socket
  readonly clock: Clock
  readonly timeoutMs: number
  readonly home: string
  readonly events: LineEvents
}

/**
 * Connects to the owner behind a socket.
 * @throws LovageError `HOME_UNUSABLE` for an owner that speaks another version; the system's error when nobody listens
 */
export async function openLine(options: LineOptions): Promise<Line> {
  const line = new Line(options)
  try {
    const late = (): Error =>
      new Error(`the owner does not answer within ${options.timeoutMs} ms: it hangs or is stopped`)
    await deadline(options.clock, line.greeted, options.timeoutMs, late)
  } catch (error) {
    line.destroy()
    throw error
  }
  return line
}

/** One connection to the owner of an embedded broker. What is said in one turn of the event loop goes out as one, but for what is much. */
export class Line {
  /** Resolves when the owner has said who it is. */
  readonly greeted: Promise<void>
  #clock: Clock
  #home: string
  #events: LineEvents
  #socket: Socket
  #reader = new FrameReader()
  #writer = new ByteWriter()
  #calls = new PassingMap<number, Call>()
  #lastId = 0
  #isOpen = true
  #isFlushing = false
  #isGreeted = false
  #problem = 'the owner ended the connection'
  #onGreeted!: { resolve: () => void; reject: (error: Error) => void }
  readonly #closed: Promise<void>

  constructor({ connect, clock, home, events }: LineOptions) {
    this.#clock = clock
    this.#home = home
    this.#events = events
    this.greeted = new Promise((resolve, reject) => (this.#onGreeted = { resolve, reject }))
    this.#socket = connect()
    this.#socket.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#socket.on('drain', () => events.onRoom())
    this.#socket.on('error', (error) => {
      this.#problem = messageOf(error)
      this.#onGreeted.reject(error)
    })
    this.#closed = new Promise((resolve) => {
      this.#socket.once('close', () => {
        this.#end()
        resolve()
      })
    })
    this.say(ASK.hello, (writer) => writer.u32(WIRE_VERSION))
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** More messages may be sent now. */
  get hasRoom(): boolean {
    return this.#socket.writableLength + this.#writer.length < MOST_UNSENT_BYTES
  }

  /** Asks for something; returns its number, for `forget`. */
  ask(kind: number, call: Call, fill?: (writer: ByteWriter) => void): number {
    const id = (this.#lastId = (this.#lastId + 1) >>> 0)
    this.say(kind, (writer) => {
      writer.u32(id)
      fill?.(writer)
    })
    this.#calls.set(id, call)
    return id
  }

  /** Nobody waits for this answer any more. */
  forget(id: number): void {
    this.#calls.delete(id)
  }

  /** Says what has no answer. */
  say(kind: number, fill: (writer: ByteWriter) => void): void {
    const before = this.#writer.length
    try {
      writeFrame(this.#writer, kind, () => fill(this.#writer))
    } catch (error) {
      this.#writer.cut(before)
      throw error
    }
    if (this.#writer.length >= EAGER_BYTES && this.#socket.writableLength === 0) this.#send()
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.#clock.turn(() => this.#flush())
  }

  /** Ends the connection when the owner has taken all that was said. */
  async close(): Promise<void> {
    if (this.#isOpen) {
      this.#flush()
      this.#isOpen = false
      this.#socket.end()
    }
    await deadline(this.#clock, this.#closed, CLOSE_MS, () => new Error('late')).catch(() => this.destroy())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #flush(): void {
    this.#isFlushing = false
    this.#send()
  }

  #send(): void {
    if (this.#isOpen && this.#writer.length > 0) this.#socket.write(this.#writer.take())
  }

  #take(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, (kind, frame) => this.#onFrame(kind, frame))
    } catch (error) {
      this.#problem = `what it says cannot be understood: ${messageOf(error)}`
      log('error', 'broker', 'the owner of the embedded broker cannot be understood', { error: messageOf(error) })
      this.destroy()
    }
  }

  #onFrame(kind: number, frame: ByteReader): void {
    switch (kind) {
      case SAY.done:
        while (frame.left > 0) this.#letGo(frame.u32())?.done(undefined)
        return
      case SAY.answer:
        return this.#letGo(frame.u32())?.done(readValue(frame))
      case SAY.failed:
        return this.#letGo(frame.u32())?.failed(errorIn(frame))
      case SAY.welcome:
        return this.#greet(frame.u32(), frame.u32())
      default:
        // Calls that were lost with a close of ours may not hear of what came too late.
        if (this.#isOpen) this.#events.onSay(kind, frame, this)
    }
  }

  #letGo(id: number): Call | undefined {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    return call
  }

  #greet(version: number, pid: number): void {
    this.#isGreeted = version === WIRE_VERSION
    if (this.#isGreeted) return this.#onGreeted.resolve()
    const problem = `its owner, process ${pid}, speaks version ${version} of our protocol, and this Lovage ${WIRE_VERSION}`
    const fix = 'Run the same version of Lovage in all processes that use this directory'
    this.#onGreeted.reject(new LovageError('HOME_UNUSABLE', { path: this.#home, problem, fix }))
  }

  #end(): void {
    this.#isOpen = false
    this.#onGreeted.reject(new Error(this.#problem))
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    for (const call of calls) call.lost()
    if (this.#isGreeted) this.#events.onClosed(this, this.#problem)
  }
}

function errorIn(frame: ByteReader): LovageError {
  const code = frame.text()
  const details = readTable(frame)
  // An owner of the same protocol and a later table of errors.
  return new LovageError(Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'PUBLISH_REFUSED', {
    problem: code,
    ...details,
  })
}
