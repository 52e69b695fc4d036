import { LovageError } from '../../base/errors.ts'
import { redactUrl } from '../../base/redact.ts'

/** What an `amqp://` or `amqps://` URL says. */
export interface AmqpUrl {
  /** As it was written, password hidden. */
  readonly redacted: string
  /** Tried in this order; at least one. */
  readonly hosts: readonly AmqpHost[]
  readonly user: string
  readonly password: string
  readonly vhost: string
  readonly heartbeatS: number | undefined
  /** EXTERNAL: the client's TLS certificate says who we are. */
  readonly mechanism: 'PLAIN' | 'EXTERNAL'
  /** How the queues are kept in which messages wait for their time. Default quorum. */
  readonly delayQueueType: 'quorum' | 'classic'
  /** Undefined for `amqp://`. Files are PEM. */
  readonly tls: AmqpTls | undefined
}

export interface AmqpHost {
  readonly host: string
  readonly port: number
}

export interface AmqpTls {
  readonly verify: boolean
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  /** The name that the server's certificate must have, where it is not the host's. */
  readonly serverName: string | undefined
}

const PARAMETERS = [
  'heartbeat',
  'auth_mechanism',
  'cacertfile',
  'certfile',
  'keyfile',
  'verify',
  'server_name_indication',
  'delay_queue_type',
]

const FORM = /^(amqps?):\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i

/**
 * Reads a URL of RabbitMQ's form: `amqp://user:password@host:port/vhost?heartbeat=30`, with `auth_mechanism` (`plain`, the
 * default, or `external`) and `delay_queue_type` (`quorum`, the default, or `classic`: see docs/guide-delays.md); for `amqps` also `cacertfile`, `certfile`, `keyfile`, `verify` (`verify_peer`, the default, or
 * `verify_none`) and `server_name_indication`. Without a path, and with an empty one, the virtual host is `/`, as in
 * Celery. Several hosts stand with commas between them; as in Celery, also several URLs with semicolons between them,
 * which may differ only in the host.
 * @throws LovageError `OPTION_INVALID`
 */
export function parseAmqpUrl(text: string): AmqpUrl {
  const redacted = text.split(';').map(redactUrl).join(';')
  const invalid = (problem: string): LovageError =>
    new LovageError('OPTION_INVALID', {
      option: 'url',
      where: 'the broker',
      problem: `(${redacted}) ${problem}`,
      fix: 'Write it as amqp://user:password@host:5672/vhost, with special characters percent-encoded',
    })
  const [first, ...others] = text.split(';').map((one) => parseOne(one, redacted, invalid))
  if (!first) throw invalid('is empty')
  const { hosts, ...shared } = first
  const all = [...hosts]
  for (const other of others) {
    const { hosts: more, ...rest } = other
    if (JSON.stringify(rest) !== JSON.stringify(shared))
      throw invalid('has alternatives that differ in more than the host')
    all.push(...more)
  }
  return { ...shared, hosts: all }
}

type Invalid = (problem: string) => LovageError

function parseOne(text: string, redacted: string, invalid: Invalid): AmqpUrl {
  const match = FORM.exec(text)
  if (!match) throw invalid('is not a URL')
  const [, scheme = '', login, hosts = '', path = '', search = ''] = match
  const query = new URLSearchParams(search)
  const stranger = [...query.keys()].find((name) => !PARAMETERS.includes(name))
  if (stranger !== undefined) throw invalid(`has the parameter ${stranger}; known are ${PARAMETERS.join(', ')}`)
  const heartbeat = query.get('heartbeat')
  if (heartbeat !== null && !/^\d{1,5}$/.test(heartbeat)) throw invalid('has a heartbeat that is no number of seconds')
  const mechanism = (query.get('auth_mechanism') ?? 'plain').toUpperCase()
  if (mechanism !== 'PLAIN' && mechanism !== 'EXTERNAL')
    throw invalid('has an auth_mechanism other than plain, external')
  const delayQueueType = query.get('delay_queue_type') ?? 'quorum'
  if (delayQueueType !== 'quorum' && delayQueueType !== 'classic')
    throw invalid('has a delay_queue_type other than quorum, classic')
  const isTls = scheme.toLowerCase() === 'amqps'
  const [user = '', password = ''] = login === undefined ? ['guest', 'guest'] : splitOnce(login)
  return {
    redacted,
    hosts: hosts.split(',').map((host) => parseHost(host, isTls ? 5671 : 5672, invalid)),
    user: decode(user, invalid) || 'guest',
    password: decode(password, invalid),
    vhost: decode(path, invalid) || '/',
    heartbeatS: heartbeat === null ? undefined : Number(heartbeat),
    mechanism,
    delayQueueType,
    tls: isTls ? readTls(query) : undefined,
  }
}

function splitOnce(login: string): [string, string] {
  const colon = login.indexOf(':')
  return colon < 0 ? [login, ''] : [login.slice(0, colon), login.slice(colon + 1)]
}

function parseHost(text: string, usualPort: number, invalid: Invalid): AmqpHost {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/i.exec(text)
  const port = match?.[3] === undefined ? usualPort : Number(match[3])
  if (!match || port < 1 || port > 65_535) throw invalid('has a host or port that is none')
  return { host: match[1] ?? (decode(match[2] ?? '', invalid) || 'localhost'), port }
}

function decode(part: string, invalid: Invalid): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('has a percent sign that encodes nothing')
  }
}

function readTls(query: URLSearchParams): AmqpTls {
  return {
    verify: query.get('verify') !== 'verify_none',
    caFile: query.get('cacertfile') ?? undefined,
    certFile: query.get('certfile') ?? undefined,
    keyFile: query.get('keyfile') ?? undefined,
    serverName: query.get('server_name_indication') ?? undefined,
  }
}
