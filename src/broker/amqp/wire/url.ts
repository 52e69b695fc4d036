import { LovageError } from '../../../base/errors.ts'

/** One place where a broker may be, and how to enter. */
export interface AmqpTarget {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly user: string
  readonly password: string
  readonly vhost: string
  /** What the query of the URL says, as it stands there. */
  readonly query: Readonly<Record<string, string>>
}

const FORM = /^(amqps?):\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/

/**
 * Reads `amqp://user:password@host:port/vhost?query`. Several hosts may stand with commas between them (sharing the rest),
 * several whole URLs with semicolons, as kombu has it; they are tried in that order. Without user `guest`, without port
 * 5672 (amqps: 5671); an empty vhost is `/`, again as kombu has it.
 * @throws LovageError `OPTION_INVALID`; the message holds no password.
 */
export function parseAmqpUrl(url: string): readonly AmqpTarget[] {
  return url.split(';').flatMap((one) => {
    const match = FORM.exec(one)
    if (!match) throw wrong('is not amqp://user:password@host:port/vhost')
    const [, scheme, login = '', hosts = '', path = '', search = ''] = match
    const colon = login.indexOf(':')
    const tls = scheme === 'amqps'
    const shared = {
      tls,
      user: plain(colon < 0 ? login : login.slice(0, colon)) || 'guest',
      password: colon < 0 ? (login ? '' : 'guest') : plain(login.slice(colon + 1)),
      vhost: plain(path) || '/',
      query: Object.fromEntries(new URLSearchParams(search)),
    }
    return hosts.split(',').map((host) => ({ ...shared, ...endpoint(host, tls) }))
  })
}

function endpoint(text: string, tls: boolean): { host: string; port: number } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text)
  const port = match?.[2] === undefined ? (tls ? 5671 : 5672) : Number(match[2])
  if (!match || port < 1 || port > 65535) throw wrong(`names no host and port with ${JSON.stringify(text)}`)
  const host = plain(match[1] as string).replace(/^\[|\]$/g, '')
  return { host: host || 'localhost', port }
}

function plain(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw wrong('has a % that is not followed by two hex digits')
  }
}

function wrong(problem: string): LovageError {
  return new LovageError('OPTION_INVALID', {
    option: 'broker',
    where: 'the AMQP URL',
    problem,
    fix: 'Write amqp://user:password@host:5672/vhost, with %XX for special characters',
  })
}

/** The target for people: without password, as a URL. */
export function targetText({ host, port, tls, user, vhost }: AmqpTarget): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `amqp${tls ? 's' : ''}://${encodeURIComponent(user)}@${name}:${port}/${encodeURIComponent(vhost)}`
}
