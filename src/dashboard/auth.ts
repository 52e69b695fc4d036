import { isIP } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { Attempts } from './auth-attempts.ts'
import { hashToken, isPassword, isSameText } from './auth-passwords.ts'
import { Sessions } from './auth-sessions.ts'
import { type Accounts, readAccounts } from './auth-users.ts'
import type { Identity } from './context.ts'
import type { ResolvedOptions } from './options.ts'

/** How many passwords that were right are known again without the work of hashing them, and for how long. */
const MOST_KNOWN = 100
const KNOWN_MS = 5 * 60_000

/** Where a cookie says who somebody is; a browser takes one of the second name from this very host over TLS alone. */
const COOKIE = 'lovage_session'
const SECURE_COOKIE = `__Host-${COOKIE}`

/** By what somebody has shown who they are. */
export type Means = 'cookie' | 'token' | 'password'

/** Who a request comes from. */
export interface Caller {
  readonly identity: Identity
  readonly means: Means
  /** Whether it still is so; not there: it is for as long as this runs. */
  readonly holds?: () => boolean
}

/** Who may come in: by a session's cookie, an API token, or name and password with each request. */
export class Door {
  readonly attempts: Attempts
  readonly #accounts: Accounts
  readonly #sessions: Sessions
  readonly #ageMs: number
  readonly #isSecure: boolean
  readonly #clock: Clock
  /** Until when a name and password are known to be right, by a hash of both. */
  readonly #known = new Map<string, { readonly name: string; readonly untilMs: number }>()
  /** Its own for each process: the hashes above are of no use elsewhere. */
  readonly #salt: string

  /** @throws LovageError `OPTION_INVALID` */
  constructor(options: ResolvedOptions, clock: Clock) {
    const { usersFile, host, insecure, sessionAgeMs, secureCookies } = options
    const ofFile = usersFile === undefined ? { users: [], tokens: [] } : readAccounts(usersFile)
    this.#accounts = { users: [...options.users, ...ofFile.users], tokens: [...options.tokens, ...ofFile.tokens] }
    if (!this.isLocked && !insecure && !isLoopback(host)) throw open(host)
    this.#clock = clock
    this.#sessions = new Sessions(clock, sessionAgeMs)
    this.attempts = new Attempts(clock)
    this.#ageMs = sessionAgeMs
    this.#isSecure = secureCookies
    this.#salt = clock.uuid()
  }

  /** False: nobody need say who they are. */
  get isLocked(): boolean {
    return this.#accounts.users.length > 0 || this.#accounts.tokens.length > 0
  }

  /**
   * Who asks; undefined: nobody who is known. `wrong` is told of a name whose password was not that.
   * @throws LovageError `LOGIN_WAIT`
   */
  async callerOf(request: FastifyRequest, wrong?: (name: string) => Promise<void>): Promise<Caller | undefined> {
    const { authorization } = request.headers
    const [, scheme = '', shown = ''] = /^(\w+) +(\S+)$/.exec(authorization ?? '') ?? []
    if (scheme.toLowerCase() === 'bearer') return this.#byToken(shown)
    if (scheme.toLowerCase() === 'basic') return this.#byPassword(shown, request.ip, wrong)
    const cookie = cookieOf(request)
    const name = cookie && this.#sessions.userOf(cookie)
    // Who was taken out of the list is out; a role is that of now.
    const identity = name === undefined || name === '' ? undefined : this.#identityOf(name)
    if (!identity || cookie === undefined) return undefined
    return { identity, means: 'cookie', holds: () => this.#sessions.holds(cookie) }
  }

  /**
   * Somebody shows who they are, and is known from then on by the cookie that is set.
   * @throws LovageError `LOGIN_FAILED`, `LOGIN_WAIT`
   */
  async logIn(name: string, password: string, ip: string, reply: FastifyReply): Promise<Identity> {
    const identity = await this.#check(name, password, ip)
    if (!identity) throw new LovageError('LOGIN_FAILED')
    void reply.header('set-cookie', this.#cookie(this.#sessions.begin(name), Math.floor(this.#ageMs / 1000)))
    return identity
  }

  logOut(request: FastifyRequest, reply: FastifyReply): void {
    const cookie = cookieOf(request)
    if (cookie !== undefined) this.#sessions.end(cookie)
    void reply.header('set-cookie', this.#cookie('', 0))
  }

  #byToken(shown: string): Caller | undefined {
    const hash = hashToken(shown)
    // All are compared, so that the time tells nothing.
    const [token] = this.#accounts.tokens.filter((each) => isSameText(each.token, hash))
    return token && { identity: { user: token.name, role: token.role }, means: 'token' }
  }

  async #byPassword(
    shown: string,
    ip: string,
    wrong: ((name: string) => Promise<void>) | undefined,
  ): Promise<Caller | undefined> {
    const text = Buffer.from(shown, 'base64').toString()
    const colon = text.indexOf(':')
    if (colon < 0) return undefined
    const name = text.slice(0, colon)
    const identity = await this.#check(name, text.slice(colon + 1), ip)
    if (!identity) await wrong?.(name)
    return identity && { identity, means: 'password' }
  }

  async #check(name: string, password: string, ip: string): Promise<Identity | undefined> {
    const key = hashToken(`${this.#salt}:${name}:${password}`)
    const nowMs = this.#clock.monotonic()
    const known = this.#known.get(key)
    if (known && nowMs < known.untilMs) return this.#identityOf(known.name)
    const tried = [`name ${name.slice(0, 100)}`, `address ${ip}`]
    const waitMs = this.attempts.waitMs(...tried)
    if (waitMs > 0) throw wait(waitMs)
    const user = this.#accounts.users.find((each) => each.name === name)
    const isRight = await this.attempts.check(() => {
      // Others may have failed while this one stood in line: a crowd of guesses must not get in side by side.
      const stillMs = this.attempts.waitMs(...tried)
      if (stillMs > 0) throw wait(stillMs)
      return isPassword(password, user?.password)
    })
    if (isRight === undefined) throw wait(1_000)
    if (!isRight || !user) {
      this.attempts.failed(...tried)
      return undefined
    }
    this.attempts.succeeded(...tried)
    const [first] = this.#known.keys()
    if (this.#known.size >= MOST_KNOWN && first !== undefined) this.#known.delete(first)
    this.#known.set(key, { name, untilMs: nowMs + KNOWN_MS })
    return { user: user.name, role: user.role }
  }

  #identityOf(name: string): Identity | undefined {
    const user = this.#accounts.users.find((each) => each.name === name)
    return user && { user: user.name, role: user.role }
  }

  #cookie(value: string, seconds: number): string {
    const rest = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}`
    return this.#isSecure ? `${SECURE_COOKIE}=${value}; Secure; ${rest}` : `${COOKIE}=${value}; ${rest}`
  }
}

/** Whether nobody outside of this machine reaches an address. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1'
}

function cookieOf({ headers: { cookie } }: FastifyRequest): string | undefined {
  const pairs = (cookie ?? '').split(';').map((pair) => pair.trim().split('='))
  return pairs.find(([name]) => name === SECURE_COOKIE || name === COOKIE)?.[1]
}

function wait(waitMs: number): LovageError {
  return new LovageError('LOGIN_WAIT', { retryAfterS: Math.ceil(waitMs / 1000) })
}

function open(host: string): LovageError {
  return new LovageError('OPTION_INVALID', {
    option: 'host',
    where: 'dashboard()',
    problem: `is ${host}, which others reach too, and there is nobody who may log in`,
    fix: 'Give users or usersFile (`lovage dashboard --hash-password` makes the hash), or say insecure: true',
  })
}
