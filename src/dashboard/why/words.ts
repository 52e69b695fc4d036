/** What a broker that keeps what is for later where nobody can list it leaves open. */
export const WAITS_FOR_ITS_TIME = 'whether it waits with the broker for its time'

/** Longest name that goes into a sentence. */
const MOST = 200

/** A name that somebody else has given, cut. */
export function named(text: string): string {
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text
}

/** A length of time as people say it: `3 s`, `2 min`, `1 h 5 min`, `3 d`. */
export function lasting(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return `${Math.round(hours / 24)} d`
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`
}

/** A moment, with how far off it is: `at 2026-11-21T14:03:07Z, in 5 s`. */
export function moment(atMs: number, nowMs: number): string {
  const off = atMs > nowMs ? `in ${lasting(atMs - nowMs)}` : `${lasting(nowMs - atMs)} ago`
  if (!Number.isFinite(atMs) || Math.abs(atMs) > 8.64e15) return 'at a time that is none'
  return `at ${new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z')}, ${off}`
}

/** `1 task`, `2 tasks`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function listed(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).map(named)
  if (names.length > most) return `${shown.join(', ')} and ${names.length - most} more`
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}
