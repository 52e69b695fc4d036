import type { Clock, Timer } from '../base/clock.ts'
import type { Store } from '../store/store.ts'
import { readWord, SILENT_MS, wordsOf } from './stream-log.ts'

/** A reader as the task sees it. */
interface Reader {
  readonly read: number
  readonly heardMs: number
}

/** Between two looks at who has fallen silent. */
const LOOK_MS = 1_000

/** Who reads a stream, as its task hears of them. */
export class StreamReaders {
  readonly #clock: Clock
  readonly #readers = new Map<string, Reader>()
  readonly #changed: () => void
  #unlisten: (() => void) | undefined
  #look: Timer | undefined
  #isEnded = false
  #wereThere = false

  /** `changed` is called when somebody has come, read on, or left. */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock
    this.#changed = changed
  }

  async start(store: Store, id: string): Promise<void> {
    this.#unlisten = await wordsOf(store, id).listen(({ entries }) => {
      for (const { value } of entries) {
        const { reader, read } = readWord(value)
        if (read === null) this.#readers.delete(reader)
        else this.#readers.set(reader, { read, heardMs: this.#clock.monotonic() })
        this.#wereThere ||= read !== null
      }
      this.#changed()
    })
    if (this.#isEnded) return this.#unlisten()
    this.#plan()
  }

  end(): void {
    this.#isEnded = true
    this.#unlisten?.()
    this.#look?.cancel()
  }

  /** How far the slowest is; undefined: nobody reads. */
  get slowest(): number | undefined {
    let slowest: number | undefined
    for (const { read } of this.#readers.values()) slowest = Math.min(slowest ?? Infinity, read)
    return slowest
  }

  /** Somebody has read, and nobody does now. */
  get haveLeft(): boolean {
    return this.#wereThere && this.#readers.size === 0
  }

  #plan(): void {
    this.#look = this.#clock.after(
      LOOK_MS,
      () => {
        const nowMs = this.#clock.monotonic()
        const before = this.#readers.size
        for (const [id, { heardMs }] of this.#readers) if (nowMs - heardMs >= SILENT_MS) this.#readers.delete(id)
        if (this.#readers.size !== before) this.#changed()
        this.#plan()
      },
      { unref: true },
    )
  }
}
