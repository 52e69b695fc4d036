import { LovageError } from '../base/errors.ts'

/** 0001-01-01 and the end of 9999: what Python's datetime can hold. */
const FIRST_MS = -62_135_596_800_000
const LAST_MS = 253_402_300_800_000

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:.(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([+-])(\d\d):?(\d\d)?(?::(\d\d)(?:\.\d+)?)?)?)?$/s

/**
 * The time as Python's `isoformat()` writes an aware datetime in UTC: `2026-11-21T02:03:23.514062+00:00`, the fraction
 * left out when it is zero and six digits long when it is not, because Celery 5.2 reads it as a count of microseconds.
 * @param epochMs milliseconds since 1970, fractions down to microseconds kept
 * @throws LovageError `ENCODE_FAILED` for a time outside of the years 1 to 9999
 */
export function formatIso(epochMs: number): string {
  return `${formatIsoNaive(epochMs)}+00:00`
}

/** The same without the offset, as a naive datetime in UTC: `2026-11-21T02:03:23.514062`. */
export function formatIsoNaive(epochMs: number): string {
  if (!isIsoTime(epochMs)) throw new LovageError('ENCODE_FAILED', { path: '$', problem: `${epochMs} is not a time` })
  // The fraction is rounded apart from the whole: far from 1970 a double has no room for all the microseconds.
  const micros = Math.round((epochMs - Math.floor(epochMs)) * 1000)
  const ms = Math.floor(epochMs) + (micros === 1000 ? 1 : 0)
  const text = new Date(ms).toISOString()
  const fraction = text.slice(20, 23) + String(micros % 1000).padStart(3, '0')
  return fraction === '000000' ? text.slice(0, 19) : `${text.slice(0, 19)}.${fraction}`
}

/** Whether the time can be written as ISO text that Python reads: a number within the years 1 to 9999. */
export function isIsoTime(epochMs: number): boolean {
  return epochMs >= FIRST_MS && epochMs < LAST_MS - 0.001
}

/**
 * Milliseconds since 1970 of ISO 8601 text as Celery writes it, fractions of a millisecond kept. Without an offset the
 * time is UTC; without a time of day it is midnight.
 * @throws LovageError `MESSAGE_INVALID` for anything else
 */
export function parseIso(text: string): number {
  const epochMs = isoTime(text)
  if (epochMs === undefined)
    throw new LovageError('MESSAGE_INVALID', { problem: `${quoted(text)} is not an ISO 8601 time` })
  return epochMs
}

/** {@link parseIso} that answers undefined instead of throwing. */
export function isoTime(text: string): number | undefined {
  const match = ISO.exec(text)
  if (!match) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', , sign, offsetHour = '0'] = match
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  // Date carries an overflow on (30 February is 1 March); Python refuses it.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day) || Number(year) === 0)
    return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const offsetMinute = Number(match[11] ?? 0)
  if (Number(offsetHour) > 23 || offsetMinute > 59) return undefined
  const offsetS = (Number(offsetHour) * 60 + offsetMinute) * 60 + Number(match[12] ?? 0)
  const ofDayS = (Number(hour) * 60 + Number(minute)) * 60 + Number(second) - (sign === '-' ? -offsetS : offsetS)
  const micros = Number(fraction.slice(0, 6).padEnd(6, '0'))
  const epochMs = date.getTime() + ofDayS * 1000 + micros / 1000
  return isIsoTime(epochMs) ? epochMs : undefined
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)
}
