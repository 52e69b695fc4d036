import { offsetMs } from '../protocol/zoned-time.ts'

const DAY_MS = 86_400_000

/** Zones, and days of each, that are remembered. */
const MOST_ZONES = 16
const MOST_DAYS = 5_000

/** The offset of each day of UTC that has one all through; undefined: clocks are changed within it. */
const zones = new Map<string, Map<number, number | undefined>>()

/**
 * As `offsetMs`, which asks a formatter each time: of days on which no clock is changed it is remembered. No zone changes its
 * clocks twice within two days, so a day that ends as it began has had no change.
 */
export function offsetOf(atMs: number, zone: string): number {
  const days = zones.get(zone) ?? known(zone)
  const day = Math.floor(atMs / DAY_MS)
  let offset = days.get(day)
  if (offset === undefined && !days.has(day)) {
    const first = offsetMs(day * DAY_MS, zone)
    offset = first === offsetMs((day + 1) * DAY_MS, zone) ? first : undefined
    if (days.size >= MOST_DAYS) days.clear()
    days.set(day, offset)
  }
  return offset ?? offsetMs(atMs, zone)
}

function known(zone: string): Map<number, number | undefined> {
  const days = new Map<number, number | undefined>()
  if (zones.size >= MOST_ZONES) zones.clear()
  zones.set(zone, days)
  return days
}
