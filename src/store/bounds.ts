import { LovageError } from '../base/errors.ts'
import type { StoreValue } from './store.ts'

const MOST_BYTES = 512
const MOST_TTL_MS = 400 * 86_400_000

const KEY = /^[a-z][a-z0-9-]{0,31}:./s
// A lone surrogate has no bytes of its own: two different texts would become one.
const UNFIT = /[\p{Cc}\p{Cs}]/u

const encoder = new TextEncoder()

function refuse(where: string, option: string, problem: string, fix: string): never {
  throw new LovageError('OPTION_INVALID', { option, where: `store.${where}`, problem, fix })
}

/** The key, if it is one. */
export function keyOf(where: string, key: string): string {
  nameOf(where, 'key', key)
  if (!KEY.test(key)) {
    const problem = 'has no namespace'
    refuse(where, 'key', problem, "Write '<namespace>:<rest>', the namespace in small letters, digits and dashes")
  }
  return key
}

/** An id, a member, a holder. */
export function nameOf(where: string, option: string, name: string): string {
  const fix = `Give a text of 1 to ${MOST_BYTES} bytes without control characters`
  if (typeof name !== 'string' || name === '') refuse(where, option, 'must be a text that is not empty', fix)
  if (name.length > MOST_BYTES || Buffer.byteLength(name) > MOST_BYTES) {
    refuse(where, option, `is longer than ${MOST_BYTES} bytes`, fix)
  }
  if (UNFIT.test(name)) refuse(where, option, 'has control characters, or is no well-formed text', fix)
  return name
}

/** A whole number from `least` to `most`. */
export function wholeOf(where: string, option: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  const fix = `Give a whole number from ${least} to ${most}`
  return refuse(where, option, `is ${String(value)}`, fix)
}

/** A length of time. */
export function lengthOf(where: string, option: string, ms: number): number {
  if (typeof ms === 'number' && ms >= 1 && ms <= MOST_TTL_MS) return ms
  return refuse(where, option, `is ${String(ms)}`, 'Give 1 ms to 400 days, in milliseconds')
}

/** A point of time. */
export function timeOf(where: string, atMs: number): number {
  if (typeof atMs === 'number' && !Number.isNaN(atMs) && atMs >= 0) return atMs
  return refuse(where, 'atMs', `is ${String(atMs)}`, 'Give milliseconds since 1970, or Infinity')
}

/** A version or a position; undefined stays undefined. */
export function numberOf<Given extends number | undefined>(where: string, option: string, value: Given): Given {
  if (value !== undefined) wholeOf(where, option, value, 0, Number.MAX_SAFE_INTEGER)
  return value
}

/** The value, if it fits. */
export function valueOf(where: string, key: string, value: StoreValue, limit: number): StoreValue {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    refuse(where, 'value', 'is neither text nor bytes', 'Encode it: JSON.stringify for plain data')
  }
  // As text that is not well-formed comes back from UTF-8, whatever the kind.
  if (typeof value === 'string' && /\p{Cs}/u.test(value)) {
    refuse(where, 'value', 'is no well-formed text', 'Give it as bytes')
  }
  const size = typeof value === 'string' ? sizeOfText(value) : value.byteLength
  if (size > limit) throw new LovageError('STORE_VALUE_TOO_LARGE', { key, size, limit })
  return value
}

function sizeOfText(text: string): number {
  return text.length < MOST_BYTES ? encoder.encode(text).length : Buffer.byteLength(text)
}
