import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { onAbort } from '../base/on-abort.ts'
import type { Store } from '../store/store.ts'
import { TaskAbandoned } from './control-flow.ts'
import { WINDOW_BYTES } from './stream-log.ts'
import type { ResolvedStreamOptions } from './stream-options.ts'
import { StreamReaders } from './stream-readers.ts'
import { LEAST_TTL_MS, StreamTail } from './stream-tail.ts'

/** Most parts, and bytes, that wait to be written as one entry. */
const BATCH = 64
const BATCH_BYTES = 256 * 1024

/** What a {@link StreamWriter} is told. */
export interface StreamRun {
  readonly id: string
  readonly task: string
  readonly store: Store
  readonly clock: Clock
  readonly options: ResolvedStreamOptions
  /** It is stopped when its last reader has left. */
  readonly isAbandonable: boolean
  readonly signal: AbortSignal
  readonly encode: (part: unknown) => string
  /** Has the signal abort. */
  readonly abort: ((reason: Error) => void) | undefined
}

/** Writes the parts of one run of a task into its stream, no faster than they are read. */
export class StreamWriter {
  readonly #run: StreamRun
  readonly #tail: StreamTail
  readonly #readers: StreamReaders
  /** Number of the last part that the task has yielded in this run. */
  #count = 0
  #pending: { readonly from: number; readonly texts: string[]; bytes: number } | undefined
  #flushing: Promise<void> | undefined
  #error: unknown
  /** What the signal aborted with, once the task has been told. */
  #told: unknown
  /** Parts that are not read by all, as numbers and bytes. */
  readonly #unread: { readonly number: number; readonly bytes: number }[] = []
  #unreadBytes = 0
  /** Nobody came to read for as long as it had patience. */
  #isFree: boolean
  #wake: (() => void) | undefined
  #grace: Timer | undefined
  #idle: Timer | undefined

  constructor(run: StreamRun) {
    this.#run = run
    this.#tail = new StreamTail(run.store, run.id, run.clock, run.options, run.encode)
    this.#isFree = run.options.unread === 'run'
    this.#readers = new StreamReaders(run.clock, () => this.#readersChanged())
  }

  async begin(): Promise<void> {
    await this.#readers.start(this.#run.store, this.#run.id)
    await this.#tail.begin()
    this.#stayAlive()
  }

  /**
   * Takes the next part; resolves when the task may go on. A part that an earlier run has written, and that is the same
   * in this one, is not written again.
   */
  async write(text: string): Promise<void> {
    this.#check()
    const number = ++this.#count
    if (number <= this.#tail.count) {
      const { earlier } = this.#tail
      const before = earlier.get(number)
      earlier.delete(number)
      // What is no longer kept cannot be compared.
      if (before === undefined || before === text) return
      earlier.clear()
      await this.#inTurn(() => this.#tail.restart(number))
    }
    await this.#room(text.length)
    this.#unread.push({ number, bytes: text.length })
    this.#unreadBytes += text.length
    // Of a run that waits for nobody only what is kept is of interest.
    if (this.#unread.length > this.#run.options.keep) this.#unreadBytes -= this.#unread.shift()?.bytes ?? 0
    this.#pending ??= { from: number, texts: [], bytes: 0 }
    this.#pending.texts.push(text)
    this.#pending.bytes += text.length
    this.#flushing ??= this.#flush()
    if (this.#pending && (this.#pending.texts.length >= BATCH || this.#pending.bytes >= BATCH_BYTES)) {
      await this.#flushing
    }
  }

  /** All parts are written, and there are no more. */
  async end(): Promise<void> {
    this.#idle?.cancel()
    await this.#flushing
    if (this.#error && !(this.#error instanceof TaskAbandoned)) throw this.#error as Error
    // An earlier run has come further than this one.
    if (this.#count < this.#tail.count) await this.#tail.restart(this.#count + 1)
    await this.#tail.end()
  }

  /** Ends, however it went. */
  close(): void {
    this.#readers.end()
    this.#grace?.cancel()
    this.#idle?.cancel()
  }

  /** @throws what ends the run, whatever the task would do about it */
  #check(): void {
    if (this.#error) throw this.#error as Error
    const { signal } = this.#run
    if (!signal.aborted || signal.reason === this.#told) return
    this.#told = signal.reason
    throw signal.reason as Error
  }

  /** Each entry is written behind the one before. */
  async #inTurn(write: () => Promise<void>): Promise<void> {
    await this.#flushing
    this.#flushing = write().finally(() => (this.#flushing = undefined))
    await this.#flushing
  }

  async #flush(): Promise<void> {
    try {
      while (this.#pending) {
        const { from, texts } = this.#pending
        this.#pending = undefined
        await this.#tail.parts(from, texts)
      }
    } catch (error) {
      this.#error = error
    }
    this.#flushing = undefined
  }

  /** Waits until the slowest reader is near enough, or until there is nobody to wait for. */
  async #room(bytes: number): Promise<void> {
    const { clock, options } = this.#run
    if (this.#hasRoom(bytes)) return
    const startedMs = clock.monotonic()
    while (!this.#hasRoom(bytes)) {
      this.#check()
      const isUnread = this.#readers.slowest === undefined
      const leftMs = isUnread ? options.patienceMs - (clock.monotonic() - startedMs) : undefined
      if (leftMs !== undefined && leftMs <= 0) this.#runFree()
      else await this.#change(leftMs)
    }
  }

  #hasRoom(bytes: number): boolean {
    const read = this.#readers.slowest
    if (read === undefined && this.#isFree) return true
    if (read !== undefined) {
      this.#isFree = this.#run.options.unread === 'run'
      while (this.#unread.length > 0 && (this.#unread[0] as { number: number }).number <= read) {
        this.#unreadBytes -= this.#unread.shift()?.bytes ?? 0
      }
    }
    const first = this.#unread[0]
    if (!first) return read === undefined || this.#count - read <= this.#run.options.window
    const ahead = this.#count - (read ?? first.number - 1)
    return ahead <= this.#run.options.window && this.#unreadBytes + bytes <= WINDOW_BYTES
  }

  /** Until a reader does something, the signal aborts, or the time is over. */
  async #change(ms: number | undefined): Promise<void> {
    const { clock, signal } = this.#run
    await new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : clock.after(ms, resolve)
      const off = onAbort(signal, resolve)
      this.#wake = () => {
        timer?.cancel()
        off()
        resolve()
      }
    }).finally(() => this.#wake?.())
    this.#wake = undefined
  }

  #runFree(): void {
    const { task, id } = this.#run
    this.#isFree = true
    log('info', 'app', 'nobody reads this stream; its task goes on without', { task, id })
  }

  #readersChanged(): void {
    this.#wake?.()
    const { clock, options, isAbandonable } = this.#run
    if (!this.#readers.haveLeft) {
      this.#grace?.cancel()
      this.#grace = undefined
    } else if (isAbandonable) {
      this.#grace ??= clock.after(options.graceMs, () => this.#abandon(), { unref: true })
    }
  }

  #abandon(): void {
    const { task, id, abort } = this.#run
    log('info', 'app', 'the last reader of this stream has left; its task is stopped', { task, id })
    const reason = new TaskAbandoned('abandoned')
    this.#error ??= reason
    abort?.(reason)
    this.#wake?.()
  }

  /** The log has a time to live, and a task may think for longer. */
  #stayAlive(): void {
    const { clock, options } = this.#run
    const everyMs = Math.max(options.keepForMs, LEAST_TTL_MS) / 3
    this.#idle = clock.after(
      everyMs,
      () => {
        // In turn with the parts, because each entry is written behind the one before.
        this.#flushing ??= this.#tail
          .idle()
          .catch((error: unknown) => {
            this.#error ??= error
            log('warn', 'app', 'stream could not be kept', { id: this.#run.id, error: messageOf(error) })
          })
          .then(() => (this.#pending ? this.#flush() : undefined))
          .finally(() => (this.#flushing = undefined))
        this.#stayAlive()
      },
      { unref: true },
    )
  }
}
