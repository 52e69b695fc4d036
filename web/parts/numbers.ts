// How numbers, durations and times are written everywhere.

const PLAIN = new Intl.NumberFormat('en-US')
const COMPACT = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

/** `1,284`; from a million on `1.3M`. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  return Math.abs(value) < 1_000_000 ? PLAIN.format(value) : COMPACT.format(value)
}

/** Per second: `312/s`, `0.4/s`, `<0.1/s`. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  if (value === 0) return '0/s'
  if (value < 0.1) return '<0.1/s'
  return `${value < 10 ? value.toFixed(1).replace(/\.0$/, '') : PLAIN.format(Math.round(value))}/s`
}

/** A share of one: `1.4 %`. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return '–'
  const hundredths = share * 100
  if (hundredths > 0 && hundredths < 0.1) return '<0.1 %'
  return `${hundredths < 10 ? hundredths.toFixed(1).replace(/\.0$/, '') : Math.round(hundredths)} %`
}

const two = (value: number): string => String(value).padStart(2, '0')

/** `0.4ms`, `18ms`, `1.2s`, `48s`, `4m12s`, `3h05m`, `3d 4h`. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return '–'
  if (ms < 0) return `-${duration(-ms)}`
  if (ms === 0) return '0ms'
  if (ms < 1) return `${ms.toFixed(1)}ms`
  if (ms < 999.5) return `${Math.round(ms)}ms`
  const seconds = ms / 1_000
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole}s`
  if (whole < 3_600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}

/** How long ago, in whole units: `now`, `12s`, `4m`, `3h`, `2d`. */
export function age(ms: number): string {
  if (ms < 1_000) return 'now'
  if (ms < 60_000) return `${Math.floor(ms / 1_000)}s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)}m`
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)}h`
  return `${Math.floor(ms / 86_400_000)}d`
}

/** `14:02:11`, here. */
export function clock(ms: number): string {
  const at = new Date(ms)
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

/** `14:02`, here. */
export function hourMinute(ms: number): string {
  return clock(ms).slice(0, 5)
}

/** `2026-11-21 14:02:11.250`, here. */
export function exactly(ms: number): string {
  const at = new Date(ms)
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${clock(ms)}.${String(Math.floor(ms) % 1_000).padStart(3, '0')}`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** `412 B`, `180 MB`. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  let rest = value
  let unit = 0
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1_000
    unit += 1
  }
  return `${unit === 0 || rest >= 9.95 ? Math.round(rest) : rest.toFixed(1)} ${UNITS[unit]}`
}

/** `1 task`, `12 tasks`. */
export function many(value: number, one: string, more = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : more}`
}

/** A name's own colour: the same wherever it appears. A hue; the lightness is the theme's. */
export function hueOf(name: string): number {
  let hash = 2_166_136_261
  for (let index = 0; index < name.length; index += 1) hash = Math.imul(hash ^ name.charCodeAt(index), 16_777_619)
  return ((hash >>> 0) * 0.618_033_988) % 360
}

/** The end of a dotted name is what tells it apart: `…orders.send_mail`. The first eight characters do for an id. */
export function shortId(id: string): string {
  return id.length > 12 ? id.slice(0, 8) : id
}
