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
} as const

/** Stands before each record, so that the next one can be found behind a damaged one. */
const MARK = 0xf3a7
const MARK_BYTES = Buffer.from([0xa7, 0xf3])

/** Mark, length, checksum. */
const FRAME_BYTES = 10

/** Bytes that are checked at most in search of the next record of one file: what is damaged may look like many. */
const MOST_SEARCHED = 2 ** 30

/** Writes one record; returns its size. */
export function writeRecord(writer: ByteWriter, salt: number, kind: number, fill: () => void): number {
  const from = writer.length
  writer.u16(MARK)
  const lengthAt = writer.gap()
  const crcAt = writer.gap()
  writer.u8(kind)
  fill()
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
  /** Where the last record ends. */
  readonly end: number
  /** Bytes before it that are no records. */
  readonly damagedBytes: number
}

/**
 * Reads records from `from` to `to`, and calls `take` for each that is whole, in order. Where one is not, the search goes
 * on behind it: the damage is no larger than the record that it hit.
 */
export function scanRecords(
  bytes: Buffer,
  { from, to, salt }: { from: number; to: number; salt: number },
  take: (record: ByteReader, size: number) => void,
): Scanned {
  let at = from
  let end = from
  let damagedBytes = 0
  let searched = 0
  while (at >= 0 && at + FRAME_BYTES < to && searched < MOST_SEARCHED) {
    const isMarked = bytes.readUInt16LE(at) === MARK
    const size = isMarked ? FRAME_BYTES + bytes.readUInt32LE(at + 2) : 0
    const isWhole = size > FRAME_BYTES && at + size <= to && isRecord(bytes, at, size, salt)
    if (isWhole) {
      damagedBytes += at - end
      take(new ByteReader(bytes, at + FRAME_BYTES, at + size), size)
      at += size
      end = at
    } else {
      if (at + size <= to) searched += size
      at = bytes.indexOf(MARK_BYTES, at + 1)
    }
  }
  return { end, damagedBytes }
}

function isRecord(bytes: Buffer, at: number, size: number, salt: number): boolean {
  const payload = bytes.subarray(at + FRAME_BYTES, at + size)
  return checksum(payload, payload.length, salt) === bytes.readUInt32LE(at + 6)
}
