import { crc32 } from 'node:zlib'
import { LovageError } from '../../../base/errors.ts'

/** What stands at the beginning of each file of a journal. */
export interface SegmentHeader {
  readonly number: number
  /** What the checksums of its records begin with. */
  readonly salt: number
  /** The file before it, and how much of that was believed when this one began; 0 and 0 when there was none. */
  readonly before: { readonly number: number; readonly length: number }
}

/** Raised when files are laid out anew; one that is not known is refused, never guessed. */
const VERSION = 1
const MAGIC = Buffer.from('LOVAGE-J')

const COPY_BYTES = 48

/** The header stands there twice: damage to one byte must not cost the whole file. */
export const HEADER_BYTES = COPY_BYTES * 2

export function encodeHeader({ number, salt, before }: SegmentHeader): Buffer {
  const copy = Buffer.alloc(COPY_BYTES)
  MAGIC.copy(copy)
  copy.writeUInt32LE(VERSION, 8)
  copy.writeUInt32LE(salt, 12)
  copy.writeDoubleLE(number, 16)
  copy.writeDoubleLE(before.number, 24)
  copy.writeDoubleLE(before.length, 32)
  copy.writeUInt32LE(crc32(copy.subarray(0, 40)), 40)
  return Buffer.concat([copy, copy])
}

/**
 * Undefined when neither copy is whole.
 * @throws LovageError `HOME_UNUSABLE` for a version that is not known
 */
export function decodeHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  for (const at of [0, COPY_BYTES]) {
    const copy = bytes.subarray(at, at + COPY_BYTES)
    if (copy.length < COPY_BYTES || !copy.subarray(0, 8).equals(MAGIC)) continue
    if (crc32(copy.subarray(0, 40)) !== copy.readUInt32LE(40)) continue
    const version = copy.readUInt32LE(8)
    if (version !== VERSION) {
      const problem = `its journal has version ${version}, and this Lovage reads version ${VERSION}`
      const fix = 'Use the version of Lovage that wrote it, or another LOVAGE_HOME'
      throw new LovageError('HOME_UNUSABLE', { path, problem, fix })
    }
    const before = { number: copy.readDoubleLE(24), length: copy.readDoubleLE(32) }
    return { number: copy.readDoubleLE(16), salt: copy.readUInt32LE(12), before }
  }
  return undefined
}
