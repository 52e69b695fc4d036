import { LovageError } from '../../base/errors.ts'
import { redactUrl } from '../../base/redact.ts'

/** What an `amqp://` or `amqps://` URL says. */
export interface AmqpUrl {
  /** As it was written, password hidden. */
  readonly redacted: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly vhost: string
  readonly heartbeatS: number | undefined
  /** Undefined for `amqp://`. Files are PEM. */
  readonly tls: AmqpTls | undefined
}

export interface AmqpTls {
  readonly verify: boolean
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
  /** The name that the server's certificate must have, where it is not the host's. */
  readonly serverName: string | undefined
}

const PARAMETERS = ['heartbeat', 'cacertfile', 'certfile', 'keyfile', 'verify', 'server_name_indication']

/**
 * Reads a URL of RabbitMQ's form: `amqp://user:password@host:port/vhost?heartbeat=30`; for `amqps` also `cacertfile`,
 * `certfile`, `keyfile`, `verify` (`verify_peer`, the default, or `verify_none`) and `server_name_indication`. Without a
 * path, and with an empty one, the virtual host is `/`, as in Celery.
 * @throws LovageError `OPTION_INVALID`
 */
export function parseAmqpUrl(text: string): AmqpUrl {
  const redacted = redactUrl(text)
  const invalid = (problem: string): LovageError =>
    new LovageError('OPTION_INVALID', {
      option: 'url',
      where: 'the broker',
      problem: `(${redacted}) ${problem}`,
      fix: 'Write it as amqp://user:password@host:5672/vhost, with special characters percent-encoded',
    })
  if (!URL.canParse(text)) throw invalid('is not a URL')
  const url = new URL(text)
  const query = url.searchParams
  const stranger = [...query.keys()].find((name) => !PARAMETERS.includes(name))
  if (stranger !== undefined) throw invalid(`has the parameter ${stranger}; known are ${PARAMETERS.join(', ')}`)
  const heartbeat = query.get('heartbeat')
  if (heartbeat !== null && !/^\d{1,5}$/.test(heartbeat)) throw invalid('has a heartbeat that is no number of seconds')
  const isTls = url.protocol === 'amqps:'
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part)
    } catch {
      throw invalid('has a percent sign that encodes nothing')
    }
  }
  return {
    redacted,
    host: url.hostname.replace(/^\[|\]$/g, '') || 'localhost',
    port: url.port ? Number(url.port) : isTls ? 5671 : 5672,
    user: decode(url.username) || 'guest',
    password: url.username || url.password ? decode(url.password) : 'guest',
    vhost: decode(url.pathname.slice(1)) || '/',
    heartbeatS: heartbeat === null ? undefined : Number(heartbeat),
    tls: isTls ? readTls(query) : undefined,
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
