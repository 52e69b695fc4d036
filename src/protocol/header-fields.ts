import { LovageError } from '../base/errors.ts'
import { plainHeader, type HeaderValue, type Headers } from './headers.ts'
import { isoTime } from './iso-time.ts'

/**
 * Readers of single headers. What is missing or null has a default; what is there and of another type is the sender's
 * mistake and is named. They read decoded protocol 1 bodies as well: the same fields, out of JSON.
 */

/** Fields by name: headers, or the members of a protocol 1 body. */
export type Fields = Headers | Readonly<Record<string, unknown>>

/** Text, or null where it is missing. */
export function textField(fields: Fields, name: string): string | null {
  const value = fieldOf(fields, name)
  if (value === undefined || value === null || typeof value === 'string') return value ?? null
  throw invalid(name, 'text')
}

/** Text that must be there and not be empty. */
export function requiredField(fields: Fields, name: string): string {
  const value = textField(fields, name)
  if (value) return value
  throw new LovageError('MESSAGE_INVALID', { problem: `header ${name} is missing or empty` })
}

/** ISO 8601 text as it came, or null where it is missing or empty. */
export function timeField(fields: Fields, name: string): string | null {
  const value = textField(fields, name)
  if (!value) return null
  if (isoTime(value) === undefined) throw invalid(name, 'an ISO 8601 time')
  return value
}

/** An integer from 0 up, or null where it is missing. */
export function countField(fields: Fields, name: string): number | null {
  const value = fieldOf(fields, name)
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(name, 'an integer from 0 up')
}

/** A boolean, or 0 or 1; false where it is missing. */
export function flagField(fields: Fields, name: string): boolean {
  const value = fieldOf(fields, name)
  if (value === undefined || value === null) return false
  if (typeof value === 'boolean') return value
  if (value === 0 || value === 1) return value === 1
  throw invalid(name, 'true or false')
}

/** `[hard, soft]` in seconds, each null where there is no limit. */
export function timelimitField(fields: Fields, name: string): readonly [number | null, number | null] {
  const value = fieldOf(fields, name)
  if (value === undefined || value === null) return [null, null]
  if (!Array.isArray(value) || value.length !== 2) throw invalid(name, 'a list of two limits')
  return [secondsOf(value[0], name), secondsOf(value[1], name)]
}

function secondsOf(value: unknown, name: string): number | null {
  const seconds = plainHeader(value as HeaderValue)
  if (seconds === undefined || seconds === null) return null
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0) return seconds
  throw invalid(name, 'a list of two limits in seconds')
}

/** A list of texts, or null where it is missing. */
export function textListField(fields: Fields, name: string): readonly string[] | null {
  const value = fieldOf(fields, name)
  if (value === undefined || value === null) return null
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw invalid(name, 'a list of texts')
}

/** A table, empty where it is missing. Its values keep their wire types. */
export function tableField(fields: Headers, name: string): Headers {
  const value = fieldOf(fields, name)
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)) return value as Headers
  throw invalid(name, 'a table')
}

function fieldOf(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? plainHeader(fields[name] as HeaderValue) : undefined
}

function invalid(name: string, expected: string): LovageError {
  return new LovageError('MESSAGE_INVALID', { problem: `header ${name} is not ${expected}` })
}
