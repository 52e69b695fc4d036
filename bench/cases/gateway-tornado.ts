import { spawn } from 'node:child_process'
import { hasService } from '../../scripts/services.mjs'
import type { Child } from '../../test/services/child.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Aim, BenchCase, Figure, LeftOut, Row } from '../case.ts'
import { cpuOf, familyOf, groupOf, memoryOf } from '../cpu.ts'
import { median, sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'
import { CELERY_QUEUE, CelerySystem } from '../systems/celery.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { hasTornado, startTornado } from '../systems/tornado.ts'
import { hasWrk, runWrk, runWrkWell, type WrkRun } from '../systems/wrk.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'Gateway, worker, RabbitMQ and the four threads that ask share two cores, and use both up; what a request takes of the CPU in gateway and worker together, and in RabbitMQ, stands beside the rate.'

const WAYS = ['poll', 'executor'] as const

/** What is running, each end of it, and the processes behind it. */
interface Sites {
  readonly ours: Site
  readonly tornado: Readonly<Record<(typeof WAYS)[number], Site>>
}

interface Site {
  readonly url: string
  readonly pids: () => readonly number[]
}

/** What all parts have. */
interface Scene {
  readonly broker: string
  readonly celery: CelerySystem
  readonly redis: RedisNode
  /** RabbitMQ, and the Redis of Celery's results. */
  readonly servers: readonly number[]
  readonly tiny: boolean
  readonly rounds: number
  /** Of each load. */
  readonly seconds: number
  readonly long: boolean
}

/**
 * A web site whose requests are tasks: a gateway of ours beside Tornado in front of Celery, both over RabbitMQ, with wrk's
 * four threads. Celery's results are in Redis, where it is fastest; ours come back over RabbitMQ. Tornado waits for them in
 * two ways: it polls at each turn of its loop, or waits in one of 100 threads, each with a result backend of its own.
 */
const gatewayTornado: BenchCase = async ({ tiny, long, amqpUrl, part }) => {
  const leftOut = !amqpUrl ? 'RabbitMQ' : !hasWrk() ? 'wrk' : undefined
  if (leftOut || !amqpUrl) return [{ what: 'gateway beside Tornado', leftOut: `no ${leftOut} on this machine` }]
  const missing = !hasService('redis') ? 'Redis' : !hasService('celery') ? 'Celery' : !hasTornado() && 'Tornado'
  if (missing) return [{ what: 'gateway beside Tornado', leftOut: `no ${missing} on this machine` }]
  const redis = await RedisNode.start()
  const celery = await CelerySystem.open({ broker: amqpUrl, backend: redis.url() })
  const servers = [...listenersOn(Number(new URL(amqpUrl).port)), ...listenersOn(redis.port)]
  const measured = tiny ? { rounds: 1, seconds: 1 } : { rounds: 3, seconds: long ? 5 : 3 }
  const scene: Scene = { broker: amqpUrl, celery, redis, servers, tiny, long, ...measured }
  try {
    return [
      ...(await part('no-op', () => noops(scene))),
      ...(await part('one core', () => oneCore(scene))),
      ...(await part('naive', () => naive(scene))),
      ...(await part('60 clients', () => sixtyClients(scene))),
    ]
  } finally {
    await celery.close()
    await redis.remove()
  }
}
export default gatewayTornado

/** Tasks that do nothing: beside Tornado's two ways, and beside ours without results. */
async function noops(scene: Scene): Promise<Row[]> {
  const { celery, tiny, long } = scene
  const worker = await celery.startWorker({ pool: 'prefork', concurrency: tiny ? 2 : 10 })
  const figures: Row[] = []
  try {
    await withSites(scene, worker, { concurrency: 1_000 }, async ({ ours, tornado }) => {
      for (const connections of tiny ? [8] : [64, 1_000]) {
        const what = `no-op, ${connections.toLocaleString('en-US')} connections`
        const aims: Record<string, Aim> = connections === 64 ? { 'Tornado, poll': { atLeast: 12, why: WHY } } : {}
        const contenders = {
          lovage: { site: ours, path: '/add' },
          'without results': { site: ours, path: '/send' },
          'Tornado, poll': { site: tornado.poll, path: '/add' },
          'Tornado, executor': { site: tornado.executor, path: '/add' },
        }
        // So many take a while until the first of them is answered by who is slow.
        const load = connections < 1_000 ? scene : { ...scene, rounds: 2, seconds: Math.max(5, scene.seconds) }
        figures.push(...(await besideEachOther(load, what, connections, contenders, aims)))
        const seconds = tiny ? 1 : long ? 30 : 10
        const { p50Ms, p99Ms, p999Ms } = await runWrkWell(`${ours.url}/add`, { connections, seconds })
        figures.push({
          what: `${what}, lovage for ${seconds} s, p99`,
          value: p99Ms,
          unit: 'ms',
          percentiles: { p50: p50Ms, p99: p99Ms, p999: p999Ms },
        })
      }
    })
  } finally {
    await worker.kill()
  }
  return figures
}

/** Loads of wrk's by turns, with what each of them takes: ours must not fail, and what others fail in is not counted. */
async function besideEachOther(
  { celery, servers, rounds, seconds, tiny }: Scene,
  what: string,
  connections: number,
  contenders: Readonly<Record<string, { readonly site: Site; readonly path: string }>>,
  aims: Readonly<Record<string, Aim>> = {},
): Promise<Row[]> {
  const meter = new CpuMeter(() => servers)
  const runs = new Map<string, WrkRun[]>()
  const of = ([name, { site, path }]: [string, { site: Site; path: string }]): [string, Contender] => [
    name,
    async () => {
      const isTheirs = name.startsWith('Tornado')
      if (!isTheirs) await answered(`${site.url}${path}`)
      const load = { connections, seconds }
      const work = (): Promise<WrkRun> => (isTheirs ? runWrk : runWrkWell)(`${site.url}${path}`, load)
      const run = await meter.measureBy(name, site.pids, work, ({ rate }) => rate * seconds)
      runs.set(name, [...(runs.get(name) ?? []), run])
      // What nobody waits for any more must not be done in the time of the next.
      if (isTheirs) await celery.ask('trips 1')
      if (run.failed > 0) console.log(`${what}, ${name}: ${run.failed} answers are not 2xx, late or broken`)
      // The second of a trial may be over before a task that waits is.
      if (run.rate === 0 && name === 'lovage' && !tiny) {
        throw new Error(`${what}: nobody was answered within ${seconds} s`)
      }
      // A share of nothing would be no number.
      return run.rate > 0 ? run.rate : 1 / seconds
    },
  ]
  const all = Object.fromEntries(Object.entries(contenders).map(of))
  const figures = await sideBySide(what, rounds, all, { aims, meter })
  const silent = [...runs].filter(([, taken]) => taken.some(({ rate }) => rate === 0)).map(([name]) => name)
  const leftOut = silent.map((name): LeftOut => {
    const times = runs.get(name)?.filter(({ rate }) => rate === 0).length
    return { what: `${what}, ${name}`, leftOut: `it answered nobody within ${seconds} s, ${times} times` }
  })
  const told = figures.filter(({ contender = '' }) => !silent.includes(contender))
  const withLatencies = told.map((figure) => {
    const taken = (runs.get(figure.contender ?? '') ?? []).slice(-rounds)
    if (figure.unit !== '/s' || taken.length === 0) return figure
    const middle = (key: 'p50Ms' | 'p99Ms' | 'p999Ms'): number => median(taken.map((run) => run[key]))
    return { ...figure, percentiles: { p50: middle('p50Ms'), p99: middle('p99Ms'), p999: middle('p999Ms') } }
  })
  return [...withLatencies, ...leftOut]
}

/** One request before many; fails unless it has a good answer. */
async function answered(url: string): Promise<void> {
  const { ok, status } = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  if (!ok) throw new Error(`${url} answered ${status}`)
}

/** Gateway and worker on one core, with 1,000 connections: the rate, and what they weigh before and after. */
async function oneCore({ broker, tiny, long }: Scene): Promise<Figure[]> {
  const peers = await startOurs(broker, { concurrency: 1_000 })
  const pids = peers.map(({ child }) => child.pid as number)
  try {
    for (const pid of pids) await pinned(pid)
    const load = { connections: tiny ? 8 : 1_000, seconds: tiny ? 1 : long ? 30 : 10 }
    const what = `one core, ${load.connections.toLocaleString('en-US')} connections, ${load.seconds} s`
    const url = `${urlOf(peers[0])}/add`
    await runWrkWell(url, { ...load, seconds: 1 })
    const before = pids.map((pid) => memoryOf([pid]))
    const cpuBefore = cpuOf(pids)
    const { rate, p50Ms, p99Ms, p999Ms } = await runWrkWell(url, load)
    const memory = ['gateway', 'worker'].map((name, i) => ({
      what: `one core, RSS of the ${name} after`,
      value: memoryOf([pids[i] as number]),
      unit: 'MiB',
      note: `${(before[i] as number).toFixed(0)} MiB after one second`,
    }))
    const percentiles = { p50: p50Ms, p99: p99Ms, p999: p999Ms }
    const cpuMicros = (cpuOf(pids) - cpuBefore) / (rate * load.seconds)
    return [{ what, value: rate, unit: '/s', percentiles, cpuMicros, memoryMiB: memoryOf(pids) }, ...memory]
  } finally {
    for (const { child } of peers) await stopPeer(child)
  }
}

/**
 * A handler that blocks for 300 ms beside a task that waits for 300 ms. All who wait for the handler are answered in one
 * go, after the last of them was worked for: it is given the time for that, and the gateway the time to be free again.
 */
async function naive({ broker, tiny, long, seconds }: Scene): Promise<Figure[]> {
  const ms = tiny ? 20 : 300
  const peers = await startOurs(broker, { concurrency: 1_000 })
  const connections = tiny ? 8 : long ? 64 : 32
  const sweep = Math.ceil((connections * ms) / 1_000)
  const url = urlOf(peers[0])
  try {
    return await sideBySide(`naive, ${ms} ms, ${connections} connections`, 1, {
      'as a task': async () => (await runWrkWell(`${url}/rest?ms=${ms}`, { connections, seconds })).rate,
      naive: async () => {
        const { rate } = await runWrkWell(`${url}/naive?ms=${ms}`, { connections, seconds: seconds + 2 * sweep })
        await fetch(`${url}/send`, { signal: AbortSignal.timeout(60_000) })
        return rate
      },
    })
  } finally {
    for (const { child } of peers) await stopPeer(child)
  }
}

/** 60 clients whose tasks wait for 200 to 400 ms, ten worker processes on each side. */
async function sixtyClients(scene: Scene): Promise<Row[]> {
  const wide = scene.tiny ? 2 : 10
  const worker = await scene.celery.startWorker({ pool: 'prefork', concurrency: wide })
  const options = { pool: 'processes', concurrency: wide, perChild: 10 }
  try {
    let figures: Row[] = []
    await withSites(scene, worker, options, async ({ ours, tornado }) => {
      const what = `60 clients, ${wide} processes`
      figures = await besideEachOther(scene, what, scene.tiny ? 8 : 60, {
        lovage: { site: ours, path: '/rest' },
        'Tornado, executor': { site: tornado.executor, path: '/rest' },
        'Tornado, poll': { site: tornado.poll, path: '/rest' },
      })
    })
    return figures
  } finally {
    await worker.kill()
  }
}

async function withSites(
  { broker, redis }: Scene,
  worker: Child,
  options: object,
  measure: (sites: Sites) => Promise<void>,
): Promise<void> {
  const peers = await startOurs(broker, options)
  const python: Child[] = []
  try {
    const tornado = {} as Record<(typeof WAYS)[number], Site>
    for (const way of WAYS) {
      const { child, url } = await startTornado(way, { broker, backend: redis.url() })
      python.push(child)
      tornado[way] = { url, pids: () => [child.pid, ...groupOf(worker.pid)] }
    }
    const pids = (): number[] => peers.flatMap(({ child }) => familyOf(child.pid as number))
    await measure({ ours: { url: urlOf(peers[0]), pids }, tornado })
  } finally {
    for (const child of python) await child.kill()
    for (const { child } of peers) await stopPeer(child)
  }
}

/** Our gateway, and a worker with these options. */
async function startOurs(broker: string, options: object): Promise<Awaited<ReturnType<typeof startPeer>>[]> {
  // For the processes that are started from here, and those of the pool.
  Object.assign(process.env, { BENCH_BROKER: broker, BENCH_QUEUE: `${CELERY_QUEUE}-site` })
  return [await startPeer('site-gateway'), await startPeer('site-worker', JSON.stringify(options))]
}

function urlOf(peer: { said: unknown } | undefined): string {
  const said = peer?.said as { port: number } | undefined
  if (!said) throw new Error('the gateway said no port')
  return `http://127.0.0.1:${said.port}`
}

/** Binds a process and all its threads to the first core. */
function pinned(pid: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', ['-a', '-c', '-p', '0', String(pid)], { stdio: 'ignore' })
    child.once('error', reject)
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`taskset ended with ${code}`))))
  })
}
