import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Timer } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { NONE } from '../tasks/columns.ts'
import type { KnownTasks } from '../tasks/known-tasks.ts'
import { Segments } from './segments.ts'
import { recordOf, restoreRecord } from './task-record.ts'

/** What has changed is written each second: a process that is killed loses no more than that. */
const WRITE_MS = 1_000

/** The series are written that often. */
const SERIES_MS = 30_000

/** Tasks of one batch, and between two looks at what else there is to do. */
const BATCH = 500

export interface HistoryOptions {
  readonly folder: string
  readonly clock: Clock
  readonly index: KnownTasks
  readonly maxBytes: number
  readonly ageMs: number
}

/** Keeps tasks and series through restarts: writes what has changed, and reads it back behind what is heard anew. */
export class History {
  readonly #options: HistoryOptions
  readonly #segments: Segments
  readonly #seriesFile: string
  #written = 0
  #seriesAtMs = 0
  #timer: Timer | undefined
  #working: Promise<void> = Promise.resolve()
  #isEnded = false
  #hasComplained = false

  constructor(options: HistoryOptions) {
    this.#options = options
    const { folder, clock, maxBytes, ageMs } = options
    this.#segments = new Segments(join(folder, 'tasks'), clock, { maxBytes, ageMs })
    this.#seriesFile = join(folder, 'series.json')
  }

  /** Resolves when all that is on disk, and fits in, is there again. Never rejects. */
  begin(): Promise<void> {
    if (this.#options.maxBytes === 0) return Promise.resolve()
    const restored = this.#restore().catch((error: unknown) => this.#complain('cannot be read', error))
    this.#working = restored.then(() => this.#arm())
    return restored
  }

  /** What was heard by now is on disk when this has resolved. */
  async end(): Promise<void> {
    if (this.#options.maxBytes === 0) return
    this.#isEnded = true
    this.#timer?.cancel()
    await this.#working
    await this.#write(true)
    await this.#segments.close()
  }

  #arm(): void {
    if (this.#isEnded) return
    const write = (): void => {
      this.#working = this.#write(false).then(() => this.#arm())
    }
    this.#timer = this.#options.clock.after(WRITE_MS, write, { unref: true })
  }

  async #restore(): Promise<void> {
    const { index, clock } = this.#options
    await this.#restoreSeries()
    let lines = 0
    for await (const line of this.#segments.read()) {
      if (restoreRecord(index.table, line, index.redact) === 'full') return
      if (++lines % BATCH === 0) await this.#pause(clock)
      if (this.#isEnded) return
    }
  }

  /** A power failure may have torn them: the tasks are there all the same. */
  async #restoreSeries(): Promise<void> {
    try {
      const saved = await readFile(this.#seriesFile, 'utf8').catch(() => '')
      if (saved !== '') this.#options.index.series.restore(JSON.parse(saved))
    } catch (error) {
      this.#complain('of its charts cannot be read', error)
    }
  }

  async #write(isLast: boolean): Promise<void> {
    const { index, clock } = this.#options
    const { table } = index
    try {
      const upTo = table.touched
      const slots: number[] = []
      const { touch, older } = table.columns
      for (let slot = table.newest; slot !== NONE && (touch[slot] as number) > this.#written;) {
        slots.push(slot)
        slot = older[slot] as number
      }
      for (let end = slots.length; end > 0; end -= BATCH) {
        // The oldest first, so that what is read from the end is the newest first.
        const batch = slots.slice(Math.max(0, end - BATCH), end).reverse()
        await this.#segments.append(
          batch.filter((slot) => table.columns.id[slot] !== '').map((slot) => recordOf(table, slot)),
        )
        await this.#pause(clock)
      }
      this.#written = upTo
      if (isLast || clock.now() - this.#seriesAtMs >= SERIES_MS) await this.#writeSeries()
      this.#hasComplained = false
    } catch (error) {
      this.#complain('cannot be written', error)
    }
  }

  async #writeSeries(): Promise<void> {
    this.#seriesAtMs = this.#options.clock.now()
    const beside = `${this.#seriesFile}.new`
    await writeFile(beside, JSON.stringify(this.#options.index.series.save()), { mode: 0o600 })
    await rename(beside, this.#seriesFile)
  }

  #pause(clock: Clock): Promise<void> {
    return new Promise((resolve) => clock.turn(resolve))
  }

  #complain(what: string, error: unknown): void {
    if (this.#hasComplained) return
    this.#hasComplained = true
    log('warn', 'dashboard', `the history ${what}`, { folder: this.#options.folder, error: messageOf(error) })
  }
}
