import { isList, isSecret, membersOf, shownInPython, type PythonValue } from './python-value.ts'
import type { Migration } from './migration.ts'

/** Celery's words for a broker, and ours. */
const BROKERS: Readonly<Record<string, string>> = {
  ...{ amqp: 'amqp', pyamqp: 'amqp', librabbitmq: 'amqp', amqps: 'amqps', redis: 'redis', rediss: 'rediss' },
  ...{ sentinel: 'sentinel', 'redis+socket': 'redis+socket' },
}

const AMQP_RESULTS = new Set(['amqp', 'amqps', 'pyamqp', 'librabbitmq', 'rpc'])

/** Options of a transport that our URLs have as parameters, by kind. */
const REDIS_PARAMETERS = ['visibility_timeout', 'global_keyprefix', 'fanout_prefix', 'fanout_patterns']
const RESULT_PARAMETERS = ['global_keyprefix', 'result_chord_ordered']

/** What of `broker_use_ssl` is called in our URLs. */
const TLS: Readonly<Record<'amqps' | 'rediss', Readonly<Record<string, string>>>> = {
  amqps: {
    ca_certs: 'cacertfile',
    certfile: 'certfile',
    keyfile: 'keyfile',
    server_hostname: 'server_name_indication',
  },
  rediss: {
    ...{ ca_certs: 'ssl_ca_certs', certfile: 'ssl_certfile', keyfile: 'ssl_keyfile' },
    ...{ ssl_ca_certs: 'ssl_ca_certs', ssl_certfile: 'ssl_certfile', ssl_keyfile: 'ssl_keyfile' },
  },
}

/** Broker and result backend, of URLs and of what stands beside them. */
export function convertUrls(to: Migration): void {
  const broker = brokerUrl(to)
  if (broker === undefined) {
    if (!to.values.has('broker_url')) {
      to.note(undefined, 'The file names no broker. Celery would take amqp://guest:guest@localhost:5672//; name yours.')
    }
  } else set(to, 'broker', 'LOVAGE_BROKER_URL', broker)
  const backend = backendUrl(to)
  if (backend !== undefined) set(to, 'backend', 'LOVAGE_RESULT_BACKEND', backend)
  else if (!to.values.has('result_backend')) {
    to.note(
      undefined,
      'The file names no result backend: Celery keeps no results then. Here they go where the broker is, or over rpc://; `ignoreResult: true` of a task has none.',
    )
  }
}

function set(to: Migration, setting: string, variable: string, url: string): void {
  to.settings.set(setting, url)
  if (!/^[a-z+]+:\/\/[^/?#]*:[^/?#@]+@/i.test(url)) return
  to.note(
    undefined,
    `\`${setting}\` has a password in it, as it stands in the file: set ${variable} where it runs, which wins, and take it out here.`,
  )
}

function brokerUrl(to: Migration): string | undefined {
  const given = to.value('broker_url')
  const texts: readonly (PythonValue | undefined)[] =
    given === undefined ? [urlOfParts(to)] : isList(given) ? given : [given]
  const all = texts.flatMap<PythonValue | undefined>((text) => (typeof text === 'string' ? splitUrls(text) : [text]))
  const [first] = all
  if (first === undefined) return undefined
  if (typeof first !== 'string') return void to.unfit('broker_url', given as PythonValue, 'a URL')
  if (all.length > 1)
    to.note('broker_url', `names ${all.length} brokers: the first is taken, there is no failover to the others`)
  const transport = to.value('broker_transport')
  const text = first.includes('://') || typeof transport !== 'string' ? first : `${transport}://${first}`
  const { scheme, rest } = parted(text.includes('://') ? text : `amqp://${text}`)
  const ours = BROKERS[scheme]
  if (ours === undefined) {
    return void to.note(
      'broker_url',
      `is ${scheme}://, which no broker here speaks: RabbitMQ (amqp://), Redis (redis://) and embedded:// are there`,
    )
  }
  return withOptions(to, withTls(to, ours, 'broker_use_ssl') + rest, ours)
}

/** A failover list; the hosts of a Sentinel are one URL. */
function splitUrls(text: string): string[] {
  return text.startsWith('sentinel:') ? [text] : text.split(';').filter((one) => one !== '')
}

function urlOfParts(to: Migration): string | undefined {
  const [host, port, user, password, vhost] = ['host', 'port', 'user', 'password', 'vhost'].map((part) => {
    const value = to.value(`broker_${part}`)
    return value === undefined ? undefined : String(value)
  })
  if (host === undefined) return undefined
  const who =
    user === undefined
      ? ''
      : `${encodeURIComponent(user)}${password === undefined ? '' : `:${encodeURIComponent(password)}`}@`
  return `${who}${host}${port === undefined ? '' : `:${port}`}/${vhost === undefined ? '' : encodeURIComponent(vhost)}`
}

function parted(url: string): { scheme: string; rest: string } {
  const at = url.indexOf('://')
  return { scheme: url.slice(0, at).toLowerCase(), rest: url.slice(at) }
}

function withTls(to: Migration, scheme: string, name: string): string {
  const use = to.value(name)
  if (use === undefined || use === false) return scheme
  return { amqp: 'amqps', redis: 'rediss' }[scheme] ?? scheme
}

function withOptions(to: Migration, url: string, scheme: string): string {
  const parameters = new Map<string, string>()
  const isAmqp = scheme.startsWith('amqp')
  addTls(to, 'broker_use_ssl', isAmqp ? 'amqps' : 'rediss', parameters)
  for (const [name, value] of membersOf(to.value('broker_transport_options')) ?? []) {
    const fits = (typeof value === 'number' || typeof value === 'string') && REDIS_PARAMETERS.includes(name) && !isAmqp
    const isDefault = (name === 'fanout_prefix' || name === 'fanout_patterns') && value === true
    if (fits) parameters.set(name, String(value))
    else if (!isDefault || isAmqp)
      to.note(
        'broker_transport_options',
        `${name} = ${isSecret(name) ? "'***'" : shownInPython(value)} is no parameter of ${isAmqp ? 'amqp' : 'redis'}:// here: it is left out`,
      )
  }
  const heartbeat = to.value('broker_heartbeat')
  if (isAmqp && typeof heartbeat === 'number') parameters.set('heartbeat', String(heartbeat))
  const login = to.value('broker_login_method')
  if (isAmqp && typeof login === 'string' && /^(?:plain|external)$/i.test(login))
    parameters.set('auth_mechanism', login.toLowerCase())
  else if (login !== undefined)
    to.note('broker_login_method', `is ${shownInPython(login)}: PLAIN and EXTERNAL are there`)
  return added(url, parameters)
}

function addTls(to: Migration, name: string, kind: 'amqps' | 'rediss', parameters: Map<string, string>): void {
  for (const [member, value] of membersOf(to.value(name)) ?? []) {
    const ours = TLS[kind][member]
    if (ours !== undefined && typeof value === 'string') parameters.set(ours, value)
    else to.note(name, `${member} = ${shownInPython(value)}: see the parameters of ${kind}:// for what is nearest`)
  }
}

function added(url: string, parameters: ReadonlyMap<string, string>): string {
  if (parameters.size === 0) return url
  return `${url}${url.includes('?') ? '&' : '?'}${new URLSearchParams([...parameters]).toString()}`
}

function backendUrl(to: Migration): string | undefined {
  const given = to.value('result_backend')
  if (given === undefined) return undefined
  if (typeof given !== 'string') return void to.unfit('result_backend', given, 'a URL')
  const scheme = given.includes('://') ? parted(given).scheme : given.toLowerCase()
  if (AMQP_RESULTS.has(scheme)) {
    if (scheme !== 'rpc') {
      to.note(
        'result_backend',
        `is ${scheme}://, which Celery 5 has no more: it becomes rpc://, where results come back over the broker to who asked, and are read once`,
      )
    } else if (given !== 'rpc://' && given !== 'rpc') {
      to.note('result_backend', 'rpc:// goes over the broker, here as in Celery: the host in it means nothing')
    }
    return 'rpc://'
  }
  if (scheme === 'disabled') {
    return void to.note('result_backend', 'is disabled: give tasks `ignoreResult: true`')
  }
  if (!['redis', 'rediss', 'sentinel', 'redis+socket'].includes(scheme)) {
    return void to.note('result_backend', `is ${scheme}, where no results are kept here: take rpc:// or redis://`)
  }
  const url = given.includes('://') && given !== `${scheme}://` ? given : redisOfParts(to, scheme)
  const parameters = new Map<string, string>()
  addTls(to, 'redis_backend_use_ssl', 'rediss', parameters)
  for (const [name, value] of membersOf(to.value('result_backend_transport_options')) ?? []) {
    if (RESULT_PARAMETERS.includes(name) && typeof value !== 'object') parameters.set(name, String(value))
    else
      to.note(
        'result_backend_transport_options',
        `${name} = ${isSecret(name) ? "'***'" : shownInPython(value)} is no parameter of redis:// here: it is left out`,
      )
  }
  const { scheme: bare, rest } = parted(url)
  return added(withTls(to, bare, 'redis_backend_use_ssl') + rest, parameters)
}

/** `CELERY_RESULT_BACKEND = 'redis'` with `CELERY_REDIS_HOST` and others beside it. */
function redisOfParts(to: Migration, scheme: string): string {
  const [host = 'localhost', port = '6379', db = '0', user = '', password] = [
    'host',
    'port',
    'db',
    'username',
    'password',
  ].map((part) => {
    const value = to.value(`redis_${part}`)
    return value === undefined ? undefined : String(value)
  })
  const who = password === undefined ? '' : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`
  return `${scheme}://${who}${host}:${port}/${db}`
}
