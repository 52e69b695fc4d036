import { shown, Unfit, type Check } from './check.ts'

/** A name of the IANA's list: `Asia/Shanghai`, `UTC`. */
export const zoneName: Check<string> = (value) => {
  const fix = "Write a name like 'UTC' or 'Asia/Shanghai'"
  if (typeof value !== 'string') throw new Unfit(`must be the name of a time zone, and is ${shown(value)}`, fix)
  try {
    Intl.DateTimeFormat('en-US', { timeZone: value })
  } catch {
    throw new Unfit(`names ${shown(value)}, which is no time zone`, fix)
  }
  return value
}

/** Celery's: the one that is named, else UTC, else, where that is switched off, the machine's own. */
export function zoneOf(timezone: string | undefined, enableUtc: boolean | undefined): string {
  if (timezone !== undefined) return timezone
  return enableUtc === false ? Intl.DateTimeFormat().resolvedOptions().timeZone : 'UTC'
}
