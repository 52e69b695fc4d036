// The time as the server has it: ages are differences of the server's times, and browsers' clocks go wrong.
import { signal } from '@preact/signals'

/** Less than this is the second that a Date header is cut to, and the way here. */
const TOLERATED_MS = 2_000

let offsetMs = 0

/** The server's time, once a second while the page is seen: what ages are counted from. */
export const now = signal(Date.now())

/** The server's time, at this moment. */
export function serverNow(): number {
  return Date.now() + offsetMs
}

/** Takes the server's time from an answer's Date header. */
export function learnServerTime(header: string | null): void {
  const at = header ? Date.parse(header) : Number.NaN
  if (Number.isNaN(at)) return
  const difference = at - Date.now()
  offsetMs = Math.abs(difference) > TOLERATED_MS ? difference : 0
}

setInterval(() => {
  if (!document.hidden) now.value = serverNow()
}, 1_000)
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) now.value = serverNow()
})
