import type { IncomingHttpHeaders } from 'node:http'
import { LovageError } from './errors.ts'

/** What the server asks about where a request of a browser comes from. */
export interface Origins {
  /** Why the request is not answered; undefined: it may be. */
  refusal(method: string, headers: IncomingHttpHeaders): LovageError | undefined
  /** What lets a page of an allowed origin read the response; undefined for all others. */
  grant(headers: IncomingHttpHeaders): Readonly<Record<string, string>> | undefined
}

/** Methods that change nothing: a page of another site may send them, and cannot read what comes back. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Headers of ours that a page may want to read, beside those that every page may. */
const EXPOSED = 'location, retry-after, preference-applied'

/** Seconds that a browser may remember what a preflight was answered. */
const REMEMBERED_S = '600'

const NO_LIST: Origins = {
  refusal: refusalWithout((): boolean => false),
  grant: () => undefined,
}

/**
 * Makes the check of where a request comes from. A browser sends POST for any page to any address, with the cookies of
 * the address; it says which page it was, and no page can change that. Requests of programs say nothing and pass.
 *
 * `allowed`: see `allowedOrigins` of gateway and dashboard.
 */
export function originCheck(allowed: readonly string[]): Origins {
  if (allowed.length === 0) return NO_LIST
  const names = new Set(allowed.map((origin) => origin.toLowerCase()))
  const isAny = names.has('*')
  const below = [...names].flatMap((name) => {
    const [scheme, end] = name.split('://*')
    return end?.startsWith('.') ? [{ scheme: `${scheme}://`, end }] : []
  })
  const isAllowed = (given: string): boolean => {
    const origin = given.toLowerCase()
    if (isAny || names.has(origin)) return true
    return below.some(({ scheme, end }) => {
      const middle = origin.slice(scheme.length, -end.length)
      return origin.startsWith(scheme) && origin.endsWith(end) && /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(middle)
    })
  }
  return {
    refusal: refusalWithout(isAllowed),
    grant: ({ origin }) => {
      if (origin === undefined || !isAllowed(origin)) return { vary: 'origin' }
      const headers = {
        vary: 'origin',
        'access-control-allow-origin': origin,
        'access-control-expose-headers': EXPOSED,
      }
      // With cookies only for those that are named: "any" may not act for the user of a page.
      return isAny ? headers : { ...headers, 'access-control-allow-credentials': 'true' }
    },
  }
}

function refusalWithout(isAllowed: (origin: string) => boolean): Origins['refusal'] {
  return (method, { origin, host, 'sec-fetch-site': site }) => {
    if (SAFE.has(method)) return undefined
    // What the browser itself says is surer than names: a proxy may have changed the host.
    if (site === 'same-origin' || site === 'none') return undefined
    if (origin === undefined) {
      return site === undefined ? undefined : new LovageError('ORIGIN_REFUSED', { origin: 'of another site' })
    }
    if (site === undefined && isSame(origin, host)) return undefined
    return isAllowed(origin)
      ? undefined
      : new LovageError('ORIGIN_REFUSED', { origin: JSON.stringify(origin.slice(0, 256)) })
  }
}

/** Whether the page is one of this very host. Its scheme is not compared: before a proxy it may be another. */
function isSame(origin: string, host: string | undefined): boolean {
  if (host === undefined) return false
  const at = origin.indexOf('://')
  return at !== -1 && withoutPort(origin.slice(at + 3)) === withoutPort(host)
}

/** Names and ports as they are, but for the ports that are never said by browsers. */
function withoutPort(host: string): string {
  return host.toLowerCase().replace(/:(?:80|443)$/, '')
}

/** Whether a browser asks for a page whether it may send something else. */
export function isPreflight(method: string, headers: IncomingHttpHeaders): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && 'access-control-request-method' in headers
}

/** The headers of the answer to a preflight of an allowed origin. */
export function preflightHeaders(
  methods: readonly string[],
  { 'access-control-request-headers': asked }: IncomingHttpHeaders,
): Readonly<Record<string, string>> {
  return {
    'access-control-allow-methods': methods.join(', '),
    // Which headers there are is no secret, and none of them does anything that the methods do not.
    ...(asked === undefined ? undefined : { 'access-control-allow-headers': asked }),
    'access-control-max-age': REMEMBERED_S,
  }
}
