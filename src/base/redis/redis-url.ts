import { LovageError } from '../errors.ts'
import { redactUrl } from '../redact.ts'

/** What the URL of a Redis says. */
export interface RedisUrl {
  /** As it was written, password hidden. */
  readonly redacted: string
  /** The server, or the sentinels that know which server it is. */
  readonly at: RedisServer | RedisSocket | RedisSentinels
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: number
  readonly tls: RedisTls | undefined
  /** The parameters of the query that are not about the connection, as they came. */
  readonly options: ReadonlyMap<string, string>
}

export interface RedisHost {
  readonly host: string
  readonly port: number
}

interface RedisServer extends RedisHost {
  readonly kind: 'server'
}

interface RedisSocket {
  readonly kind: 'socket'
  readonly path: string
}

interface RedisSentinels {
  readonly kind: 'sentinels'
  readonly sentinels: readonly RedisHost[]
  /** What the sentinels call the servers. */
  readonly masterName: string
  readonly user: string | undefined
  readonly password: string | undefined
}

/** Files are PEM. */
export interface RedisTls {
  readonly verify: boolean
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

const SCHEMES = ['redis', 'rediss', 'redis+socket', 'redis+unix', 'unix', 'sentinel', 'sentinels']

/** Parameters that say how to connect; each seam adds its own. */
const CONNECTION = [
  'virtual_host',
  'db',
  'master_name',
  'sentinel_username',
  'sentinel_password',
  'ssl_cert_reqs',
  'ssl_ca_certs',
  'ssl_certfile',
  'ssl_keyfile',
]

/** Celery's transport options that a URL may carry. Those of another seam are no error: one URL may serve all. */
export const REDIS_OPTIONS = [
  'visibility_timeout',
  'global_keyprefix',
  'fanout_prefix',
  'fanout_patterns',
  'result_chord_ordered',
]

const FORM = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i

/** Whether a scheme is one of Redis; those of a cluster are, so that they can be refused by name. */
export function isRedisScheme(scheme: string): boolean {
  return SCHEMES.includes(scheme) || isClusterScheme(scheme)
}

/**
 * Reads a URL of Celery's forms: `redis://user:password@host:6379/0`, `rediss://` over TLS (`ssl_cert_reqs`,
 * `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`), `redis+socket:///path/to.sock?virtual_host=0`, and
 * `sentinel://host:26379;sentinel://other:26379/0?master_name=mymaster`. `known` are the further parameters.
 * @throws LovageError `OPTION_INVALID`, `CAPABILITY_MISSING` (a cluster)
 */
export function parseRedisUrl(text: string, where: string, known: readonly string[]): RedisUrl {
  const redacted = text.split(';').map(redactUrl).join(';')
  const invalid = (problem: string): LovageError =>
    new LovageError('OPTION_INVALID', {
      option: 'url',
      where,
      problem: `(${redacted}) ${problem}`,
      fix: 'Write it as redis://user:password@host:6379/0, with special characters percent-encoded',
    })
  const parts = text.split(';').map((one) => readPart(one, invalid))
  const last = parts.at(-1) as Part
  const { scheme, query } = last
  if (isClusterScheme(scheme)) throw clusterRefused(where)
  if (parts.some((part) => part.scheme !== scheme)) throw invalid('has alternatives of different kinds')
  const isSentinel = scheme.startsWith('sentinel')
  if (parts.length > 1 && !isSentinel) throw invalid('has several servers, which only sentinel:// can have')
  const all = [...CONNECTION, ...known]
  const stranger = [...query.keys()].find((name) => !all.includes(name))
  if (stranger !== undefined) throw invalid(`has the parameter ${stranger}; known are ${all.join(', ')}`)
  return {
    redacted,
    at: isSentinel ? readSentinels(parts, query, invalid) : readServer(last, invalid),
    ...readLogin(parts.find((part) => part.login !== undefined)?.login, invalid),
    database: readDatabase(last, invalid),
    tls: scheme === 'rediss' || scheme === 'sentinels' ? readTls(query, invalid) : undefined,
    options: new Map([...query].filter(([name]) => known.includes(name))),
  }
}

/** What kind of broker or backend it is that cannot be a cluster, and why. */
export function clusterRefused(where: string): LovageError {
  return new LovageError('CAPABILITY_MISSING', {
    what: `A Redis Cluster as ${where}`,
    needs: 'keys of several names in one atomic step',
    kind: 'a cluster',
    fix: 'Use one Redis, or several behind sentinels (sentinel://)',
  })
}

type Invalid = (problem: string) => LovageError

interface Part {
  readonly scheme: string
  readonly login: string | undefined
  readonly host: string
  readonly path: string
  readonly query: URLSearchParams
}

function isClusterScheme(scheme: string): boolean {
  return /^redis[s+-]*cluster$/.test(scheme)
}

function readPart(text: string, invalid: Invalid): Part {
  const match = FORM.exec(text)
  if (!match) throw invalid('is not a URL')
  const [, scheme = '', login, host = '', path = '', search = ''] = match
  return { scheme: scheme.toLowerCase(), login, host, path, query: new URLSearchParams(search) }
}

function readServer({ scheme, host, path }: Part, invalid: Invalid): RedisUrl['at'] {
  if (!scheme.startsWith('redis+') && scheme !== 'unix') return { kind: 'server', ...readHost(host, 6379, invalid) }
  return { kind: 'socket', path: `/${decode(path || host, invalid).replace(/^\/+/, '')}` }
}

function readSentinels(parts: readonly Part[], query: URLSearchParams, invalid: Invalid): RedisSentinels {
  return {
    kind: 'sentinels',
    sentinels: parts.flatMap(({ host }) => host.split(',').map((one) => readHost(one, 26_379, invalid))),
    masterName: query.get('master_name') ?? 'mymaster',
    user: query.get('sentinel_username') ?? undefined,
    password: query.get('sentinel_password') ?? undefined,
  }
}

function readHost(text: string, usualPort: number, invalid: Invalid): RedisHost {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/i.exec(text)
  const port = match?.[3] === undefined ? usualPort : Number(match[3])
  if (!match || port < 1 || port > 65_535) throw invalid('has a host or port that is none')
  return { host: match[1] ?? (decode(match[2] ?? '', invalid) || 'localhost'), port }
}

function readLogin(login: string | undefined, invalid: Invalid): Pick<RedisUrl, 'user' | 'password'> {
  if (login === undefined) return { user: undefined, password: undefined }
  const colon = login.indexOf(':')
  const user = decode(colon < 0 ? login : login.slice(0, colon), invalid)
  const password = colon < 0 ? '' : decode(login.slice(colon + 1), invalid)
  return { user: user || undefined, password: password || undefined }
}

function readDatabase({ scheme, path, query }: Part, invalid: Invalid): number {
  const isSocket = scheme.startsWith('redis+') || scheme === 'unix'
  const text = query.get('virtual_host') ?? query.get('db') ?? (isSocket ? '' : path)
  const digits = text.replace(/^\/+/, '')
  if (!/^\d{0,6}$/.test(digits)) throw invalid('has a database that is no number')
  return Number(digits)
}

function readTls(query: URLSearchParams, invalid: Invalid): RedisTls {
  const requires = (query.get('ssl_cert_reqs') ?? 'required').toLowerCase().replace(/^cert_/, '')
  if (!['required', 'optional', 'none'].includes(requires)) {
    throw invalid('has an ssl_cert_reqs other than required, optional, none')
  }
  return {
    verify: requires !== 'none',
    caFile: query.get('ssl_ca_certs') ?? undefined,
    certFile: query.get('ssl_certfile') ?? undefined,
    keyFile: query.get('ssl_keyfile') ?? undefined,
  }
}

function decode(part: string, invalid: Invalid): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('has a percent sign that encodes nothing')
  }
}
