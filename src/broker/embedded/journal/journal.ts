import type { Clock, Timer } from '../../../base/clock.ts'
import { messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import { isDiskFull, type JournalFile, type JournalFiles } from './journal-files.ts'
import { Reserve } from './reserve.ts'
import { encodeHeader, HEADER_BYTES } from './segment-header.ts'
import { nameOf, type Recovered } from './recovery.ts'
import type { Segment } from './segment.ts'

/** A file is followed by the next one when it is larger. */
const SEGMENT_BYTES = 8 * 2 ** 20

/** Files grow by zeros this far ahead: writing into them is many times faster to make durable than making them longer. */
const AHEAD_BYTES = 2 ** 20

/** How long what nobody waits for (acknowledgements) may stay out of the disk's hands. */
const LAZY_SYNC_MS = 50

/** While the disk is full, it is tried no more often. */
const FULL_AGAIN_MS = 200

export interface JournalOptions {
  readonly clock: Clock
  readonly files: JournalFiles
  /** `false`: what is written counts as durable at once. It outlives the process, not a loss of power. */
  readonly sync: boolean
  /** The disk failed in another way than by being full: nothing can be promised any more. */
  readonly onFailed: (error: unknown) => void
}

/** The end of the journal: appends to the newest file, makes what was written durable, begins new files. */
export class Journal {
  /** Oldest first; the last is written to. */
  readonly segments: Segment[]
  readonly salt: number
  #clock: Clock
  #files: JournalFiles
  #isSyncing = false
  #hasNewNames = true
  #options: JournalOptions
  #reserve: Reserve
  #file!: JournalFile
  #allocated = 0
  /** Files with bytes that are not durable yet, or not known to be. */
  #dirty = new Set<JournalFile>()
  /** Files that are no longer written to, to be closed when they are durable. */
  #retired = new Set<JournalFile>()
  #waiting: (() => void)[] = []
  #lazy: Timer | undefined
  #noRoomUntilMs = -Infinity
  #isClosed = false

  /** Goes on where `recovered` ends, in a new file: nobody else ever writes to that one. */
  constructor(options: JournalOptions, recovered: Pick<Recovered, 'segments' | 'end'>) {
    this.#options = options
    this.#clock = options.clock
    this.#files = options.files
    this.salt = Math.floor(options.clock.random() * 2 ** 32)
    this.segments = [...recovered.segments]
    this.#reserve = new Reserve(options.files)
    this.#reserve.release()
    this.#begin(recovered.end)
    this.#reserve.take()
  }

  /** All bytes of all files. */
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }

  /** What is to be kept can be written, what is new cannot. */
  get isFull(): boolean {
    return !this.#reserve.isTaken
  }

  /** The file that is written to now. */
  get tail(): Segment {
    return this.segments[this.segments.length - 1] as Segment
  }

  /**
   * Appends all parts, or none of them: false when the disk has no room. What `mustGoOn` (acknowledgements, not new
   * messages) gets the room that was put aside.
   */
  write(parts: readonly Buffer[], mustGoOn: boolean): boolean {
    if (this.isFull && !this.#findRoom() && !mustGoOn) return false
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    if (this.#append(parts, length)) return true
    this.#noRoomUntilMs = this.#clock.monotonic() + FULL_AGAIN_MS
    if (!this.isFull) log('error', 'broker', 'the disk is full: new messages are refused', {})
    const wasTaken = this.#reserve.isTaken
    this.#reserve.release()
    return mustGoOn && wasTaken && this.#append(parts, length)
  }

  /** Calls `fn` when all that was written so far outlives a loss of power. */
  afterSync(fn: () => void): void {
    if (!this.#options.sync) return fn()
    this.#waiting.push(fn)
    this.#sync()
  }

  /** Forgets the oldest file. Nothing in it may be wanted any more. */
  dropOldest(): void {
    const [oldest] = this.segments
    if (!oldest || oldest === this.tail) return
    this.segments.shift()
    this.#files.remove(nameOf(oldest.number))
  }

  /** Makes everything durable and closes the file. */
  async close(): Promise<void> {
    this.#lazy?.cancel()
    await new Promise<void>((resolve) => this.afterSync(resolve))
    this.#isClosed = true
    this.#file.close()
  }

  #findRoom(): boolean {
    if (this.#clock.monotonic() < this.#noRoomUntilMs) return false
    if (this.#reserve.take()) {
      log('info', 'broker', 'the disk has room again', {})
      return true
    }
    this.#noRoomUntilMs = this.#clock.monotonic() + FULL_AGAIN_MS
    return false
  }

  #append(parts: readonly Buffer[], length: number): boolean {
    try {
      if (this.tail.bytes > HEADER_BYTES && this.tail.bytes + length > SEGMENT_BYTES) {
        this.#begin({ number: this.tail.number, length: this.tail.bytes })
      }
      this.#makeRoom(length)
    } catch (error) {
      if (isDiskFull(error)) return false
      throw error
    }
    if (!this.#put(parts, length, this.tail.bytes)) return false
    this.tail.bytes += length
    this.#allocated = Math.max(this.#allocated, this.tail.bytes)
    this.#dirty.add(this.#file)
    if (this.#options.sync) this.#lazy ??= this.#clock.after(LAZY_SYNC_MS, () => this.#syncLazily(), { unref: true })
    return true
  }

  #begin(before: { number: number; length: number }): void {
    const segment: Segment = { number: before.number + 1, bytes: HEADER_BYTES, live: new Set(), liveBytes: 0 }
    const name = nameOf(segment.number)
    const file = this.#files.create(name)
    const header = encodeHeader({ number: segment.number, salt: this.salt, before })
    try {
      const written = file.write([header], 0)
      if (written < header.length) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
    } catch (error) {
      file.close()
      this.#files.remove(name)
      throw error
    }
    const last = this.#file as JournalFile | undefined
    // Its last bytes may still be on their way to the disk: it is closed after that.
    if (last && this.#options.sync) this.#retired.add(last)
    else last?.close()
    if (last) this.#dirty.add(last)
    this.#file = file
    this.#allocated = HEADER_BYTES
    this.#dirty.add(file)
    this.#hasNewNames = true
    this.segments.push(segment)
  }

  #makeRoom(length: number): void {
    const wanted = this.tail.bytes + length
    if (wanted <= this.#allocated) return
    const target = Math.ceil(wanted / AHEAD_BYTES) * AHEAD_BYTES
    if (this.#put([Buffer.alloc(target - this.#allocated)], target - this.#allocated, this.#allocated)) {
      this.#allocated = target
    }
  }

  /** All or nothing: what was written in part is cut off again. */
  #put(parts: readonly Buffer[], length: number, at: number): boolean {
    let written = 0
    try {
      while (written < length) {
        const count = this.#file.write(written === 0 ? parts : withoutFirst(parts, written), at + written)
        if (count === 0) break
        written += count
      }
    } catch (error) {
      if (!isDiskFull(error)) throw error
    }
    if (written === length) return true
    this.#file.truncate(at)
    this.#allocated = Math.min(this.#allocated, at)
    return false
  }

  #syncLazily(): void {
    this.#lazy = undefined
    this.#sync()
  }

  /** One at a time; whoever comes meanwhile is served by the next, all together. */
  #sync(): void {
    if (this.#isSyncing || this.#isClosed) return
    this.#isSyncing = true
    const served = this.#waiting
    this.#waiting = []
    this.#syncNow().then(
      () => {
        this.#isSyncing = false
        for (const fn of served) fn()
        if (this.#waiting.length > 0) this.#sync()
      },
      (error: unknown) => {
        // What the disk holds now is not known. Never to be tried again: a second try may succeed without having written.
        log('error', 'broker', 'the journal cannot be made durable', { error: messageOf(error) })
        this.#options.onFailed(error)
      },
    )
  }

  async #syncNow(): Promise<void> {
    if (!this.#options.sync) return
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    const hasNewNames = this.#hasNewNames
    this.#hasNewNames = false
    for (const file of dirty) {
      await file.sync()
      if (this.#retired.delete(file)) file.close()
    }
    if (hasNewNames) await this.#files.syncNames()
  }
}

function withoutFirst(parts: readonly Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = []
  let skip = bytes
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip))
    skip = Math.max(0, skip - part.length)
  }
  return rest
}
