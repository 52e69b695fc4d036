import type { Clock, Timer } from '../../../base/clock.ts'
import { messageOf } from '../../../base/errors.ts'
import { log } from '../../../base/log.ts'
import { ByteWriter } from '../wire/byte-writer.ts'
import { nameOf } from './chain.ts'
import { isDiskFull, type JournalFile, type JournalFiles } from './journal-files.ts'
import { RECORD, writeRecord } from './record.ts'
import { Reserve } from './reserve.ts'
import { encodeHeader, HEADER_BYTES } from './segment-header.ts'
import type { Recovered } from './recovery.ts'
import { SegmentFile } from './segment-file.ts'
import type { Segment } from './segment.ts'

const SEGMENT_BYTES = 8 * 2 ** 20

/** How long what nobody waits for (acknowledgements) may stay out of the disk's hands. */
const LAZY_SYNC_MS = 50

/** While the disk is full, it is tried no more often. */
const FULL_AGAIN_MS = 200

const FULL = 'the disk is full: new messages are refused'

/** So much goes into the room that is put aside, several times over. */
const SMALL_BYTES = 64 * 1024

export interface JournalOptions {
  readonly clock: Clock
  readonly files: JournalFiles
  /** `false`: what is written counts as durable at once. It outlives the process, not a loss of power. */
  readonly sync: boolean
  /** A file is followed by the next one when it would become larger. Default 8 MiB. */
  readonly segmentBytes?: number
  /** The disk failed in another way than by being full: nothing can be promised any more. */
  readonly onFailed: (error: unknown) => void
}

/** The end of the journal: appends to the newest file, makes what was written durable, begins new files. */
export class Journal {
  /** Oldest first. */
  readonly segments: Segment[]
  readonly salt: number
  readonly segmentBytes: number
  #clock: Clock
  #files: JournalFiles
  #options: JournalOptions
  #reserve: Reserve
  /** Where the journal ends that was found. */
  #found: Recovered['end']
  #tail: Segment | undefined
  #file: SegmentFile | undefined
  #isSyncing = false
  #isDirty = false
  #hasNewNames = true
  #waiting: (() => void)[] = []
  #lazy: Timer | undefined
  #noRoomUntilMs = -Infinity
  #noFileUntilMs = -Infinity
  #isOver = false

  /** Goes on where `recovered` ends, in a new file: nobody else ever writes to that one. */
  constructor(options: JournalOptions, recovered: Pick<Recovered, 'segments' | 'end'>) {
    this.#options = options
    this.#clock = options.clock
    this.#files = options.files
    this.salt = Math.floor(options.clock.random() * 2 ** 32)
    this.segmentBytes = options.segmentBytes ?? SEGMENT_BYTES
    this.segments = [...recovered.segments]
    this.#found = recovered.end
    this.#reserve = new Reserve(options.files)
    this.#reserve.release()
    // Without room for it the work goes on: what is acknowledged is tried again, what is new is refused.
    this.#begin()
    if (!this.#reserve.take()) log('error', 'broker', FULL, {})
  }

  /** All bytes of all files. */
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0)
  }

  /** What is to be kept can be written, what is new cannot. */
  get isFull(): boolean {
    return !this.#reserve.isTaken
  }

  /** The file that is written to now; undefined as long as there was no room to begin one. */
  get tail(): Segment | undefined {
    return this.#tail
  }

  /**
   * Appends all parts, or none of them: false when the disk has no room. What `mustGoOn` (acknowledgements, not new
   * messages) gets the room that was put aside.
   */
  write(parts: readonly Buffer[], mustGoOn: boolean): boolean {
    if (this.#isOver || (this.isFull && !this.#findRoom() && !mustGoOn)) return false
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    if (this.#append(parts, length)) return true
    this.#noRoomUntilMs = this.#clock.monotonic() + FULL_AGAIN_MS
    if (!this.isFull) log('error', 'broker', FULL, {})
    const wasTaken = this.#reserve.isTaken
    this.#reserve.release()
    return mustGoOn && wasTaken && this.#append(parts, length)
  }

  /** Whether something new of this size can be written now: asked before a change that cannot be taken back. */
  hasRoom(length: number): boolean {
    if (this.#isOver || (this.isFull && !this.#findRoom())) return false
    // What is put aside is enough for what is small.
    return length <= SMALL_BYTES || (this.#file?.makeRoom(length) ?? false)
  }

  /** Calls `fn` when all that was written so far outlives a loss of power; never, when the disk fails. */
  afterSync(fn: () => void): void {
    if (!this.#options.sync) return fn()
    this.#waiting.push(fn)
    this.#sync()
  }

  /** Forgets the oldest file. Nothing in it may be wanted any more. */
  dropOldest(): void {
    const [oldest] = this.segments
    if (!oldest || this.segments.length < 2) return
    this.segments.shift()
    this.#files.remove(nameOf(oldest.number))
    // The next may go only when this one is gone for good: a file that came back would bring back what was removed since.
    this.#hasNewNames = true
  }

  /** Makes everything durable and closes the file. Nothing is written from then on. */
  async close(): Promise<void> {
    this.#lazy?.cancel()
    if (this.#isOver) return
    await new Promise<void>((resolve) => this.afterSync(resolve))
    this.#isOver = true
    this.#file?.close()
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
    const isTooLong = this.#tail && this.#tail.bytes > HEADER_BYTES && this.#tail.bytes + length > this.segmentBytes
    // Where there is no room for a new file there may be some in the old one.
    if (!this.#tail || (isTooLong && this.#clock.monotonic() >= this.#noFileUntilMs)) this.#begin()
    if (this.#isOver || !this.#tail || !this.#file?.append(parts, length)) return false
    this.#tail.bytes += length
    this.#isDirty = true
    if (this.#options.sync) this.#lazy ??= this.#clock.after(LAZY_SYNC_MS, () => this.#syncLazily(), { unref: true })
    return true
  }

  /** Begins the next file. Its header says how much is believed of the one before it: that must be durable first. */
  #begin(): void {
    try {
      const before = this.#settled()
      const number = before.number + 1
      const header = encodeHeader({ number, salt: this.salt, first: this.segments[0]?.number ?? number, before })
      const file = this.#create(nameOf(number), header)
      this.#leave()
      this.#file = new SegmentFile(file, HEADER_BYTES, this.segmentBytes)
      this.#tail = { number, bytes: HEADER_BYTES, live: new Map(), liveBytes: 0 }
      this.#isDirty = true
      this.#hasNewNames = true
      this.segments.push(this.#tail)
      // Nobody waits for the disk here: nothing can be torn by a loss of power that is not lost altogether.
      if (!this.#options.sync) this.#noteSynced(Infinity)
    } catch (error) {
      // Somebody else has begun it: this process is not the owner any more, and writes nothing more.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return this.#fail(error)
      if (!isDiskFull(error)) throw error
      this.#noFileUntilMs = this.#clock.monotonic() + FULL_AGAIN_MS
    }
  }

  /** The end of what was written so far, made durable, name and all. */
  #settled(): Recovered['end'] {
    const tail = this.#tail
    const end = tail ? { number: tail.number, length: tail.bytes, salt: this.salt } : this.#found
    if (this.#options.sync && end.number > 0 && (this.#isDirty || this.#isSyncing || !tail)) {
      this.#orFail(() => {
        if (this.#file) this.#file.syncNow()
        else this.#files.syncNow(nameOf(end.number))
        if (this.#hasNewNames || this.#isSyncing) this.#files.syncNamesNow()
      })
    }
    return end
  }

  #create(name: string, header: Buffer): JournalFile {
    const file = this.#files.create(name)
    try {
      if (file.write([header], 0) === header.length) return file
      throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' })
    } catch (error) {
      file.close()
      this.#files.remove(name)
      throw error
    }
  }

  /** The file is not written to any more. One that is just being made durable is closed after that. */
  #leave(): void {
    const file = this.#file
    if (!this.#isSyncing) file?.close()
    else this.#waiting.unshift(() => file?.close())
  }

  #syncLazily(): void {
    this.#lazy = undefined
    this.#sync()
  }

  /** One at a time; whoever comes meanwhile is served by the next, all together. */
  #sync(): void {
    if (this.#isSyncing || this.#isOver) return
    this.#isSyncing = true
    const served = this.#waiting
    this.#waiting = []
    this.#syncFile().then(
      () => {
        this.#isSyncing = false
        for (const fn of served) fn()
        if (this.#waiting.length > 0) this.#sync()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  async #syncFile(): Promise<void> {
    const [file, tail, isDirty, hasNewNames] = [this.#file, this.#tail, this.#isDirty, this.#hasNewNames]
    const length = tail?.bytes ?? 0
    this.#isDirty = false
    this.#hasNewNames = false
    if (isDirty) await file?.sync()
    if (hasNewNames) await this.#files.syncNames()
    if (isDirty && tail === this.#tail) this.#noteSynced(length)
  }

  /** Has the file say how much of it is durable, before anybody hears of it: what is damaged later is known from that. */
  #noteSynced(length: number): void {
    if (!this.#tail || this.#isOver) return
    const writer = new ByteWriter()
    writeRecord(writer, this.salt, RECORD.synced, () => writer.f64(length))
    const record = writer.take()
    if (this.#file?.append([record], record.length)) this.#tail.bytes += record.length
  }

  #orFail(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#fail(error)
      // Whatever it was, it is not to be taken for a disk that is full.
      throw new Error(`the journal cannot be made durable: ${messageOf(error)}`, { cause: error })
    }
  }

  /** What the disk holds now is not known. Never to be tried again: a second try may succeed without having written. */
  #fail(error: unknown): void {
    this.#isOver = true
    log('error', 'broker', 'the journal cannot be written', { error: messageOf(error) })
    this.#options.onFailed(error)
  }
}
