import { isoTime } from './iso-time.ts'

/** A time of day that says how far it is from UTC. */
const AWARE = /:\d\d(?:[.,]\d+)?(?:[Zz]|[+-])/

/** Whether a time of day stands without its offset from UTC. */
export function isNaive(text: string): boolean {
  return text.includes(':') && !AWARE.test(text)
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** Names of time zones that are kept ready; whoever reads messages knows one. */
const MAX_FORMATS = 16

/**
 * Milliseconds since 1970 of ISO 8601 text, as {@link isoTime}; a time without an offset is one of the zone, where a Python
 * with the same `timezone` means it so. A time that its clocks skip or repeat is read with the offset before the change.
 * @param zone as `Asia/Shanghai`
 */
export function isoTimeIn(text: string, zone: string): number | undefined {
  const asUtc = isoTime(text)
  if (asUtc === undefined || zone === 'UTC' || AWARE.test(text)) return asUtc
  const before = asUtc - offsetMs(asUtc - DAY_MS, zone)
  const guess = asUtc - offsetMs(asUtc, zone)
  for (const at of [before, guess, asUtc - offsetMs(guess, zone)]) if (at + offsetMs(at, zone) === asUtc) return at
  return before
}

const DAY_MS = 86_400_000

/** How far the clocks of the zone are ahead of UTC at a moment, in milliseconds. */
export function offsetMs(atMs: number, zone: string): number {
  const name =
    formatOf(zone)
      .formatToParts(atMs)
      .find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(name) ?? []
  const ms = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000
  return sign === '-' ? -ms : ms
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  if (formats.size >= MAX_FORMATS) formats.clear()
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  formats.set(zone, made)
  return made
}
