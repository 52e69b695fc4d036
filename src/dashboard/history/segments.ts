import { mkdir, open, readdir, readFile, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { batchesOf, encodeBatch, SEGMENT_HEADER } from './batches.ts'

/** A segment that is as long as this is followed by another. */
const MOST_SEGMENT = 8 * 2 ** 20

const NAME = /^(\d{10})\.history$/

export interface SegmentLimits {
  /** Of all segments together; the oldest goes first. */
  readonly maxBytes: number
  readonly ageMs: number
}

/**
 * Lines on disk, in segments that are only ever added to. A process that is killed leaves at most a torn end, which is
 * left out when it is read. A new process begins a new segment, and never writes behind what may be torn.
 */
export class Segments {
  readonly #folder: string
  readonly #clock: Clock
  readonly #limits: SegmentLimits
  #file: FileHandle | undefined
  #length = 0
  #number = 0
  /** One thing at a time. */
  #turn: Promise<void> = Promise.resolve()

  constructor(folder: string, clock: Clock, limits: SegmentLimits) {
    this.#folder = folder
    this.#clock = clock
    this.#limits = limits
  }

  /** Resolves when the lines are with the operating system. */
  append(lines: readonly string[]): Promise<void> {
    const appended = this.#turn.then(() => this.#append(lines))
    this.#turn = appended.catch(() => {})
    return appended
  }

  /** All lines, the newest first. */
  async *read(): AsyncGenerator<string, void, undefined> {
    for (const { name } of (await this.#segments()).reverse()) {
      // One that was taken away meanwhile has nothing.
      const bytes = await readFile(join(this.#folder, name)).catch(() => Buffer.alloc(0))
      for (const batch of batchesOf(bytes).reverse()) {
        for (const line of batch.toString().split('\n').reverse()) if (line !== '') yield line
      }
    }
  }

  async close(): Promise<void> {
    await this.#turn
    await this.#file?.close()
    this.#file = undefined
  }

  async #append(lines: readonly string[]): Promise<void> {
    const batch = encodeBatch(lines)
    if (!this.#file || this.#length > MOST_SEGMENT) await this.#next()
    const file = this.#file as FileHandle
    try {
      await file.appendFile(batch)
      this.#length += batch.length
    } catch (error) {
      // Half a batch may be there. Without it the next one goes here, so that a full disk is not filled with segments.
      await file.truncate(this.#length).catch(async () => {
        this.#file = undefined
        await file.close().catch(() => {})
      })
      throw error
    }
  }

  async #next(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const segments = await this.#segments()
    this.#number = Math.max(this.#number, segments.at(-1)?.number ?? 0) + 1
    const name = `${String(this.#number).padStart(10, '0')}.history`
    const path = join(this.#folder, name)
    // What is cut off again after a write that failed leaves no gap: each goes to the end.
    const file = await open(path, 'ax', 0o600)
    try {
      await file.appendFile(SEGMENT_HEADER)
    } catch (error) {
      await file.close().catch(() => {})
      await rm(path, { force: true }).catch(() => {})
      throw error
    }
    this.#file = file
    this.#length = SEGMENT_HEADER.length
    await this.#drop(segments)
  }

  async #drop(segments: readonly { readonly name: string }[]): Promise<void> {
    const beforeMs = this.#clock.now() - this.#limits.ageMs
    let bytes = MOST_SEGMENT
    for (const { name } of segments.toReversed()) {
      const path = join(this.#folder, name)
      const { size, mtimeMs } = await stat(path)
      bytes += size
      if (bytes > this.#limits.maxBytes || mtimeMs < beforeMs) await rm(path, { force: true })
    }
  }

  /** By number, the oldest first. */
  async #segments(): Promise<{ readonly name: string; readonly number: number }[]> {
    const names = await readdir(this.#folder).catch(() => [] as string[])
    return names
      .flatMap((name) => {
        const number = NAME.exec(name)?.[1]
        return number === undefined ? [] : [{ name, number: Number(number) }]
      })
      .sort((a, b) => a.number - b.number)
  }
}
