import { crc32 } from 'node:zlib'
import { LovageError } from '../../../base/errors.ts'

/** What stands at the beginning of each file of a journal. */
export interface SegmentHeader {
  readonly number: number
  /** What the checksums of its records begin with. Each owner has its own. */
  readonly salt: number
  /** The oldest file that was still wanted when this one began. */
  readonly first: number
  /** The file before it, and how much of that was believed when this one began; all 0 when there was none. */
  readonly before: { readonly number: number; readonly length: number; readonly salt: number }
}

/** Raised when files are laid out anew; one that is not known is refused, never guessed. */
const VERSION = 1
const MAGIC = Buffer.from('LOVAGE-J')

/** Magic, version and their checksum: these stay as they are in all versions, so that each can refuse all others. */
const VERSION_AT = 8
const VERSION_CRC_AT = 12

const CRC_AT = 56
const COPY_BYTES = CRC_AT + 4

/** The header stands there twice: damage to one byte must not cost the whole file. */
export const HEADER_BYTES = COPY_BYTES * 2

export function encodeHeader({ number, salt, first, before }: SegmentHeader): Buffer {
  const copy = Buffer.alloc(COPY_BYTES)
  MAGIC.copy(copy)
  copy.writeUInt32LE(VERSION, VERSION_AT)
  copy.writeUInt32LE(crc32(copy.subarray(0, VERSION_CRC_AT)), VERSION_CRC_AT)
  copy.writeUInt32LE(salt, 16)
  copy.writeDoubleLE(number, 20)
  copy.writeDoubleLE(first, 28)
  copy.writeDoubleLE(before.number, 36)
  copy.writeDoubleLE(before.length, 44)
  copy.writeUInt32LE(before.salt, 52)
  copy.writeUInt32LE(crc32(copy.subarray(0, CRC_AT)), CRC_AT)
  return Buffer.concat([copy, copy])
}

/**
 * Undefined when neither copy is whole.
 * @throws LovageError `HOME_UNUSABLE` for a version that is not known
 */
export function decodeHeader(bytes: Buffer, path: string): SegmentHeader | undefined {
  refuseOtherVersion(bytes, path)
  for (const at of [0, COPY_BYTES]) {
    const copy = bytes.subarray(at, at + COPY_BYTES)
    if (copy.length < COPY_BYTES || !copy.subarray(0, VERSION_AT).equals(MAGIC)) continue
    if (crc32(copy.subarray(0, CRC_AT)) !== copy.readUInt32LE(CRC_AT)) continue
    return {
      number: copy.readDoubleLE(20),
      salt: copy.readUInt32LE(16),
      first: copy.readDoubleLE(28),
      before: { number: copy.readDoubleLE(36), length: copy.readDoubleLE(44), salt: copy.readUInt32LE(52) },
    }
  }
  return undefined
}

function refuseOtherVersion(bytes: Buffer, path: string): void {
  if (bytes.length < VERSION_CRC_AT + 4 || !bytes.subarray(0, VERSION_AT).equals(MAGIC)) return
  if (crc32(bytes.subarray(0, VERSION_CRC_AT)) !== bytes.readUInt32LE(VERSION_CRC_AT)) return
  const version = bytes.readUInt32LE(VERSION_AT)
  if (version === VERSION) return
  const problem = `its journal has version ${version}, and this Lovage reads version ${VERSION}`
  const fix = 'Use the version of Lovage that wrote it, or another LOVAGE_HOME'
  throw new LovageError('HOME_UNUSABLE', { path, problem, fix })
}
