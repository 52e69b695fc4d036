import { isUtf8 } from 'node:buffer'
import { CannotRead } from './json-read.ts'
import { formatIso, isoTime } from './iso-time.ts'

/** The names that kombu 5.3 and later revive; a name they do not know makes them drop the whole message. */
const KNOWN = new Set(['datetime', 'date', 'time', 'decimal', 'uuid', 'bytes', 'base64'])

/** Whether the parsed text may hold typed objects: cheap, and sometimes wrongly yes. */
export function holdsTypedForms(text: string): boolean {
  // An escaped underscore spells the same name; kombu never writes one, but reads it.
  return text.includes('__type__') || text.includes('\\u005f') || text.includes('\\u005F')
}

/** The type name when `value` is exactly `{__type__, __value__}`, as kombu's reader asks. */
export function typeNameOf(value: object): unknown {
  if (!('__type__' in value) || !('__value__' in value)) return undefined
  return Object.keys(value).length === 2 ? value.__type__ : undefined
}

/** Whether kombu can revive objects of this `__type__`. */
export function isKnownType(name: unknown): boolean {
  return typeof name === 'string' && KNOWN.has(name)
}

/** Kombu's typed form of a time, as JSON text. */
export function typedDate(epochMs: number): string {
  return `{"__type__": "datetime", "__value__": "${formatIso(epochMs)}"}`
}

/** Kombu's typed form of bytes: the text where they are UTF-8, base64 where not. */
export function typedBytes(bytes: Uint8Array, quote: (text: string) => string): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return `{"__type__": "bytes", "__value__": ${quote(buffer.toString('utf8'))}}`
  return `{"__type__": "base64", "__value__": "${buffer.toString('base64')}"}`
}

/** Replaces kombu's typed objects by what they stand for, in place, the inner ones first. */
export function reviveTyped(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) value[at] = reviveTyped(value[at])
    return value
  }
  const object = value as Record<string, unknown>
  for (const name of Object.keys(object)) {
    const member = object[name]
    if (typeof member !== 'object' || member === null) continue
    // Defined, not assigned: a member may be called __proto__.
    Object.defineProperty(object, name, { value: reviveTyped(member) })
  }
  const type = typeNameOf(object)
  return type === undefined ? object : revive(type, object.__value__)
}

function revive(type: unknown, value: unknown): unknown {
  if (!isKnownType(type)) throw new CannotRead(`__type__ ${JSON.stringify(type)} is not known`)
  if (type === 'uuid') return uuidOf(value)
  if (typeof value !== 'string') throw new CannotRead(`__value__ of __type__ ${JSON.stringify(type)} is not text`)
  if (type === 'bytes') return new TextEncoder().encode(value)
  if (type === 'base64') return base64Of(value)
  if (type === 'time' || type === 'decimal') return value
  const epochMs = isoTime(value)
  if (epochMs === undefined) throw new CannotRead(`__value__ of __type__ ${JSON.stringify(type)} is not a time`)
  return new Date(epochMs)
}

function uuidOf(value: unknown): string {
  const hex = typeof value === 'object' && value !== null && 'hex' in value ? value.hex : value
  const bare = typeof hex === 'string' ? hex.replaceAll('-', '').toLowerCase() : ''
  if (!/^[0-9a-f]{32}$/.test(bare)) throw new CannotRead('__value__ of __type__ "uuid" is not a UUID')
  return bare.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function base64Of(value: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(value) || value.length % 4 !== 0) {
    throw new CannotRead('__value__ of __type__ "base64" is not base64')
  }
  return new Uint8Array(Buffer.from(value, 'base64'))
}
