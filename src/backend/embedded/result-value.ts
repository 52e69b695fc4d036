import type { JsonTypes } from '../../protocol/json.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { decodeResult, encodeStoredRecord } from '../../protocol/result-record.ts'

/** Raised when values are laid out anew. */
const VERSION = 1

/** Version, and how long the task ran: NaN where that is not known. */
const HEAD_BYTES = 9

/**
 * An outcome as the engine keeps it: a short head, then the record that Celery's key/value backends store.
 * @throws LovageError `ENCODE_FAILED`
 */
export function encodeValue(outcome: Outcome, types: JsonTypes): Uint8Array {
  const record = encodeStoredRecord(outcome, { types })
  const value = Buffer.allocUnsafe(HEAD_BYTES + record.byteLength)
  value.writeUInt8(VERSION, 0)
  value.writeDoubleLE(outcome.runMs ?? Number.NaN, 1)
  value.set(record, HEAD_BYTES)
  return value
}

/**
 * What `encodeValue` wrote; undefined for a version that is not known.
 * @throws LovageError `BODY_UNDECODABLE`
 */
export function decodeValue(value: Uint8Array): Outcome | undefined {
  if (value[0] !== VERSION || value.byteLength < HEAD_BYTES) return undefined
  const runMs = Buffer.from(value.buffer, value.byteOffset, HEAD_BYTES).readDoubleLE(1)
  const outcome = decodeResult(value.subarray(HEAD_BYTES))
  return Number.isNaN(runMs) ? outcome : { ...outcome, runMs }
}
