import { lovage } from 'lovage'
import type { ChildProcess } from 'node:child_process'
import { hasService } from '../../scripts/services.mjs'
import { removeFolder, temporaryFolder } from '../../test/services/reaper.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { BenchCase, Figure, Row } from '../case.ts'
import { bareDrainAmqp, bareDrainRedis } from '../peers/bare-drain.mjs'
import { dramatiqDurations } from '../peers/python-random.mjs'
import { callsPerSecond, startPeer, stopPeer } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'

const QUEUE = 'sleepers'

/** From profiles: see docs/performance.md. */
const WHY =
  'What each of 100,000 tasks takes of the CPU, in the worker and in the server, is seconds of the two cores, and the last tasks that take 10 s begin when most of them are over. A fifth of the worker’s part is garbage collection of what lives as long as its task.'

/** Seconds beyond what must be, by the number of tasks. */
const AIMS: Readonly<Record<number, number>> = { 10_000: 1, 100_000: 2.5 }

/** Where tasks wait. */
interface Place {
  readonly name: string
  readonly url: string
  /** Its processes. */
  readonly server: readonly number[]
  /** Empties the queue with a bare client; undefined where there is none but ours. */
  readonly bareDrain: ((count: number) => Promise<number>) | undefined
}

/** What bench/peers/sleeper-worker.mjs tells. */
interface Told {
  readonly seconds: number
  readonly cpuUs: number
  readonly bytes: number
  readonly most: number
}

/**
 * dramatiq's latency bench: tasks that sleep for 10 s (1 %), 5 s (29 %), 3 s (20 %) and 1 s (50 %), drawn with seed 1337,
 * the queue full before the one async worker starts, which is when the clock starts.
 */
const sleepers: BenchCase = async ({ tiny, long, amqpUrl, part }) => {
  const rows: Row[] = []
  const scale = tiny ? 0.02 : 1
  const counts = tiny ? [100] : long ? [100, 1_000, 5_000, 10_000, 100_000] : [1_000, 10_000, 100_000]
  const home = temporaryFolder('sleepers')
  const redis = hasService('redis') ? await RedisNode.start(['--appendfsync', 'everysec']) : undefined
  const places: Place[] = [{ name: 'embedded', url: `embedded://${home}`, server: [], bareDrain: undefined }]
  if (amqpUrl) {
    const bareDrain = (count: number): Promise<number> => bareDrainAmqp(amqpUrl, QUEUE, count)
    places.push({ name: 'RabbitMQ', url: amqpUrl, server: listenersOn(Number(new URL(amqpUrl).port)), bareDrain })
  } else rows.push({ what: 'sleepers, RabbitMQ', leftOut: 'no RabbitMQ on this machine' })
  if (redis) {
    const bareDrain = (count: number): Promise<number> => bareDrainRedis(redis.url(), QUEUE, count)
    places.push({ name: 'Redis', url: redis.url(), server: listenersOn(redis.port), bareDrain })
  } else rows.push({ what: 'sleepers, Redis', leftOut: 'no Redis on this machine' })
  try {
    for (const place of places) {
      for (const count of counts) {
        rows.push(...(await part(rowOf(place, count), () => measured(place, count, scale))))
      }
    }
    return rows
  } finally {
    await redis?.remove()
    removeFolder(home)
  }
}
export default sleepers

function rowOf({ name }: Place, count: number): string {
  return `sleepers, ${name}, ${count.toLocaleString('en-US')}`
}

async function measured(place: Place, count: number, scale: number): Promise<Figure[]> {
  const { url, server, bareDrain } = place
  let rate = Infinity
  if (bareDrain) {
    await fill(url, count)
    rate = await bareDrain(count)
  }
  await fill(url, count)
  // As wide as there are tasks.
  const options = { concurrency: count }
  const given = JSON.stringify({ broker: url, count, scale, options })
  const { child } = await startPeer('sleeper-worker', given)
  try {
    const meter = new CpuMeter(() => server)
    const before = meter.serverCpu()
    child.send('go')
    const { seconds, cpuUs, bytes, most } = await toldBy(child)
    const serverCpuMicros = (meter.serverCpu() - before) / count
    const what = rowOf(place, count)
    const floor = Math.max(10 * scale, count / rate)
    const best = bestPossible(count, rate, scale)
    const atMost = AIMS[count]
    const figures: Figure[] = [
      { what: `${what}, finish`, value: seconds, unit: 's', note: `${most.toLocaleString('en-US')} asleep at a time` },
      {
        what: `${what}, beyond max(10 s, N over the bare drain)`,
        value: seconds - floor,
        unit: 's',
        ...(atMost !== undefined && { aim: { atMost, why: WHY } }),
      },
      {
        what: `${what}, CPU a task`,
        value: cpuUs / count,
        unit: 'µs',
        ...(Number.isFinite(serverCpuMicros) && { serverCpuMicros }),
      },
    ]
    if (bareDrain) {
      const note = `a bare client that starts each task as it takes it, at ${Math.round(rate)}/s: ${best.toFixed(2)} s`
      figures.push({ what: `${what}, beyond a bare client that sleeps`, value: seconds - best, unit: 's', note })
    }
    if (count >= 1_000) figures.push({ what: `${what}, memory a sleeper`, value: bytes, unit: 'bytes' })
    return figures
  } finally {
    await stopPeer(child)
  }
}

function toldBy(child: ChildProcess): Promise<Told> {
  return new Promise((resolve, reject) => {
    child.once('message', (told) => resolve(told as Told))
    child.once('exit', (code) => reject(new Error(`the worker of the sleepers ended with code ${code}`)))
  })
}

/** When the last would wake if each task began as soon as a bare client has taken it, in seconds. */
function bestPossible(count: number, rate: number, scale: number): number {
  const duration = dramatiqDurations()
  let last = 0
  for (let i = 0; i < count; i++) last = Math.max(last, (i + 1) / rate + duration() * scale)
  return last
}

async function fill(url: string, count: number): Promise<void> {
  const app = lovage('bench', { broker: url, defaultQueue: QUEUE, publishTimeout: '30s' })
  const nap = app.remote<() => void>('bench.nap', { ignoreResult: true })
  await callsPerSecond(count, 1_000, async () => nap.delay())
  await app.close()
}
