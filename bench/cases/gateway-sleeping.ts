import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { BenchCase, Figure, Row } from '../case.ts'
import { groupOf } from '../cpu.ts'
import { median, sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'
import { CelerySystem, hasGevent } from '../systems/celery.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { hasTornado, startTornado } from '../systems/tornado.ts'
import { hasWrk, runWrk, runWrkWell, type WrkLoad, type WrkRun } from '../systems/wrk.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'wrk sees at most 0.975 of the ceiling in eight seconds. What is lost beyond that is the time that a request stands in gateway, broker and worker behind the 999 others that come at the same moment, with wrk on the same two cores.'

/** How long each task waits for somebody else, in milliseconds. */
const TASK_MS = 300
const WHAT = `gateway, task of ${TASK_MS / 1_000} s`
const BY_HAND = 'Fastify and bare speaker by hand'

/** Celery's pool with the most tasks at a time that this machine has. */
const POOL = hasGevent()
  ? ({ pool: 'gevent', concurrency: 1_000 } as const)
  : ({ pool: 'prefork', concurrency: 10 } as const)
const TORNADO = `Tornado, poll, and Celery, ${POOL.pool}`

type Measured = (name: string, pids: () => readonly number[], run: () => Promise<WrkRun>) => Promise<number>

/**
 * Requests whose tasks wait for 0.3 s, 1,000 at a time, each part a process: what a second brings of the 1,000 / 0.3 s that
 * are possible, beside a relay written by hand over the bare speaker, and Tornado that polls in front of Celery.
 */
const gatewaySleeping: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl || !hasWrk()) return [{ what: WHAT, leftOut: `no ${amqpUrl ? 'wrk' : 'RabbitMQ'} on this machine` }]
  const load: WrkLoad = { connections: tiny ? 16 : 1_000, seconds: tiny ? 1 : 8 }
  const ceiling = (load.connections * 1_000) / TASK_MS
  Object.assign(process.env, { BENCH_BROKER: amqpUrl, BENCH_QUEUE: 'bench-sleeping-site' })
  const broker = listenersOn(Number(new URL(amqpUrl).port))
  /** Where Celery's results are, while there is one. */
  let results: readonly number[] = []
  const meter = new CpuMeter(() => [...broker, ...results])
  const runs = new Map<string, WrkRun[]>()
  /** Each request costs its contender's processes; how many there were is known when all is over. */
  const measured: Measured = async (name, pids, run) => {
    const reached = await meter.measureBy(name, pids, run, ({ rate }) => Math.max(1, rate * load.seconds))
    runs.set(name, [...(runs.get(name) ?? []), reached])
    // A share of nothing would be no number.
    return Math.max(reached.rate, 1 / load.seconds)
  }
  const contenders: Record<string, Contender> = {}
  const ends: (() => Promise<unknown>)[] = []
  const start = async (name: string, ...args: string[]): Promise<{ pid: number; said: unknown }> => {
    const { child, said } = await startPeer(name, ...args)
    ends.unshift(() => stopPeer(child))
    return { pid: child.pid as number, said }
  }
  try {
    const gateway = await start('site-gateway')
    const worker = await start('site-worker', JSON.stringify({ concurrency: load.connections * 2 }))
    const url = `${urlOf(gateway.said)}/rest?ms=${TASK_MS}`
    await checked(url, 'rested')
    const ours = (): number[] => [gateway.pid, worker.pid]
    contenders['lovage'] = () => measured('lovage', ours, () => runWrkWell(url, load))

    const relay = await start('relay-by-hand', 'bare', amqpUrl, 'bare')
    const answering = await start('server-by-hand', 'bare', amqpUrl, 'bare', String(TASK_MS))
    const byHand = `${urlOf(relay.said)}/add`
    await checked(byHand, 5)
    const theirs = (): number[] => [relay.pid, answering.pid]
    contenders[BY_HAND] = () => measured(BY_HAND, theirs, () => runWrkWell(byHand, load))

    const rows: Row[] = []
    const missing = !hasService('redis') ? 'Redis' : !hasService('celery') ? 'Celery' : !hasTornado() && 'Tornado'
    if (missing) rows.push({ what: `${WHAT}, to ${TORNADO}`, leftOut: `no ${missing} on this machine` })
    else if (!tiny) contenders[TORNADO] = () => withTornado(amqpUrl, load, measured, (pids) => (results = pids))
    const figures = await sideBySide(`${WHAT}, ${load.connections} connections`, tiny ? 1 : 2, contenders, { meter })
    for (const figure of figures) told(figure, runs)
    const reached = figures.find(({ contender }) => contender === 'lovage')?.value ?? NaN
    const aim = { atLeast: 0.9, why: WHY }
    figures.push({ what: `${WHAT}, of the ceiling`, value: reached / ceiling, unit: 'x', aim })
    return [...figures, ...rows]
  } finally {
    for (const end of ends) await end()
  }
}
export default gatewaySleeping

/** Both are started for each round: Tornado goes on to poll for what nobody waits for any more. */
async function withTornado(
  broker: string,
  load: WrkLoad,
  measured: Measured,
  results: (pids: readonly number[]) => void,
): Promise<number> {
  const redis = await RedisNode.start()
  results(listenersOn(redis.port))
  const urls = { broker, backend: redis.url() }
  const celery = await CelerySystem.open(urls)
  try {
    await celery.ask('purge')
    const worker = await celery.startWorker(POOL)
    const site = await startTornado('poll', urls)
    try {
      const url = `${site.url}/rest?ms=${TASK_MS}`
      await checked(url, 'rested')
      return await measured(
        TORNADO,
        () => [site.child.pid, ...groupOf(worker.pid)],
        () => runWrk(url, load),
      )
    } finally {
      await site.child.kill()
      await worker.kill()
    }
  } finally {
    await celery.close()
    results([])
    await redis.remove()
  }
}

/** One answer, looked into before thousands are counted. */
async function checked(url: string, wanted: unknown): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(60_000) })
  const { results } = (await response.json()) as { results: unknown }
  if (results !== wanted) throw new Error(`${url} answered ${JSON.stringify(results)}`)
}

/** Puts the latencies of its runs beside its rate: of each percentile the median. */
function told(figure: Figure, runs: ReadonlyMap<string, readonly WrkRun[]>): void {
  // The first run has warmed all up.
  const all = runs.get(figure.contender ?? '') ?? []
  const counted = all.length > 1 ? all.slice(1) : all
  if (figure.unit !== '/s' || counted.length === 0) return
  const middle = (of: (run: WrkRun) => number): number => median(counted.map(of))
  figure.percentiles = {
    p50: middle((run) => run.p50Ms),
    p99: middle((run) => run.p99Ms),
    p999: middle((run) => run.p999Ms),
  }
  const failed = counted.reduce((sum, run) => sum + run.failed, 0)
  if (failed > 0) figure.note = `${failed} answers were not 2xx, late or broken`
}

function urlOf(said: unknown): string {
  return `http://127.0.0.1:${(said as { port: number }).port}`
}
