import { readSync } from 'node:fs'
import { Socket } from 'node:net'
import type { ChannelConfig } from './configuration.ts'
import { Capture } from './capture.ts'
import type { LogFile } from './log-file.ts'
import { stripAnsi } from './strip-ansi.ts'

/** What one channel of a process has to do with what it reads. */
export interface OutputOptions {
  readonly config: ChannelConfig
  readonly file: LogFile | undefined
  readonly stripAnsi: boolean
  /** Takes all that is written, as it comes; what it returns is not waited for. */
  readonly onBytes?: ((bytes: Buffer) => void) | undefined
  /** Takes what goes into the log. */
  readonly onLogged?: ((bytes: Buffer) => void) | undefined
  /** Takes one message between the capture tags. */
  readonly onMessage?: ((bytes: Buffer) => void) | undefined
}

/** A pipe holds 64 KiB; what somebody else still writes into it after the end of the process is not waited for. */
const MOST_AFTER_END = 1024 * 1024

/** Reads one channel of one life of a process, no faster than its log can be written. */
export class Output {
  readonly #options: OutputOptions
  readonly #socket: Socket
  readonly #fd: number
  readonly #capture: Capture | undefined
  #isClosed = false

  constructor(fd: number, options: OutputOptions) {
    this.#options = options
    this.#fd = fd
    const { captureMaxbytes } = options.config
    if (captureMaxbytes > 0) this.#capture = new Capture(captureMaxbytes, options.onMessage ?? (() => {}))
    this.#socket = new Socket({ fd, readable: true, writable: false })
    this.#socket.on('data', (chunk: Buffer) => void this.#take(chunk))
    // The pipe of a process that was killed in the middle of a write ends as any other.
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => (this.#isClosed = true))
  }

  /** Reads what is still in the pipe and closes it: the process has ended. Resolves when all is in the log. */
  async end(): Promise<void> {
    const socket = this.#socket
    const taken: Promise<void>[] = []
    socket.removeAllListeners('data')
    socket.pause()
    for (let chunk: unknown; (chunk = socket.read()) !== null;) taken.push(this.#write(chunk as Buffer))
    if (!this.#isClosed) for (const chunk of rest(this.#fd)) taken.push(this.#write(chunk))
    socket.destroy()
    const left = this.#capture?.end()
    if (left && left.length > 0) taken.push(this.#log(left))
    await Promise.all(taken)
  }

  async #take(chunk: Buffer): Promise<void> {
    this.#socket.pause()
    await this.#write(chunk)
    this.#socket.resume()
  }

  #write(chunk: Buffer): Promise<void> {
    this.#options.onBytes?.(chunk)
    return this.#log(this.#capture ? this.#capture.take(chunk) : chunk)
  }

  async #log(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return
    const { file, onLogged } = this.#options
    const logged = this.#options.stripAnsi ? stripAnsi(bytes) : bytes
    onLogged?.(logged)
    await file?.write(logged)
  }
}

/** What can be read at once, in pieces. */
function* rest(fd: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafe(64 * 1024)
  for (let total = 0; total < MOST_AFTER_END;) {
    let length: number
    try {
      length = readSync(fd, buffer, 0, buffer.length, null)
    } catch {
      // EAGAIN: it is empty, and somebody else has it open.
      return
    }
    if (length === 0) return
    total += length
    yield Buffer.from(buffer.subarray(0, length))
  }
}
