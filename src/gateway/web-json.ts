import { encodeJson } from '../protocol/json.ts'

/** Deeper values are left to the careful writer, which says so. */
const DEEP = 500

/**
 * JSON as web clients read it: compact, integers beyond 2^53 in all their digits, dates as ISO text, bytes as base64.
 * @throws LovageError `ENCODE_FAILED` for what JSON cannot say: NaN, endless numbers, functions, circular values
 */
export function webJson(value: unknown): string {
  // The platform's own writer is several times faster, but it would write NaN as null and bytes as an object.
  return isPlain(value, 0) ? JSON.stringify(value) : encodeJson(withoutBytes(value, 0), { types: 'plain' })
}

function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      return value === null || (depth < DEEP && isPlainObject(value, depth + 1))
    case 'undefined':
      return depth > 0
    default:
      return false
  }
}

function isPlainObject(value: object, depth: number): boolean {
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth))
  if (!isRecord(value) || 'toJSON' in value) return false
  for (const name of Object.keys(value)) {
    if (!isPlain((value as Record<string, unknown>)[name], depth)) return false
  }
  return true
}

function withoutBytes(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > DEEP) return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map((item) => withoutBytes(item, depth + 1))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutBytes(member, depth + 1)]))
}

/** No instance of a class: nothing stands between it and the end of the chain but Object, or what stands in for it. */
function isRecord(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
