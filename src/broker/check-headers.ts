import { LovageError } from '../base/errors.ts'
import { type HeaderValue, type Headers, WireValue } from '../protocol/headers.ts'

/** What a frame of RabbitMQ leaves for headers beside properties: what passes here passes there. */
const MOST_HEADER_BYTES = 131_000

const MOST_NESTED = 100

/**
 * Refuses headers that have no form on the wire, so that a program that runs in memory also runs on a real broker.
 * @throws LovageError `ENCODE_FAILED`, naming the path
 */
export function checkHeaders(headers: Headers, path = '$.headers'): void {
  const bytes = sizeOf(headers, path, 0)
  if (bytes <= MOST_HEADER_BYTES) return
  const problem = `the table takes ${bytes} bytes, more than ${MOST_HEADER_BYTES}`
  throw new LovageError('ENCODE_FAILED', { path, problem })
}

function sizeOf(table: Headers, path: string, depth: number): number {
  let bytes = 5
  // Not over `Object.keys`, which makes a list for each message.
  for (const name in table) {
    const value = table[name]
    if (typeof value === 'string') bytes += name.length + 6 + value.length
    else if (value !== undefined) bytes += name.length + 1 + sizeOfValue(value, path, `.${name}`, depth)
  }
  return bytes
}

function sizeOfValue(value: HeaderValue, path: string, name: string, depth: number): number {
  if (value === null || typeof value === 'boolean') return 2
  if (typeof value === 'number' && Number.isFinite(value)) return 9
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return 9
  if (typeof value === 'string') return 5 + value.length
  if (value instanceof WireValue) return 9
  if (value instanceof Uint8Array) return 5 + value.byteLength
  if (typeof value !== 'object') throw refused(path + name, `it is ${describe(value)}`)
  if (depth >= MOST_NESTED) throw refused(path + name, `it is nested deeper than ${MOST_NESTED}`)
  if (Array.isArray(value)) return sizeOfList(value as readonly HeaderValue[], path + name, depth + 1)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return sizeOf(value as Headers, path + name, depth + 1)
  throw refused(path + name, `it is ${describe(value)}`)
}

function sizeOfList(list: readonly HeaderValue[], path: string, depth: number): number {
  let bytes = 5
  for (let i = 0; i < list.length; i++) bytes += sizeOfValue(list[i] ?? null, path, `[${i}]`, depth)
  return bytes
}

function describe(value: unknown): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'bigint') return 'an integer of more than 64 bits'
  return typeof value === 'object'
    ? `a ${(value as object).constructor?.name ?? 'strange object'}`
    : `a ${typeof value}`
}

function refused(path: string, problem: string): LovageError {
  return new LovageError('ENCODE_FAILED', { path, problem })
}
