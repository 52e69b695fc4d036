import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, sleep } from '../src/base/clock.ts'
import type { ProcessList, TaskList, WorkerList } from '../src/dashboard/api.ts'
import { lovage, project, ROOT } from '../test/cli/lovage.ts'
import { startChild, type Child } from '../test/services/child.ts'
import { freePorts } from '../test/services/ports.ts'
import { PYTHON } from '../test/services/python.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { temporaryFolder } from '../test/services/reaper.ts'
import { RedisNode } from '../test/services/redis-node.ts'
import { findCommand } from './services.mjs'

/** A dashboard with something to show. */
export interface Stage {
  readonly url: string
  /** Which pages are worth a picture, by name; asked for when the picture is taken, since some are of the moment. */
  readonly pages: Readonly<Record<string, () => string | Promise<string>>>
  close(): Promise<void>
}

const READY = { timeoutMs: 90_000 }
const SHOP = ['tasks.ts', 'beat.ts', 'gateway.ts', 'customers.ts', 'shop.py']
const MAIN = join(ROOT, 'dist/cli/main.js')

const WORKERS = ['orders-1@web-01', 'orders-2@web-01', 'mail@web-01', 'media@web-01', 'reports@py-01']

/** A program of either supervisor. */
const program = (name: string, command: string, ...more: readonly string[]): string =>
  [`[program:${name}]`, `command=${command}`, 'redirect_stderr=true', 'stopasgroup=true', ...more].join('\n')

/** Of our supervisor: all that is in TypeScript. */
const OURS = [
  program(
    'orders',
    `${process.execPath} ${MAIN} worker -E -n orders-%(process_num)d@web-01 -Q orders,payments -c 16`,
    ...['numprocs=2', 'numprocs_start=1', 'process_name=orders-%(process_num)d'],
  ),
  program('mail', `${process.execPath} ${MAIN} worker -E -n mail@web-01 -Q mail --autoscale 4,2`),
  program('media', `${process.execPath} ${MAIN} worker -E -n media@web-01 -Q media -P threads -c 2 --per-child 2`),
  program('web', `${process.execPath} ${MAIN} gateway`),
  program('clock', `${process.execPath} ${MAIN} beat`),
  program('backfill', `${process.execPath} ${MAIN} worker -Q backfill`, 'autostart=false'),
]

/** Of supervisord: Python's worker, and two that are not as they should be. */
const THEIRS = [
  program('reports', `${PYTHON} -m celery -A shop worker -n reports@py-01 -c 2 -E -l INFO`),
  program('ledger-sync', `sh -c 'echo connecting to ledger.internal; sleep 0.2; exit 3'`, 'startretries=1'),
  program('exporter', `sh -c 'while true; do echo exported $(date +%%T) rows to the warehouse; sleep 2; done'`),
  program('archive', 'true', 'autorestart=false', 'startsecs=0'),
]

/**
 * A shop as it runs in earnest, on RabbitMQ and Redis: our workers, gateway and beat under our supervisor, Python's worker
 * under supervisord, customers, and a dashboard that has watched all of it.
 * @param forMs how long customers have bought when it is given back
 */
export async function openStage(forMs: number): Promise<Stage> {
  const ends: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of ends.toReversed()) await end()
  }
  try {
    return { ...(await open(forMs, ends)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function open(forMs: number, ends: (() => Promise<unknown>)[]): Promise<Omit<Stage, 'close'>> {
  const started = <T extends { remove(): Promise<unknown> }>(node: T): T => {
    ends.push(() => node.remove())
    return node
  }
  const [rabbitmq, redis] = await Promise.all([
    RabbitmqNode.start({ vhosts: ['shop'] }).then(started),
    RedisNode.start().then(started),
  ])
  const [port = 0, webPort = 0, gonePort = 0] = await freePorts(3)
  const sites = ['web-01', 'py-01'].map((name) => ({ name, folder: temporaryFolder('site') }))
  const hosts = [
    ...sites.map(({ name, folder }) => ({ name, url: `unix://${folder}/s.sock`, tags: ['shop'] })),
    { name: 'web-02', url: `http://127.0.0.1:${gonePort}`, tags: ['shop'] },
  ]
  const folder = project({
    ...Object.fromEntries(SHOP.map((name) => [name, readFileSync(join(ROOT, 'scripts/shop', name), 'utf8')])),
    'lovage.config.js': `export default ${JSON.stringify({
      app: './tasks.ts',
      hosts,
      processes: {
        web: { run: 'gateway', module: './gateway.ts', port: webPort },
        clock: { run: 'beat', module: './beat.ts' },
        board: { run: 'dashboard', port },
      },
    })}\n`,
  })
  const env = {
    LOVAGE_BROKER_URL: rabbitmq.url('shop'),
    LOVAGE_RESULT_BACKEND: redis.url(1),
    LOVAGE_STORE: redis.url(2),
    C_FORCE_ROOT: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    SHOP_URL: `http://127.0.0.1:${webPort}`,
  }
  const run = (child: Child): Child => {
    ends.push(() => child.stop({ graceMs: 15_000 }))
    return child
  }
  const [ours, theirs] = sites.map(({ folder: site }, at) => configuration(site, at === 0 ? OURS : THEIRS))
  const dashboard = run(lovage(['dashboard'], { cwd: folder, env }))
  run(lovage(['supervise', '-n', '-c', ours ?? ''], { cwd: folder, env }))
  const supervisord = findCommand('supervisord')
  if (supervisord && theirs) run(startChild(supervisord, ['-n', '-c', theirs], { cwd: folder, env }))
  await dashboard.line('Ctrl-C stops it', READY)

  const url = `http://127.0.0.1:${port}`
  const api = new Api(`${url}/api/v1/`)
  await api.until<WorkerList>('workers', ({ workers }) =>
    WORKERS.every((name) => workers.some((one) => one.name === name && one.status === 'online')),
  )
  await api.until<ProcessList>('processes', ({ processes }) =>
    processes.some(({ name, state }) => name === 'web' && state === 'RUNNING'),
  )
  const customers = startChild(
    process.execPath,
    [join(ROOT, 'scripts/run-ts.mjs'), '--built', join(folder, 'customers.ts')],
    {
      cwd: folder,
      env,
    },
  )
  run(customers)
  await customers.line('the shop is open', READY)
  console.log(`The shop is open at ${url}; pictures in ${Math.round(forMs / 1000)} s`)
  await sleep(systemClock, forMs / 2)
  await operate(api)
  await sleep(systemClock, forMs / 2)
  return { url, pages: pagesOf(api) }
}

/** What people do there meanwhile: it is in the audit log then. */
async function operate(api: Api): Promise<void> {
  const failed = await api.task('state:FAILURE name:mail.send')
  await api.act('task-retry', { target: failed })
  await api.act('worker-grow', { target: 'reports@py-01', count: 1 })
  await api.act('worker-rate-limit', {
    target: ['orders-1@web-01', 'orders-2@web-01'],
    task: 'search.index',
    rate: '20/m',
  })
  await api.act('schedule-pause', { target: 'newsletter' })
  await api.act('schedule-run', { target: 'report-hourly' })
  await api.act('process', { target: 'py-01:exporter:exporter', verb: 'restart', atOnce: 1, stopOnFailure: true })
  await api.act('queue-purge', { target: 'mail' })
}

function pagesOf(api: Api): Stage['pages'] {
  const task = async (...filters: readonly string[]): Promise<string> => `/tasks/${await api.task(...filters)}`
  return {
    tasks: () => '/tasks',
    task: () => task('state:FAILURE name:payment.charge', 'state:FAILURE'),
    running: () => task('state:PROGRESS', 'state:STARTED name:video.transcode', 'state:STARTED'),
    workers: () => '/workers',
    worker: () => '/workers/media%40web-01',
    queues: () => '/queues',
    queue: () => '/queues/mail',
    schedules: () => '/schedules',
    gateway: () => '/gateway',
    processes: () => '/processes',
    log: () => '/processes?view=host&q=py-01&log=py-01:reports:reports',
    audit: () => '/audit',
    overview: () => '/?range=15m',
  }
}

/** The dashboard, as programs ask it. */
class Api {
  readonly #base: string

  constructor(base: string) {
    this.#base = base
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.#base + path)
    if (!response.ok) throw new Error(`${path} answers ${response.status}: ${await response.text()}`)
    return (await response.json()) as T
  }

  async until<T>(path: string, isThere: (answer: T) => boolean): Promise<void> {
    const giveUpAtMs = systemClock.monotonic() + READY.timeoutMs
    for (let answer = await this.get<T>(path); !isThere(answer); answer = await this.get<T>(path)) {
      if (systemClock.monotonic() > giveUpAtMs) throw new Error(`${path} is still ${JSON.stringify(answer)}`)
      await sleep(systemClock, 300)
    }
  }

  /** The newest task that the first of these filters finds which finds one. */
  async task(...filters: readonly string[]): Promise<string> {
    for (const filter of filters) {
      const { rows } = await this.get<TaskList>(`tasks?limit=1&q=${encodeURIComponent(filter)}`)
      if (rows[0]) return rows[0].id
    }
    throw new Error(`No task is ${filters.join(', or ')}`)
  }

  async act(name: string, options: object): Promise<void> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${this.#base}actions/${name}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(options),
    })
    // What is refused is in the audit log too.
    console.log(name, await response.text())
  }
}

function configuration(folder: string, programs: readonly string[]): string {
  const file = join(folder, 'supervisord.conf')
  const own = `[supervisord]\nlogfile=${folder}/main.log\npidfile=${folder}/pid\nchildlogdir=${folder}\nuser=root\n`
  const rpc = `[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n`
  writeFileSync(file, `${own}${rpc}[unix_http_server]\nfile=${folder}/s.sock\n${programs.join('\n')}\n`)
  return file
}
