import { createHash } from 'node:crypto'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { checkAll, flag, shown, text, Unfit, wait, type Check, type Checks } from '../app/check.ts'
import { assertReaders, assertStore } from '../app/capabilities.ts'
import type { Settings } from '../app/settings.ts'
import { invalid } from './options.ts'
import type { RouteRequest } from './route.ts'

/** How retries of one request are known, and share one task. */
export interface JoinOptions<Params = Readonly<Record<string, string>>> {
  /**
   * What tells that two requests of this route are the same one: a header that the client sets, or what a function makes of
   * the request. Without the header (`required`: 400), or where the function gives undefined, a request is on its own.
   */
  readonly key:
    | { readonly header: string; readonly required?: boolean }
    | ((request: RouteRequest<Params>) => string | undefined)
  /** How long a request is answered from the task of the first one. Default `'10m'`; no longer than results are kept. */
  readonly ttl?: Duration
  /**
   * What must be the same too, else the request is refused with 422. Default: path, query and body, where the key is a
   * header; nothing where it is a function. False: nothing.
   */
  readonly fingerprint?: ((request: RouteRequest<Params>) => string) | false
}

/** The option, checked. */
export interface JoinRule {
  /** Names the route: keys of others are others. */
  readonly where: string
  readonly ttlMs: number
  /** @throws LovageError `HEADER_INVALID` */
  readonly keyOf: (request: RouteRequest) => string | undefined
  readonly printOf: (request: RouteRequest) => string
}

interface Checked {
  key: { header: string; required?: boolean } | ((request: RouteRequest) => string | undefined)
  ttl: number
  fingerprint: ((request: RouteRequest) => string) | false
}

/** The option `join`, checked. */
export type CheckedJoin = Pick<Checked, 'key'> & Partial<Checked>

/** Longest value of a header that is taken for a key. */
const LONGEST = 255

/**
 * A short text that is the same for the same body, and for no other: what a route can join retries by whose client sends no
 * key, `join: { key: bodyHash }`.
 */
export function bodyHash({ raw }: Pick<RouteRequest, 'raw'>): string {
  return createHash('sha256').update(raw).digest('hex')
}

const unfit = (option: string, problem: string, fix: string): Unfit =>
  new Unfit(`has a member ${option} that ${problem}`, fix)

const keyOption: Check<Checked['key']> = (value) => {
  if (typeof value === 'function') return value as (request: RouteRequest) => string | undefined
  const fix = "Write { header: 'Idempotency-Key' }, or (request) => ..."
  if (typeof value !== 'object' || value === null) throw new Unfit(`is ${shown(value)}`, fix)
  const { header, required } = checkAll<{ header: string; required: boolean }>(
    value,
    { header: (name) => text(name).toLowerCase(), required: flag },
    { unknown: (option) => unfit(option, 'does not exist', fix), invalid: unfit },
  )
  if (header === undefined) throw new Unfit(`is ${shown(value)}, without a header`, fix)
  return { header, required: required ?? false }
}

const CHECKS: Checks<Checked> = {
  key: keyOption,
  ttl: wait,
  fingerprint: (value) => {
    if (value === false || typeof value === 'function') return value as Checked['fingerprint']
    throw new Unfit(`is ${shown(value)}`, 'Write (request) => ..., or false')
  },
}

/** Checks the option `join` of a route. */
export const joinOption: Check<CheckedJoin> = (value) => {
  if (typeof value !== 'object' || value === null) {
    throw new Unfit(`must be an object, and is ${shown(value)}`, "Write { key: { header: 'Idempotency-Key' } }")
  }
  const checked = checkAll<Checked>(value, CHECKS, {
    unknown: (option, fix) => unfit(option, 'does not exist', fix),
    invalid: unfit,
  })
  if (checked.key === undefined) throw new Unfit('has no key', "Write { key: { header: 'Idempotency-Key' } }")
  return { ...checked, key: checked.key }
}

/**
 * Refuses a route that joins where retries cannot be known, or their answers not be read.
 * @throws LovageError `CAPABILITY_MISSING`, `OPTION_INVALID`
 */
export function assertJoins(settings: Settings, { where, ttlMs }: JoinRule): void {
  const what = `${where} with join`
  assertStore(settings, what)
  assertReaders(settings, what)
  if (ttlMs <= settings.resultExpiresMs) return
  const problem = `has a ttl of ${ttlMs} ms, longer than results are kept: ${settings.resultExpiresMs} ms`
  throw invalid('join', problem, 'Make it shorter, or resultExpires of the settings longer', where)
}

/** The rule of a route; undefined: its requests are not joined. */
export function joinRule(where: string, given: CheckedJoin | undefined): JoinRule | undefined {
  if (!given) return undefined
  const { key, ttl = 600_000, fingerprint } = given
  const none = (): string => ''
  const own = typeof key === 'function' ? none : wholeRequest
  return {
    where,
    ttlMs: ttl,
    keyOf: typeof key === 'function' ? (request) => textOf(key(request)) : (request) => headerKey(request, key),
    printOf: fingerprint === false ? none : (fingerprint ?? own),
  }
}

function headerKey(
  { headers }: RouteRequest,
  { header, required }: { header: string; required?: boolean },
): string | undefined {
  const given = headers[header]
  if (given === undefined && !required) return undefined
  const value = String(given ?? '').trim()
  if (value !== '' && value.length <= LONGEST) return value
  const problem = given === undefined ? 'is missing' : value === '' ? 'is empty' : `has more than ${LONGEST} characters`
  throw new LovageError('HEADER_INVALID', {
    header,
    problem,
    fix: 'Send a key of your own with each request, the same with its retries',
  })
}

function textOf(key: unknown): string | undefined {
  return key === undefined || key === null || key === '' ? undefined : String(key)
}

function wholeRequest({ url, raw }: RouteRequest): string {
  return createHash('sha256').update(url).update('\0').update(raw).digest('hex')
}
