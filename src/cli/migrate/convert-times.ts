import { isThing, type PythonValue } from './python-value.ts'

/** A number of seconds, or a timedelta, in seconds. */
export function secondsOf(value: PythonValue): number | undefined {
  if (typeof value === 'number' && value >= 0) return value
  return isThing(value) && value.$ === 'timedelta' ? value.seconds : undefined
}

/** `90` is `90s`, `86400` is `1d`. */
export function durationText(seconds: number): string {
  for (const [letter, length] of [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ] as const) {
    if (seconds > 0 && seconds % length === 0) return `${seconds / length}${letter}`
  }
  return Number.isInteger(seconds) ? `${seconds}s` : `${Math.round(seconds * 1000)}ms`
}
