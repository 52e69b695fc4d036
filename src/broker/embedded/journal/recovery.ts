import { log } from '../../../base/log.ts'
import type { ByteReader } from '../wire/byte-reader.ts'
import type { JournalFiles } from './journal-files.ts'
import { scanRecords } from './record.ts'
import { decodeHeader, HEADER_BYTES, type SegmentHeader } from './segment-header.ts'
import type { Segment } from './segment.ts'

/** A journal as it was found. */
export interface Recovered {
  /** Oldest first. */
  readonly segments: readonly Segment[]
  /** The newest file, and where its last record ends; 0 and 0 when there is none. */
  readonly end: { readonly number: number; readonly length: number }
  /** Bytes between records that are none. A tail that was torn when its writer died is no damage. */
  readonly damagedBytes: number
}

/** The file of a segment. */
export function nameOf(number: number): string {
  return `journal-${String(number).padStart(10, '0')}`
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
  const { numbers, headers, damaged } = headersOf(files, path)
  let damagedBytes = damaged
  numbers.forEach((number, nth) => {
    const header = headers.get(number) as SegmentHeader
    const next = headers.get(numbers[nth + 1] ?? NaN)
    const bytes = files.read(nameOf(number))
    const believed = next?.before.number === number ? Math.min(next.before.length, bytes.length) : undefined
    const segment: Segment = { number, bytes: HEADER_BYTES, live: new Set(), liveBytes: 0 }
    const range = { from: HEADER_BYTES, to: believed ?? bytes.length, salt: header.salt }
    const scanned = scanRecords(bytes, range, (record, size) => take(record, size, segment))
    segment.bytes = scanned.end
    damagedBytes += scanned.damagedBytes + (believed === undefined ? 0 : believed - scanned.end)
    segments.push(segment)
  })
  if (damagedBytes > 0)
    log('error', 'broker', 'the journal is damaged: what stood there is lost', { path, damagedBytes })
  const last = segments.at(-1)
  return { segments, end: { number: last?.number ?? 0, length: last?.bytes ?? 0 }, damagedBytes }
}

function headersOf(
  files: JournalFiles,
  path: string,
): { numbers: number[]; headers: Map<number, SegmentHeader>; damaged: number } {
  const found = files
    .list()
    .map((name) => /^journal-(\d{10,})$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b)
  const headers = new Map<number, SegmentHeader>()
  let damaged = 0
  for (const number of found) {
    const bytes = files.read(nameOf(number))
    const header = decodeHeader(bytes, path)
    if (header) headers.set(number, header)
    else if (bytes.some((byte, at) => at >= HEADER_BYTES && byte !== 0)) {
      damaged += bytes.length
      files.rename(nameOf(number), `damaged-${nameOf(number)}`)
    } else {
      // Begun by an owner who died before it had written anything.
      files.remove(nameOf(number))
    }
  }
  return { numbers: [...headers.keys()], headers, damaged }
}
