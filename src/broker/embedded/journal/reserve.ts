import type { JournalFile, JournalFiles } from './journal-files.ts'

const NAME = 'reserve'
const BYTES = 256 * 1024

/** What must be free beside it: else the disk would be full again with the next message. */
const BESIDE_BYTES = 768 * 1024

/**
 * Room put aside on the disk. When the disk is full it is given up, so that acknowledgements can still be written: they
 * are what makes room again.
 */
export class Reserve {
  #files: JournalFiles
  isTaken = false

  constructor(files: JournalFiles) {
    this.#files = files
  }

  /** Puts room aside; false when the disk has none. */
  take(): boolean {
    if (this.isTaken) return true
    let file: JournalFile | undefined
    try {
      file = this.#files.create(NAME)
      this.isTaken = file.write([Buffer.alloc(BYTES + BESIDE_BYTES, 0xff)], 0) === BYTES + BESIDE_BYTES
      file.truncate(BYTES)
    } catch {
      // No room is an answer; whatever else is wrong with the disk shows with the next record.
    } finally {
      file?.close()
    }
    if (!this.isTaken) this.#files.remove(NAME)
    return this.isTaken
  }

  release(): void {
    this.isTaken = false
    this.#files.remove(NAME)
  }
}
