import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hasService } from '../../scripts/services.mjs'
import type { Child } from '../../test/services/child.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Aim, BenchCase, Figure, LeftOut } from '../case.ts'
import { sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'
import { CELERY_QUEUE, CelerySystem } from '../systems/celery.ts'
import { hasTornado, startTornado } from '../systems/tornado.ts'
import { hasWrk, runWrk, runWrkWell, type WrkLoad } from '../systems/wrk.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'Gateway, worker, RabbitMQ and the four threads that ask share two cores, and use both up: a request costs about 84, 40 and 114 µs of CPU in the first three.'

const WAYS = ['poll', 'executor'] as const

/** What is running, each end of it. */
interface Sites {
  readonly ours: string
  readonly tornado: Readonly<Record<(typeof WAYS)[number], string>>
}

/**
 * A web site whose requests are tasks: a gateway of ours beside Tornado in front of Celery, both over RabbitMQ, with wrk's
 * four threads. Celery's results are in Redis, where it is fastest; ours come back over RabbitMQ.
 */
const gatewayTornado: BenchCase = async ({ tiny, amqpUrl, isWanted }) => {
  const leftOut = !amqpUrl ? 'RabbitMQ' : !hasWrk() ? 'wrk' : undefined
  if (leftOut || !amqpUrl) return [{ what: 'gateway beside Tornado', leftOut: `no ${leftOut} on this machine` }]
  const missing = !hasService('redis') ? 'Redis' : !hasService('celery') ? 'Celery' : !hasTornado() && 'Tornado'
  if (missing) return [{ what: 'gateway beside Tornado', leftOut: `no ${missing} on this machine` }]
  const rows: (Figure | LeftOut)[] = []
  const redis = await RedisNode.start()
  const celery = await CelerySystem.open({ broker: amqpUrl, backend: redis.url() })
  const seconds = tiny ? 1 : 5
  try {
    if (isWanted('no-op')) rows.push(...(await noops(amqpUrl, celery, redis, tiny, seconds)))
    if (isWanted('one core')) rows.push(...(await oneCore(amqpUrl, tiny)))
    if (isWanted('naive')) rows.push(...(await naive(amqpUrl, tiny, seconds)))
    if (isWanted('60 clients')) rows.push(...(await sixtyClients(amqpUrl, celery, redis, tiny, seconds)))
  } finally {
    await celery.close()
    await redis.remove()
  }
  return rows
}
export default gatewayTornado

/** Tasks that do nothing: beside Tornado's two ways, and with results over without. */
async function noops(
  broker: string,
  celery: CelerySystem,
  redis: RedisNode,
  tiny: boolean,
  seconds: number,
): Promise<Figure[]> {
  const worker = await celery.startWorker({ pool: 'prefork', concurrency: tiny ? 2 : 10 })
  const figures: Figure[] = []
  try {
    await withSites(broker, redis, { concurrency: 1_000 }, async ({ ours, tornado }) => {
      for (const connections of tiny ? [8] : [64, 1_000]) {
        const load = { connections, seconds }
        const contenders: Record<string, Contender> = { lovage: of(`${ours}/add`, load) }
        for (const way of WAYS) contenders[`Tornado, ${way}`] = ofPeer(`${tornado[way]}/add`, load)
        const what = `no-op, ${connections.toLocaleString('en-US')} connections`
        const aims: Record<string, Aim> = connections === 64 ? { 'Tornado, poll': { atLeast: 12, why: WHY } } : {}
        figures.push(...(await sideBySide(what, tiny ? 1 : 3, contenders, { aims })))
        const without = { 'with results': of(`${ours}/add`, load), 'without results': of(`${ours}/send`, load) }
        figures.push(...(await sideBySide(what, tiny ? 1 : 3, without)))
        const { p50Ms, p99Ms } = await runWrkWell(`${ours}/add`, { connections, seconds: tiny ? 1 : 30 })
        figures.push({
          what: `${what}, lovage for 30 s, p99`,
          value: p99Ms,
          unit: 'ms',
          note: `p50 ${p50Ms.toFixed(1)}`,
        })
      }
    })
  } finally {
    await worker.kill()
  }
  return figures
}

/** Gateway and worker on one core, for 30 s with 1,000 connections: the rate, and what they weigh before and after. */
async function oneCore(broker: string, tiny: boolean): Promise<Figure[]> {
  const peers = await startOurs(broker, { concurrency: 1_000 })
  const pids = peers.map(({ child }) => child.pid as number)
  try {
    for (const pid of pids) await pinned(pid)
    const load = { connections: tiny ? 8 : 1_000, seconds: tiny ? 1 : 30 }
    const what = `one core, ${load.connections.toLocaleString('en-US')} connections, ${load.seconds} s`
    const url = `${siteOf(peers[0])}/add`
    await runWrkWell(url, { ...load, seconds: 1 })
    const before = pids.map(rssMib)
    const { rate, p50Ms, p99Ms } = await runWrkWell(url, load)
    const note = `p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`
    const memory = ['gateway', 'worker'].map((name, i) => ({
      what: `one core, RSS of the ${name} after`,
      value: rssMib(pids[i] as number),
      unit: 'MiB',
      note: `${(before[i] as number).toFixed(0)} MiB after one second`,
    }))
    return [{ what, value: rate, unit: '/s', note }, ...memory]
  } finally {
    for (const { child } of peers) await stopPeer(child)
  }
}

/**
 * A handler that blocks for 300 ms beside a task that waits for 300 ms. All who wait for the handler are answered in one
 * go, after the last of them was worked for: it is given the time for that, and the gateway the time to be free again.
 */
async function naive(broker: string, tiny: boolean, seconds: number): Promise<Figure[]> {
  const ms = tiny ? 20 : 300
  const peers = await startOurs(broker, { concurrency: 1_000 })
  const connections = tiny ? 8 : 64
  const sweep = Math.ceil((connections * ms) / 1_000)
  const url = siteOf(peers[0])
  try {
    return await sideBySide(`naive, ${ms} ms, ${connections} connections`, 1, {
      'as a task': of(`${url}/rest?ms=${ms}`, { connections, seconds }),
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
async function sixtyClients(
  broker: string,
  celery: CelerySystem,
  redis: RedisNode,
  tiny: boolean,
  seconds: number,
): Promise<Figure[]> {
  const wide = tiny ? 2 : 10
  const worker = await celery.startWorker({ pool: 'prefork', concurrency: wide })
  const load = { connections: tiny ? 8 : 60, seconds }
  try {
    let figures: Figure[] = []
    await withSites(
      broker,
      redis,
      { pool: 'processes', concurrency: wide, perChild: 10 },
      async ({ ours, tornado }) => {
        figures = await sideBySide(`60 clients, ${wide} processes`, tiny ? 1 : 3, {
          lovage: of(`${ours}/rest`, load),
          'Tornado, executor': ofPeer(`${tornado.executor}/rest`, load),
          'Tornado, poll': ofPeer(`${tornado.poll}/rest`, load),
        })
      },
    )
    return figures
  } finally {
    await worker.kill()
  }
}

async function withSites(
  broker: string,
  redis: RedisNode,
  options: object,
  measure: (sites: Sites) => Promise<void>,
): Promise<void> {
  const peers = await startOurs(broker, options)
  const python: Child[] = []
  try {
    const tornado = {} as Record<(typeof WAYS)[number], string>
    for (const way of WAYS) {
      const site = await startTornado(way, { broker, backend: redis.url() })
      python.push(site.child)
      tornado[way] = site.url
    }
    await measure({ ours: siteOf(peers[0]), tornado })
  } finally {
    for (const child of python) await child.kill()
    for (const { child } of peers) await stopPeer(child)
  }
}

function of(url: string, load: WrkLoad): Contender {
  return async () => (await runWrkWell(url, load)).rate
}

/** What others fail in is told, and not counted as answered. */
function ofPeer(url: string, load: WrkLoad): Contender {
  return async () => {
    const { rate, failed } = await runWrk(url, load)
    if (failed > 0) console.log(`${url} of Tornado: ${failed} answers are not 2xx, late or broken`)
    if (rate > 0) return rate
    // A share of nothing would be no number.
    console.log(`${url} of Tornado: no answer within ${load.seconds} s, counted as one`)
    return 1 / load.seconds
  }
}

/** Our gateway, and a worker with these options. */
async function startOurs(broker: string, options: object): Promise<Awaited<ReturnType<typeof startPeer>>[]> {
  // For the processes that are started from here, and those of the pool.
  Object.assign(process.env, { BENCH_BROKER: broker, BENCH_QUEUE: `${CELERY_QUEUE}-site` })
  return [await startPeer('site-gateway'), await startPeer('site-worker', JSON.stringify(options))]
}

function siteOf(peer: { said: unknown } | undefined): string {
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

function rssMib(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1_024
}
