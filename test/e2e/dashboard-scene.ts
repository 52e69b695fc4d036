import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lovage as newApp, type App } from '../../src/index.ts'
import { schedules, type Schedules } from '../../src/beat/beat.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { Hosts } from '../../src/supervisor/hosts.ts'
import { lovage, project } from '../cli/lovage.ts'
import { startChild, type Child } from '../services/child.ts'
import { freePort } from '../services/ports.ts'
import { startPython } from '../services/python.ts'
import { temporaryFolder } from '../services/reaper.ts'
import { RedisNode } from '../services/redis-node.ts'
import { TcpProxy } from '../services/tcp-proxy.ts'

/** Longest wait for anything that happens here, on a machine that does much else. */
export const PATIENCE = { timeout: 45_000, interval: 200 }
const READY = { timeoutMs: 120_000 }

const TASKS = `import { lovage } from 'lovage'
import { currentTask } from 'lovage'
export const app = lovage('shop', { defaultQueue: 'jobs', sendSentEvent: true, worker: { poolRestarts: true } })
const say = (...words) => console.log('RAN', ...words)
app.task('shop.note', (word) => (say('note', word), word))
app.task('shop.fail', (word) => {
  say('fail', word)
  throw new RangeError('no such word: ' + word)
})
export const tick = app.task('shop.tick', (word) => (say('tick', word), word))
export const add = app.task('shop.add', (x, y) => x + y)
app.task('shop.long', () => {
  const { signal } = currentTask()
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
})
app.task('shop.hold', () => {
  say('hold')
  const { signal } = currentTask()
  return new Promise((_, reject) => signal.addEventListener('abort', () => (say('let go'), reject(signal.reason))))
})
`

const BEAT = `import { beat, crontab, every } from 'lovage/beat'
import { app, tick } from './tasks.js'
export default beat(app, {
  pulse: every('2s', tick.s('pulse')),
  nightly: crontab('30 2 29 2 *', tick.s('nightly')),
})
`

const GATEWAY = `import { gateway } from 'lovage/gateway'
import { add, app } from './tasks.js'
export default gateway(app).get('/add', add, { args: ({ query: { x, y } }) => [Number(x), Number(y)] })
`

const PYTHON = `import os, time
from celery import Celery
app = Celery('shop', broker=os.environ['BROKER'], backend=os.environ['BACKEND'])
app.conf.task_default_queue = 'py'
app.conf.worker_pool_restarts = True

@app.task(name='py.note')
def note(word):
    print('RAN note ' + word, flush=True)
    return word

@app.task(name='py.fail')
def fail(word):
    print('RAN fail ' + word, flush=True)
    raise ValueError(word)

@app.task(name='py.long')
def long():
    time.sleep(600)

@app.task(name='py.hold')
def hold():
    print('RAN hold', flush=True)
    time.sleep(600)
`

/** Of both supervisors: what writes, what waits to be started, and what does not end when it is told to. */
const PROGRAMS = `[program:clock]
command=sh -c 'n=1; while echo tick $n; do n=$((n + 1)); sleep 0.5; done'
startsecs=0
[program:manual]
command=cat
autostart=false
startsecs=0
[program:stubborn]
command=sh -c 'trap "" TERM; exec cat'
startsecs=0
stopwaitsecs=600
`

export const OURS = 'one@here'
export const SPARE = 'spare@here'
export const THEIRS = 'py@here'
export const THEIR_SPARE = 'pyspare@here'
export const HOSTS = ['ours', 'theirs'] as const
/** A worker that is gone leaves pages and metrics after that. */
export const FORGET_AFTER = '20s'

/** A fleet of both languages, all as processes of their own, and the dashboard that watches it. */
export class Fleet {
  readonly port: number
  readonly workers: Readonly<Record<string, Child>>
  /** What the test asks of the fleet, past the dashboard. */
  readonly app: App
  readonly schedules: Schedules
  readonly hosts: Hosts
  /** The way of the dashboard to its broker. */
  readonly wire: TcpProxy
  dashboard: Child
  readonly #folder: string
  readonly #redis: RedisNode
  readonly #others: readonly Child[]
  readonly #env: Record<string, string>

  private constructor(parts: Pick<Fleet, 'port' | 'workers' | 'app' | 'wire' | 'hosts' | 'dashboard'> & Rest) {
    ;({
      port: this.port,
      workers: this.workers,
      app: this.app,
      wire: this.wire,
      hosts: this.hosts,
      dashboard: this.dashboard,
    } = parts)
    ;({ folder: this.#folder, redis: this.#redis, others: this.#others, env: this.#env } = parts)
    this.schedules = schedules(this.app)
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** @param brokerOf gives the URL of the broker; results and shared state are in this Redis in any case */
  static async start(brokerOf: (redis: RedisNode) => Promise<string>): Promise<Fleet> {
    const redis = await RedisNode.start()
    const broker = await brokerOf(redis)
    const [backend, store] = [redis.url(1), redis.url(2)]
    const wire = await TcpProxy.start({ port: Number(new URL(broker).port) })
    const sites = HOSTS.map((name) => ({ name, socket: join(temporaryFolder('host'), 's.sock') }))
    const hostList = sites.map(({ name, socket }) => ({ name, url: `unix://${socket}`, tags: [] }))
    const [port, gatewayPort] = [await freePort(), await freePort()]
    const folder = project({
      'tasks.js': TASKS,
      'beat.js': BEAT,
      'gateway.js': GATEWAY,
      'lovage.config.js': `export default ${JSON.stringify({
        app: './tasks.js',
        hosts: hostList,
        processes: {
          worker: { run: 'worker' },
          web: { run: 'gateway', module: './gateway.js', port: gatewayPort },
          clock: { run: 'beat', module: './beat.js' },
          board: { run: 'dashboard', port, forgetAfter: FORGET_AFTER },
        },
      })}\n`,
    })
    const env = { LOVAGE_BROKER_URL: broker, LOVAGE_RESULT_BACKEND: backend, LOVAGE_STORE: store }
    const boardEnv = { ...env, LOVAGE_BROKER_URL: wire.urlFor(broker) }
    const run = (...args: string[]): Child => lovage(args, { cwd: folder, env })
    const supervisors = sites.map(({ name, socket }) => startSupervisor(name, socket))
    const python = (...args: string[]): Child =>
      startPython(['-m', 'celery', '-A', 'shop', 'worker', '-E', '-l', 'INFO', ...args], {
        files: { 'shop.py': PYTHON },
        env: { BROKER: broker, BACKEND: backend },
      })
    const workers = {
      [OURS]: run('worker', '-E', '-n', OURS, '-Q', 'jobs,mail', '-c', '4'),
      [SPARE]: run('worker', '-E', '-n', SPARE, '-Q', 'spare', '-P', 'processes', '--autoscale', '4,1'),
      [THEIRS]: python('-n', THEIRS, '-c', '2'),
      [THEIR_SPARE]: python('-n', THEIR_SPARE, '-Q', 'pyspare', '--autoscale', '4,1'),
    }
    const dashboard = lovage(['dashboard'], { cwd: folder, env: boardEnv })
    const gateway = run('gateway')
    const others = [gateway, run('beat'), ...supervisors]
    const app = newApp('shop', { broker, backend, store, defaultQueue: 'jobs', sendSentEvent: true }, { env: {} })
    const hosts = new Hosts(hostList, { timeoutMs: 30_000 })
    const rest = { folder, redis, others, env: boardEnv }
    const fleet = new Fleet({ port, workers, app, wire, hosts, dashboard, ...rest })
    try {
      await Promise.all([
        workers[OURS]?.line('Ctrl-C stops it', READY),
        workers[SPARE]?.line('Ctrl-C stops it', READY),
        workers[THEIRS]?.line(/ready\./, READY),
        workers[THEIR_SPARE]?.line(/ready\./, READY),
        dashboard.line('Ctrl-C stops it', READY),
        gateway.line('Ctrl-C stops it', READY),
        ...supervisors.map((child) => child.line(/success: clock entered RUNNING/, READY)),
      ])
    } catch (error) {
      await fleet.stop()
      throw error
    }
    fleet.gatewayUrl = `http://127.0.0.1:${gatewayPort}`
    return fleet
  }

  gatewayUrl = ''

  /** What the task of that name has printed in a worker, so often. */
  ran(worker: string, what: string): number {
    return this.workers[worker]?.lines.filter((line) => line.includes(`RAN ${what}`)).length ?? 0
  }

  async broker(): Promise<Broker> {
    return (await this.app.client()).broker
  }

  /** How many wait in a queue; null: there is none. */
  async depth(queue: string): Promise<number | null> {
    const { admin } = await this.broker()
    return (await admin?.depth(queue))?.messages ?? null
  }

  /** What one worker itself answers to a question. */
  async asked<T>(
    worker: string,
    question: (inspect: ReturnType<App['control']['inspect']>) => Promise<Readonly<Record<string, T>>>,
  ): Promise<T | undefined> {
    return (await question(this.app.control.inspect({ destination: worker, timeout: '5s' })))[worker]
  }

  /** What a supervisor itself says of one of its processes. */
  async stateOf(host: string, process: string): Promise<string | undefined> {
    return (await this.#process(host, process))?.statename
  }

  async pidOf(host: string, process: string): Promise<number | undefined> {
    return (await this.#process(host, process))?.pid
  }

  async #process(host: string, process: string) {
    const answer = (await this.hosts.status()).find((one) => one.host === host)
    return answer?.unreachable ? undefined : answer?.processes.find(({ name }) => name === process)
  }

  /** Whether the history of the dashboard on disk has that. */
  isWritten(id: string): boolean {
    const folder = join(this.#folder, '.lovage/dashboard/tasks')
    if (!existsSync(folder)) return false
    return readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes(id))
  }

  /** Ends the dashboard as a power cut does. */
  async killDashboard(): Promise<void> {
    await this.dashboard.kill()
  }

  async startDashboard(): Promise<void> {
    this.dashboard = lovage(['dashboard'], { cwd: this.#folder, env: this.#env })
    await this.dashboard.line('Ctrl-C stops it', READY)
  }

  async stop(): Promise<void> {
    await Promise.all([this.dashboard, ...Object.values(this.workers), ...this.#others].map((child) => child.kill()))
    await this.app.close()
    await this.wire.stop()
    await this.#redis.remove()
  }
}

interface Rest {
  readonly folder: string
  readonly redis: RedisNode
  readonly others: readonly Child[]
  readonly env: Record<string, string>
}

/** Ours by our command, theirs by supervisord: of the same configuration. */
function startSupervisor(name: (typeof HOSTS)[number], socket: string): Child {
  const folder = temporaryFolder('host')
  const file = join(folder, 'supervisord.conf')
  const own = `[supervisord]\nlogfile=${folder}/main.log\npidfile=${folder}/pid\nchildlogdir=${folder}\nuser=root\n`
  const rpc = `[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n`
  writeFileSync(file, `${own}${rpc}[unix_http_server]\nfile=${socket}\n${PROGRAMS}`)
  // It is killed in the end, and leaves its pipes.
  const env = { TMPDIR: folder }
  if (name === 'ours') return lovage(['supervise', '-n', '-c', file], { env })
  return startChild('supervisord', ['-n', '-c', file], { env })
}
