import { crc32 } from 'node:zlib'
import { ByteReader } from '../wire/byte-reader.ts'
import type { ByteWriter } from '../wire/byte-writer.ts'

/** What a record says; its first byte. These numbers are in journals: they never change their meaning. */
export const RECORD = {
  put: 1,
  removed: 2,
  handed: 3,
  queueDeclared: 4,
  queueDeleted: 5,
  exchangeDeclared: 6,
  exchangeDeleted: 7,
  bound: 8,
  resultKept: 9,
  resultDropped: 10,
  /** What stands before this length of the file outlives a loss of power. */
  synced: 11,
  itemKept: 12,
  itemDropped: 13,
  /** All items that a key of the tables had. */
  itemsCleared: 14,
  /** A message that waits for its time; in the place of `put`. */
  delayed: 15,
} as const

/** Stands before each record, so that the next one can be found behind a damaged one. */
const MARK = 0xf3a7
const MARK_BYTES = Buffer.from([0xa7, 0xf3])

/** Mark, length, checksum. */
const FRAME_BYTES = 10

/** A frame, its kind, and a length. */
const SYNCED_BYTES = FRAME_BYTES + 1 + 8

/** Bytes that are checked at most in search of the next record of one file: what is damaged may look like many. */
const MOST_SEARCHED = 2 ** 30

/** Writes one record; returns its size. */
export function writeRecord(writer: ByteWriter, salt: number, kind: number, fill: () => void): number {
  const from = writer.length
  writer.u16(MARK)
  const lengthAt = writer.gap()
  const crcAt = writer.gap()
  writer.u8(kind)
  try {
    fill()
  } catch (error) {
    // Half a record would be taken for damage.
    writer.cut(from)
    throw error
  }
  const length = writer.length - from - FRAME_BYTES
  writer.patch(lengthAt, length)
  writer.patch(crcAt, checksum(writer.since(from + FRAME_BYTES), length, salt))
  return writer.length - from
}

/**
 * The salt makes it impossible to know what a record looks like: none can be hidden in the body of a message, to be
 * believed when what stands before it is damaged.
 */
function checksum(payload: Uint8Array, length: number, salt: number): number {
  return crc32(payload, (salt ^ length) >>> 0)
}

/** What was found in the records of one file. */
export interface Scanned {
  /** Where the last record that is believed ends. */
  readonly end: number
  /** Bytes before it that are no records, but were. */
  readonly damagedBytes: number
}

export interface ScanRange {
  readonly from: number
  readonly to: number
  readonly salt: number
  /** What stands before this was durable when the writer ended, whatever its own records say; Infinity is all of it. */
  readonly durable: number
}

/** A record by its place in the file. */
interface Found {
  readonly at: number
  readonly size: number
}

/**
 * Reads the records of a range, and calls `take` for each that is believed, in order.
 *
 * Where durable bytes are no record, they were damaged later, and the reading goes on behind them: the damage is no larger
 * than the record that it hit. Where bytes that were not durable yet are no record, the writer's machine lost power while
 * it wrote: there the file ends, though whole records may stand behind it. They were promised to nobody, and rest on what
 * is lost.
 */
export function scanRecords(
  bytes: Buffer,
  range: ScanRange,
  take: (record: ByteReader, size: number) => void,
): Scanned {
  const found = findRecords(bytes, range)
  const durable = found.reduce((most, { at, size }) => Math.max(most, durableBy(bytes, at, size)), range.durable)
  let end = range.from
  let damagedBytes = 0
  for (const { at, size } of found) {
    if (at > end && at > durable) break
    damagedBytes += at - end
    end = at + size
    if (bytes[at + FRAME_BYTES] !== RECORD.synced) take(new ByteReader(bytes, at + FRAME_BYTES, end), size)
  }
  // Where all counts as durable, what is behind the last record is a tail that was torn, or room that was never used.
  const missing = durable === Infinity ? 0 : Math.max(0, durable - end)
  return { end: end + missing, damagedBytes: damagedBytes + missing }
}

function durableBy(bytes: Buffer, at: number, size: number): number {
  return bytes[at + FRAME_BYTES] === RECORD.synced && size === SYNCED_BYTES
    ? bytes.readDoubleLE(at + FRAME_BYTES + 1)
    : 0
}

/** All that are whole, in order. */
function findRecords(bytes: Buffer, { from, to, salt }: ScanRange): Found[] {
  const found: Found[] = []
  let at = from
  let searched = 0
  while (at >= 0 && at + FRAME_BYTES < to && searched < MOST_SEARCHED) {
    const isMarked = bytes.readUInt16LE(at) === MARK
    const size = isMarked ? FRAME_BYTES + bytes.readUInt32LE(at + 2) : 0
    const isInside = size > FRAME_BYTES && at + size <= to
    if (isInside && isRecord(bytes, at, size, salt)) {
      found.push({ at, size })
      at += size
    } else {
      if (isInside) searched += size
      at = bytes.indexOf(MARK_BYTES, at + 1)
    }
  }
  return found
}

function isRecord(bytes: Buffer, at: number, size: number, salt: number): boolean {
  const payload = bytes.subarray(at + FRAME_BYTES, at + size)
  return checksum(payload, payload.length, salt) === bytes.readUInt32LE(at + 6)
}
