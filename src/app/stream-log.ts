import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { decodeJson } from '../protocol/json.ts'
import type { Log, Store, StoreValue } from '../store/store.ts'

/**
 * What the log of a stream holds. A run of the task begins with `begin`; the parts of all runs are numbered from 1, and
 * `restart` says that from this number on they are void, and come again.
 */
export type StreamEntry =
  | { readonly kind: 'begin'; readonly run: string; readonly window: number }
  | { readonly kind: 'parts'; readonly run: string; readonly from: number; readonly parts: readonly unknown[] }
  | { readonly kind: 'restart'; readonly run: string; readonly from: number }
  | { readonly kind: 'idle'; readonly run: string }
  | { readonly kind: 'end'; readonly run: string; readonly count: number }

/** Version of these entries. */
const VERSION = 1

/** Most bytes that a task may be ahead of its slowest reader, whatever its window in parts. */
export const WINDOW_BYTES = 2 ** 20

/** A reader says so often that it is there. */
const SAY_MS = 5_000

/** One that has not said so for this long is gone. */
export const SILENT_MS = 3 * SAY_MS

/** What readers have said is kept for this long. */
const WORDS_TTL_MS = 3_600_000

/** Of what readers have said; each says it again and again. */
const MOST_WORDS = 2_000

/** The log of a stream. */
export function partsOf(store: Store, id: string): Log {
  return store.log(`stream:${id}`)
}

/** Where its readers say how far they are. */
export function wordsOf(store: Store, id: string): Log {
  return store.log(`stream-readers:${id}`)
}

/** An entry as it is written. `parts` are JSON already. */
export function entryText(entry: Exclude<StreamEntry, { kind: 'parts' }>): string {
  return JSON.stringify({ v: VERSION, ...entry })
}

/** As {@link entryText}, of parts that are JSON already. */
export function partsText(run: string, from: number, texts: readonly string[]): string {
  return `{"v":${VERSION},"kind":"parts","run":${JSON.stringify(run)},"from":${from},"parts":[${texts.join(',')}]}`
}

/** What was written; undefined: something newer than this version knows. */
export function readEntry(value: StoreValue): StreamEntry | undefined {
  const entry = decodeJson(String(value)) as StreamEntry & { v: number }
  return entry.v === VERSION ? entry : undefined
}

/** How far a reader is; `null`: it has left. */
export interface Word {
  readonly reader: string
  readonly read: number | null
}

export function readWord(value: StoreValue): Word {
  return JSON.parse(String(value)) as Word
}

/** One reader, or several as one, who says how far he is: at once when that matters, and every now and then. */
export class StreamWords {
  readonly #log: Log
  readonly #clock: Clock
  readonly #reader: string
  #read = 0
  #said = -1
  /** Bytes that were read since then. */
  #bytes = 0
  #step = 1
  #isSaying = false
  #hasLeft = false
  #again: Timer | undefined

  constructor(store: Store, id: string, clock: Clock) {
    this.#log = wordsOf(store, id)
    this.#clock = clock
    this.#reader = clock.uuid()
  }

  /** It reads from here on. Resolves when the task can know. */
  async join(read = 0): Promise<void> {
    this.#read = read
    await this.#say()
    this.#plan()
  }

  /** The task is so many parts ahead at most: a quarter of that is worth a word. */
  set window(window: number) {
    this.#step = Math.max(1, Math.floor(window / 4))
  }

  /** All parts up to this number have been read, the newest of them `bytes` long. */
  read(through: number, bytes: number): void {
    // Less than before: what it had read is void.
    const isBack = through < this.#read
    this.#read = through
    this.#bytes += bytes
    if ((isBack || this.#isWorthAWord) && !this.#isSaying) void this.#say()
  }

  get #isWorthAWord(): boolean {
    return this.#read - this.#said >= this.#step || this.#bytes >= WINDOW_BYTES / 4
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#again?.cancel()
    if (!this.#isSaying) void this.#say()
  }

  async #say(): Promise<void> {
    this.#isSaying = true
    try {
      do {
        const hasLeft = this.#hasLeft
        this.#said = this.#read
        this.#bytes = 0
        const word: Word = { reader: this.#reader, read: hasLeft ? null : this.#read }
        await this.#log.append(JSON.stringify(word), { ttlMs: WORDS_TTL_MS, maxEntries: MOST_WORDS })
        if (hasLeft) break
      } while (this.#hasLeft || this.#isWorthAWord)
    } catch (error) {
      // It is said again soon; one that has left is taken for gone when it is silent.
      log('warn', 'app', 'a reader of a stream could not say how far it is', { error: messageOf(error) })
    }
    this.#isSaying = false
  }

  #plan(): void {
    if (this.#hasLeft) return
    this.#again = this.#clock.after(
      SAY_MS,
      () => {
        if (!this.#isSaying) void this.#say()
        this.#plan()
      },
      { unref: true },
    )
  }
}
