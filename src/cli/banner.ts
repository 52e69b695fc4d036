import { backendHas, brokerHas } from '../app/capabilities.ts'
import { redactUrl } from '../base/redact.ts'
import { embeddedHome } from '../broker/open.ts'
import type { App } from '../app/app.ts'
import type { Worker } from '../worker/worker.ts'
import { columns, paintFor, type Paint } from './paint.ts'
import { shortPath, type Target } from './target.ts'
import { version } from '../base/version.ts'
import type { Workload } from './workload.ts'

type Shown = Pick<Workload, 'gateways' | 'workers' | 'beats' | 'dashboards'>

/** Tells on stdout what runs where, and what to try. */
export function printBanner(
  target: Target,
  { gateways = [], workers = [], beats = [], dashboards = [] }: Partial<Shown>,
): void {
  const paint = paintFor(process.stdout)
  const rows = [
    ['app', `${target.app.name}, ${counted(target.app.registry.names().length, 'task')} (${shortPath(target.source)})`],
    ['broker', brokerLine(target.app)],
    ['results', resultsLine(target.app)],
    ...workers.map((worker) => ['worker', workerLine(worker)]),
    ...beats.map(({ name, entries }) => [
      'beat',
      `${counted(Object.keys(entries).length, 'entry', 'entries')} in the code; lovage beat list shows all of ${name}`,
    ]),
    ...gateways.map((gateway) => [
      'gateway',
      `${paint('cyan', gateway.url ?? 'not listening')}  (${counted(gateway.routes.length, 'route')})`,
    ]),
    ...dashboards.map(({ url }) => ['dashboard', paint('cyan', url ?? 'not listening')]),
  ]
  const lines = ['', paint('bold', `lovage ${version()}`)]
  lines.push(...columns(rows.map(([label = '', text = '']) => [`  ${paint('dim', label)}`, text])))
  const [first] = gateways
  if (first?.url !== undefined) lines.push(...tryLines(target, first.url, paint))
  lines.push('', paint('dim', '  Ctrl-C stops it'), '')
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** What is told of a broker: its kind, where it is, and what becomes of messages. */
export function brokerLine({ settings }: App): string {
  if (!brokerHas('processes', settings)) return 'in memory, in this process: what waits is lost when it ends'
  if (isEmbedded(settings.broker)) {
    return `embedded, in ${shortPath(embeddedHome(settings.broker, settings.home))}: what waits outlives this process`
  }
  const server = /^rediss?:/i.test(settings.broker) ? 'Redis' : 'RabbitMQ'
  return `${server} at ${redactUrl(settings.broker)}: what waits outlives this process`
}

export function resultsLine({ settings }: App): string {
  if (!backendHas('processes', settings)) return 'in memory, in this process'
  if (isEmbedded(settings.backend)) {
    const home = embeddedHome(settings.backend, settings.home)
    const isSame = isEmbedded(settings.broker) && embeddedHome(settings.broker, settings.home) === home
    return isSame ? 'kept there too' : `embedded, in ${shortPath(home)}`
  }
  return settings.backend.startsWith('rpc:')
    ? 'back over the broker, to the process that asked (rpc://)'
    : redactUrl(settings.backend)
}

function isEmbedded(url: string): boolean {
  return /^embedded:/i.test(url)
}

function workerLine({ options }: Worker): string {
  const { hostname, pool, concurrency, queues } = options
  return `${hostname}: pool ${pool}, ${concurrency} at once, reads ${queues.join(', ')}`
}

function tryLines({ tryIt }: Target, url: string, paint: Paint): string[] {
  const lines = ['', '  Try it in another terminal:']
  for (const { command, answer } of tryIt) {
    lines.push(`    ${paint('bold', command.replaceAll('{url}', url))}`, `      ${paint('dim', '->')} ${answer}`)
  }
  return tryIt.length > 0 ? lines : []
}

function counted(count: number, thing: string, things = `${thing}s`): string {
  return count === 1 ? `1 ${thing}` : `${count} ${things}`
}
