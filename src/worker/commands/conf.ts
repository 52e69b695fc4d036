import { arch, platform, release } from 'node:os'
import { resolveSettings, type Settings } from '../../app/settings.ts'
import { redactUrl } from '../../base/redact.ts'
import { schemeOf } from '../../base/url.ts'
import { version } from '../../base/version.ts'
import { pythonRepr } from '../../protocol/python-repr.ts'
import { type Command, type Commands, type Given, ok, type Panel } from './panel.ts'

/** What Celery calls those of our settings and options that have another name there. */
const NAMES: Readonly<Record<string, string>> = {
  broker: 'broker_url',
  backend: 'result_backend',
  defaultQueue: 'task_default_queue',
  queueMaxPriority: 'task_queue_max_priority',
  connectTimeoutMs: 'broker_connection_timeout',
  resultExpiresMs: 'result_expires',
  defaultRetryDelayMs: 'task_default_retry_delay',
  concurrency: 'worker_concurrency',
  pool: 'worker_pool',
  prefetchMultiplier: 'worker_prefetch_multiplier',
  maxTasksPerChild: 'worker_max_tasks_per_child',
  disableRateLimits: 'worker_disable_rate_limits',
  poolRestarts: 'worker_pool_restarts',
  timeLimitMs: 'task_time_limit',
  softTimeLimitMs: 'task_soft_time_limit',
  softShutdownTimeoutMs: 'worker_soft_shutdown_timeout',
}

/** Options of the worker that are settings in Celery. */
const OPTIONS = [
  ...['concurrency', 'pool', 'prefetchMultiplier', 'maxTasksPerChild', 'disableRateLimits', 'poolRestarts'],
  ...['timeLimitMs', 'softTimeLimitMs', 'softShutdownTimeoutMs'],
] as const

/** As Celery censors its own. */
const SECRET = /API|TOKEN|KEY|SECRET|PASS|SIGNATURE|DATABASE|PROFANITIES_LIST/i

const conf: Command = { run: (panel, { with_defaults: all }) => table(panel, all === true || all === 'true') }

function table({ app, options }: Panel, all: boolean): Given {
  const { settings } = app
  const defaults = resolveSettings({}, { env: {} })
  const names = Object.keys(settings) as (keyof Settings)[]
  const isGiven = (name: keyof Settings): boolean =>
    pythonRepr(plain(settings[name])) !== pythonRepr(plain(defaults[name]))
  const chosen = names.filter((name) => all || isGiven(name)).map((name) => shown(name, settings[name]))
  const given: Readonly<Record<string, unknown>> = { ...options }
  const own = all ? OPTIONS.map((name) => shown(name, given[name])) : []
  return Object.fromEntries([...chosen, ...own])
}

function shown(name: string, value: unknown): [string, unknown] {
  const called = NAMES[name] ?? name.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  if (SECRET.test(called)) return [called, '********']
  if (name.endsWith('Ms') && typeof value === 'number') return [called, value / 1000]
  if (typeof value === 'string') return [called, redactUrl(value).replace(/:\*\*\*@/, ':********@')]
  return [called, plain(value)]
}

/** What can be written: of queues their names, of functions that they are some. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return [...value.keys()].map(String)
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value
  if (value === undefined) return null
  if (typeof value !== 'object') return `<${typeof value}>`
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]))
}

const report: Command = {
  run: (panel) => {
    const { broker, backend } = panel.app.settings
    const lines = Object.entries(table(panel, false)).map(([name, value]) => `${name}: ${pythonRepr(value)}`)
    return ok(
      [
        '',
        `software -> lovage:${version()} node:${process.versions.node} v8:${process.versions.v8}`,
        `platform -> system:${platform()} arch:${arch()} kernel version:${release()}`,
        `loader   -> pool:${panel.options.pool} modules:${panel.options.modules.length}`,
        `settings -> transport:${schemeOf(broker)} results:${schemeOf(backend)}`,
        '',
        ...lines,
        '',
      ].join('\n'),
    )
  },
}

/** How a worker is set. */
export const CONF: Commands = { conf, dump_conf: conf, report }
