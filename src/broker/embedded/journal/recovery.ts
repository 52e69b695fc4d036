import { log } from '../../../base/log.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import { chainOf, nameOf } from './chain.ts'
import type { JournalFiles } from './journal-files.ts'
import { scanRecords } from './record.ts'
import { HEADER_BYTES } from './segment-header.ts'
import type { Segment } from './segment.ts'

/** A journal as it was found. */
export interface Recovered {
  /** Oldest first. */
  readonly segments: readonly Segment[]
  /** The newest file, and how much of it is believed; all 0 when there is none. */
  readonly end: { readonly number: number; readonly length: number; readonly salt: number }
  /** Bytes that were records once, and are none now. A tail that was torn when its writer died is no damage. */
  readonly damagedBytes: number
}

/**
 * Reads all records of a journal, in order. What is torn or damaged is left out; what was written to a file after the
 * next one had begun is not believed: that was a writer who did not know that he was no longer the owner.
 * @throws LovageError `HOME_UNUSABLE` for a journal of another version
 */
export function recover(
  files: JournalFiles,
  path: string,
  take: (record: ByteReader, size: number, segment: Segment) => void,
): Recovered {
  const segments: Segment[] = []
  let end = { number: 0, length: 0, salt: 0 }
  let damagedBytes = 0
  for (const { number, salt, length } of chainOf(files, path)) {
    const bytes = files.read(nameOf(number))
    const segment: Segment = { number, bytes: HEADER_BYTES, live: new Map(), liveBytes: 0 }
    const to = Math.min(length ?? Infinity, bytes.length)
    const range = { from: HEADER_BYTES, to, salt, durable: length ?? 0 }
    const scanned = scanRecords(bytes, range, (record, size) => take(record, size, segment))
    segment.bytes = scanned.end
    damagedBytes += scanned.damagedBytes
    segments.push(segment)
    end = { number, length: scanned.end, salt }
  }
  if (damagedBytes > 0) {
    log('error', 'broker', 'the journal is damaged: what stood there is lost', { path, damagedBytes })
  }
  return { segments, end, damagedBytes }
}
