import type { Clock } from '../base/clock.ts'
import { hashToken, randomToken } from './auth-passwords.ts'

/** Who has logged in, and until when that holds. */
interface Session {
  readonly user: string
  /** By a clock that nobody sets: a login must not hold for longer because the time was. */
  readonly endsAtMs: number
  usedAtMs: number
}

/** More people than this look at no dashboard; the one who was away for the longest logs in again. */
const MOST = 1_000

/** So long without a request, and whoever sits down at the browser next must log in. */
const IDLE_MS = 2 * 3_600_000

/**
 * Who is logged in, by the random text in their cookie. Kept as hashes, so that no dump of the memory lets anybody in, and
 * nowhere else: a restart of the dashboard logs everybody out.
 */
export class Sessions {
  readonly #sessions = new Map<string, Session>()
  readonly #clock: Clock
  readonly #ageMs: number

  constructor(clock: Clock, ageMs: number) {
    this.#clock = clock
    this.#ageMs = ageMs
  }

  get size(): number {
    return this.#sessions.size
  }

  /** The text for the cookie of somebody who has just shown who they are. */
  begin(user: string): string {
    const nowMs = this.#clock.monotonic()
    for (const [key, session] of this.#sessions) if (isOver(session, nowMs)) this.#sessions.delete(key)
    if (this.#sessions.size >= MOST) {
      const [first] = this.#sessions.keys()
      if (first !== undefined) this.#sessions.delete(first)
    }
    const token = randomToken(this.#clock)
    this.#sessions.set(hashToken(token), { user, endsAtMs: nowMs + this.#ageMs, usedAtMs: nowMs })
    return token
  }

  /** Whose it is; undefined: nobody's, or nobody's any more. */
  userOf(token: string): string | undefined {
    const key = hashToken(token)
    const session = this.#sessions.get(key)
    if (!session) return undefined
    const nowMs = this.#clock.monotonic()
    this.#sessions.delete(key)
    if (isOver(session, nowMs)) return undefined
    session.usedAtMs = nowMs
    // Last in the map is who was here last.
    this.#sessions.set(key, session)
    return session.user
  }

  /** Whether somebody is logged in by it. Who only asks that has not used it. */
  holds(token: string): boolean {
    const session = this.#sessions.get(hashToken(token))
    return session !== undefined && !isOver(session, this.#clock.monotonic())
  }

  end(token: string): void {
    this.#sessions.delete(hashToken(token))
  }
}

function isOver({ endsAtMs, usedAtMs }: Session, nowMs: number): boolean {
  return nowMs >= endsAtMs || nowMs >= usedAtMs + IDLE_MS
}
