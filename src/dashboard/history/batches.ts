import { crc32 } from 'node:zlib'

/** How a segment begins: what it is, and its version. */
export const SEGMENT_HEADER = Buffer.from('LVHIST01', 'latin1')

/** Length and check sum. */
const FRAME = 8

/** Largest batch that is believed: a length beyond it is no length. */
const MOST_BATCH = 64 * 2 ** 20

/** Lines as one batch: it is there whole, or not at all. */
export function encodeBatch(lines: readonly string[]): Buffer {
  const payload = Buffer.from(lines.join('\n'))
  const frame = Buffer.allocUnsafe(FRAME + payload.length)
  frame.writeUInt32LE(payload.length, 0)
  frame.writeUInt32LE(crc32(payload, payload.length), 4)
  payload.copy(frame, FRAME)
  return frame
}

/** The batches of a segment, the first first. What comes behind a torn or changed one is not believed. */
export function batchesOf(segment: Buffer): Buffer[] {
  const batches: Buffer[] = []
  if (!segment.subarray(0, SEGMENT_HEADER.length).equals(SEGMENT_HEADER)) return batches
  for (let at = SEGMENT_HEADER.length; at + FRAME <= segment.length;) {
    const length = segment.readUInt32LE(at)
    const end = at + FRAME + length
    if (length > MOST_BATCH || end > segment.length) break
    const payload = segment.subarray(at + FRAME, end)
    if (crc32(payload, length) !== segment.readUInt32LE(at + 4)) break
    batches.push(payload)
    at = end
  }
  return batches
}
