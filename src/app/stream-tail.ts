import { deadline, sleep, type Clock } from '../base/clock.ts'
import { isLovageError, LovageError } from '../base/errors.ts'
import type { Log, LogEntry, Store } from '../store/store.ts'
import { Ignore } from './control-flow.ts'
import { entryText, partsOf, partsText, readEntry } from './stream-log.ts'
import type { ResolvedStreamOptions } from './stream-options.ts'

/** Most bytes of parts that are kept. */
const KEEP_BYTES = 16 * 2 ** 20

/** For so long a store that does not answer is asked again. */
const STORE_PATIENCE_MS = 60_000

/** However short a time is asked for, a run that waits says in time that it goes on. */
export const LEAST_TTL_MS = 60_000

/** Between two tries. */
const AGAIN_MS = 250

/**
 * The end of a stream's log, at which one run writes: it knows what the runs before it have left, and notices when a later
 * run has taken over.
 */
export class StreamTail {
  readonly run: string
  /** Parts of earlier runs, as text, by number; those that are kept still. */
  readonly earlier = new Map<number, string>()
  /** Number of the last part that stands in the log. */
  count = 0
  readonly #log: Log
  readonly #clock: Clock
  readonly #options: ResolvedStreamOptions
  readonly #encode: (part: unknown) => string
  /** What is kept, for its size. */
  readonly #kept: { position: number; bytes: number }[] = []
  #bytes = 0
  #last = 0

  constructor(
    store: Store,
    id: string,
    clock: Clock,
    options: ResolvedStreamOptions,
    encode: (part: unknown) => string,
  ) {
    this.#log = partsOf(store, id)
    this.#clock = clock
    this.#options = options
    this.#encode = encode
    this.run = clock.uuid()
  }

  /** Reads what is there, and begins behind it. */
  async begin(): Promise<void> {
    for (;;) {
      for (let after = this.#last; ; after = this.#last) {
        const { entries, last } = await this.#patiently(() => this.#log.read({ after, limit: 1000 }))
        for (const entry of entries) this.#note(entry)
        this.#last = entries.at(-1)?.position ?? last
        if (entries.length === 0) break
      }
      const { window } = this.#options
      if (await this.#append(entryText({ kind: 'begin', run: this.run, window }))) return
    }
  }

  async parts(from: number, texts: readonly string[]): Promise<void> {
    await this.#write(partsText(this.run, from, texts))
    this.count = from + texts.length - 1
  }

  /** The parts from this number on are void. */
  async restart(from: number): Promise<void> {
    await this.#write(entryText({ kind: 'restart', run: this.run, from }))
    this.count = from - 1
  }

  /** Keeps the log while nothing comes. */
  async idle(): Promise<void> {
    await this.#write(entryText({ kind: 'idle', run: this.run }))
  }

  async end(): Promise<void> {
    await this.#write(entryText({ kind: 'end', run: this.run, count: this.count }))
  }

  async #write(text: string): Promise<void> {
    // Whoever has written in between runs the task now, and answers for it.
    if (!(await this.#append(text))) throw new Ignore('another run of this task has taken over its stream')
    while (this.#bytes > KEEP_BYTES && this.#kept.length > 1) {
      const oldest = this.#kept.shift() as { position: number; bytes: number }
      this.#bytes -= oldest.bytes
      if (this.#bytes <= KEEP_BYTES) await this.#patiently(() => this.#log.trim(oldest.position))
    }
  }

  /** False when somebody else has written at the end. */
  async #append(text: string): Promise<boolean> {
    const { keep: maxEntries, keepForMs } = this.#options
    for (;;) {
      const ifLast = this.#last
      const append = { ttlMs: Math.max(keepForMs, LEAST_TTL_MS), maxEntries, ifLast }
      let position = await this.#patiently(() => this.#log.append(text, append))
      if (position === undefined) {
        const { entries, last } = await this.#patiently(() => this.#log.read({ after: ifLast, limit: 1 }))
        const [found] = entries
        if (!found) {
          // The log is gone: forgotten, or lost with a store that keeps nothing. It goes on in a new one.
          this.#last = last
          continue
        }
        // An answer that was lost: what stands there is ours.
        if (String(found.value) !== text) return false
        position = found.position
      }
      this.#last = position
      this.#keep(position, text.length)
      return true
    }
  }

  #note({ position, value }: LogEntry): void {
    const entry = readEntry(value)
    this.#keep(position, value.length)
    if (entry?.kind === 'parts') {
      for (const [index, part] of entry.parts.entries()) this.earlier.set(entry.from + index, this.#encode(part))
      this.count = entry.from + entry.parts.length - 1
    } else if (entry?.kind === 'restart') {
      for (let number = entry.from; number <= this.count; number++) this.earlier.delete(number)
      this.count = entry.from - 1
    }
  }

  #keep(position: number, bytes: number): void {
    this.#kept.push({ position, bytes })
    this.#bytes += bytes
    // Those have been dropped by number.
    while (this.#kept.length > this.#options.keep) this.#bytes -= this.#kept.shift()?.bytes ?? 0
  }

  /** A store that is restarted must not end a task: asked again, as long as that is sensible. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const untilMs = this.#clock.monotonic() + STORE_PATIENCE_MS
    for (;;) {
      try {
        const late = (): LovageError => new LovageError('STORE_UNREACHABLE', { problem: 'no answer' })
        return await deadline(this.#clock, ask(), STORE_PATIENCE_MS, late)
      } catch (error) {
        const isAway = isLovageError(error, 'STORE_UNREACHABLE') || isLovageError(error, 'STORE_FULL')
        if (!isAway || this.#clock.monotonic() >= untilMs) throw error
        await sleep(this.#clock, AGAIN_MS)
      }
    }
  }
}
