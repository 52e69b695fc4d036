import { lovage, type App } from 'lovage'
import type { Aim, BenchCase, Figure, Row } from '../case.ts'
import { bareCaller } from '../peers/bare-caller.mjs'
import { bareRedisCaller } from '../peers/bare-redis.mjs'
import { pythonRandom } from '../peers/python-random.mjs'
import { mustBe } from '../peers/serve.mjs'
import { memoryOf } from '../cpu.ts'
import {
  callsPerSecond,
  median,
  percentilesOf,
  quartiles,
  sideBySide,
  startPeer,
  stopPeer,
  warmUp,
} from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { openLoop } from '../systems/open-loop.ts'
import { inEachPlace, type Place } from '../systems/places.ts'
import { TaskWorker } from '../systems/task-worker.ts'

/** Most that a call may take beside a crowd, in milliseconds. */
const CROWD_MS = 20

/** How long the others of a crowd in another queue take, in milliseconds: drawn evenly, or all the same. */
const NAPS_MS = { from: 25, to: 75 }
const NAP_MS = (NAPS_MS.from + NAPS_MS.to) / 2

/** What the calls that warm up, and the last ones, may take beside those that are measured. */
const SPARE_SECONDS = 12

/** From the server's CPU time beside crowds of 5,000, 20,000 and 50,000. */
const WHY_ASLEEP: Readonly<Partial<Record<Place['name'], string>>> = {
  RabbitMQ:
    'To acknowledge one task, RabbitMQ looks past all that the channel was given before it and has not acknowledged: 50,000 of them cost it about 1.3 ms of CPU a call.',
}

/** From profiles: see docs/performance.md. */
const WHY_ALONE: Readonly<Partial<Record<Place['name'], string>>> = {
  RabbitMQ:
    'The ways over the sockets are the same for both. Ours has a result that is confirmed before its task is acknowledged, and an acknowledgement of that result, behind each call; on few cores they stand in the way of the next one.',
  Redis:
    'The bare client pushes to two lists and pops from them, and acknowledges nothing. Ours runs a script to send, one to take, one to store the result and one to acknowledge, and subscribes to a channel where it is told of the result.',
}
const WHY_HALF_LOAD =
  'A collection of young garbage stops caller, worker or engine for some milliseconds, and calls sent meanwhile are worked off after it, on two cores that all of them share: on the embedded broker such pauses lay over two fifths of the time of calls over 8 ms, and no call waits for the disk.'
const WHY_BARE = ' What a bare client has by the same share of its own rate stands beside it.'

/** How much is done. */
interface Size {
  readonly rounds: number
  readonly calls: number
  /** Calls of each contender before the first that is timed. */
  readonly warm: number
  /** Of each open loop. */
  readonly seconds: number
  readonly crowd: number
  /** Tasks at a time of the worker that the crowd is behind. */
  readonly wide: number
}

interface Caller {
  call(): Promise<unknown>
  readonly pids: readonly number[]
  close(): Promise<unknown>
}

/**
 * How long one call takes, from `delay()` to its result here, the worker in another process: alone; at half of the rate
 * that 64 in flight reach, in an open loop; and while 50,000 others wait, in another queue of the same worker, or asleep
 * in it while this caller waits for their results.
 */
const latency: BenchCase = async ({ tiny, amqpUrl, part }) => {
  const size: Size = tiny
    ? { rounds: 1, calls: 40, warm: 100, seconds: 0.2, crowd: 200, wide: 4 }
    : { rounds: 5, calls: 300, warm: 5_000, seconds: 2, crowd: 50_000, wide: 100 }
  return inEachPlace('latency', { amqpUrl }, async (place) => {
    const what = `latency, ${place.name}`
    return [
      ...(await part(`${what}, alone`, () => besideBare(place, size))),
      ...(await part(`${what}, crowd in another queue`, () => behindQueue(place, size, NAPS_MS))),
      ...(await part(`${what}, crowd in another queue, all alike`, () => behindQueue(place, size))),
      ...(await part(`${what}, crowd asleep`, () => amongSleepers(place, size))),
    ]
  })
}
export default latency

/** One in flight, and at half load, by turns with a bare client where there is one. */
async function besideBare(place: Place, size: Size): Promise<Row[]> {
  const { rounds, calls, warm } = size
  const callers: Record<string, Caller> = {}
  try {
    callers['lovage'] = await ours(place)
    if (place.name !== 'embedded') callers['bare client'] = await bare(place)
    for (const { call } of Object.values(callers)) await warmUp(call, warm)
    const times: Record<string, number[]> = Object.fromEntries(Object.keys(callers).map((name) => [name, []]))
    const meter = new CpuMeter(() => place.server)
    const alone = Object.entries(callers).map(([name, { call, pids }]) => {
      const run = (): Promise<number> => callsPerSecond(calls, 1, call, times[name])
      return [name, () => meter.measure(name, calls, () => pids, run)] as const
    })
    const what = `latency, ${place.name}, alone`
    const figures = await sideBySide(what, rounds, Object.fromEntries(alone), {
      times,
      meter,
      latencyAims: { 'bare client': aimOf(1.3, WHY_ALONE[place.name]) },
    })
    return [...figures, ...(await atHalfLoad(place, callers, size))]
  } finally {
    for (const caller of Object.values(callers)) await caller.close()
  }
}

async function atHalfLoad(
  place: Place,
  callers: Readonly<Record<string, Caller>>,
  { rounds, calls, seconds }: Size,
): Promise<Figure[]> {
  const group = `latency, ${place.name}, half load`
  const taken = Object.entries(callers).map(([name, caller]) => ({
    name,
    caller,
    all: [] as number[],
    rates: [] as number[],
    tails: [] as number[],
  }))
  const meter = new CpuMeter(() => place.server)
  for (let round = 0; round < rounds; round++) {
    for (const { name, caller, all, rates, tails } of taken) {
      const rate = (await callsPerSecond(calls * 10, 64, caller.call)) / 2
      const count = Math.ceil(rate * seconds)
      const times = await meter.measure(
        name,
        count,
        () => caller.pids,
        () => openLoop(caller.call, rate, seconds),
      )
      const { p50, p99 } = percentilesOf(times)
      all.push(...times)
      rates.push(rate)
      tails.push(p99 / p50)
    }
  }
  return taken.flatMap(({ name, all, rates, tails }): Figure[] => [
    {
      what: `${group}, ${name}`,
      value: percentilesOf(all).p50,
      unit: 'ms',
      group,
      contender: name,
      percentiles: percentilesOf(all),
      note: `${Math.round(median(rates))} calls a second`,
      ...meter.of(name),
    },
    {
      what: `${group}, ${name}, p99 over p50`,
      value: median(tails),
      unit: 'x',
      spread: quartiles(tails),
      ...(name === 'lovage' && { aim: aimOf(5, taken.length > 1 ? WHY_HALF_LOAD + WHY_BARE : WHY_HALF_LOAD) }),
    },
  ])
}

/**
 * A caller of another queue, while 50,000 wait in the queue that the same worker is busy with. `naps`: how long those take;
 * without it all take the same. Then they go in step: those that begin together end together, and nobody else gets a slot
 * in between.
 */
async function behindQueue(
  place: Place,
  { calls, seconds, crowd, wide: concurrency }: Size,
  naps?: typeof NAPS_MS,
): Promise<Row[]> {
  const { randint } = pythonRandom(1337)
  // What is worked off meanwhile comes on top, also where calls are slow: all the time there are so many behind.
  const perSecond = (concurrency * 1_000) / NAP_MS
  const total = crowd + Math.ceil((SPARE_SECONDS + seconds) * perSecond)
  const backlog = lovage('bench', { broker: place.url, defaultQueue: 'backlog', publishTimeout: '30s' })
  const nap = backlog.remote<(ms: number, i: number) => void>('bench.nap', { ignoreResult: true })
  let i = 0
  await callsPerSecond(total, 1_000, async () => nap.delay(naps ? randint(naps.from, naps.to) : NAP_MS, i++))
  const worker = await TaskWorker.start({ broker: place.url, queues: ['backlog', 'urgent'], concurrency })
  const app = lovage('bench', { broker: place.url, defaultQueue: 'urgent' })
  try {
    const times = await callsOf(app, calls, seconds)
    const held = memoryOf([worker.pid])
    await worker.rest()
    const { ran, doubled } = await worker.counted()
    const admin = (await backlog.client()).broker.admin
    const left = await admin?.purge('backlog')
    if (left !== total - ran || doubled > 0) {
      throw new Error(`of ${total} tasks ${ran} ran, ${doubled} of them twice, and ${left} are left`)
    }
    if (left < crowd) throw new Error(`only ${left} of ${crowd} waited to the end`)
    const what = `latency, ${place.name}, crowd of ${crowd.toLocaleString('en-US')} in another queue`
    const why = `A task of the other queue has the next slot that is free, or one of the next few. Then it takes its turn on two cores, on which caller and broker are as well, and ${perSecond} other tasks a second.`
    const figure = naps ? crowded(what, times, why) : withoutAim(crowded(`${what}, each of ${NAP_MS} ms`, times))
    return [{ ...figure, memoryMiB: held }]
  } finally {
    await app.close()
    await backlog.close()
    await worker.stop()
  }
}

/** A caller that waits for 50,000 other results, whose tasks are asleep in the same worker. */
async function amongSleepers(place: Place, { calls, seconds, crowd }: Size): Promise<Row[]> {
  const worker = await TaskWorker.start({ broker: place.url, queues: ['asleep'], concurrency: crowd + 1_000 })
  const app = lovage('bench', { broker: place.url, defaultQueue: 'asleep', publishTimeout: '30s' })
  const rest = app.remote<() => void>('bench.rest')
  const release = app.remote<() => void>('bench.release')
  try {
    const waiting: Promise<unknown>[] = []
    await callsPerSecond(crowd, 1_000, async () => {
      const result = await rest.delay()
      const answer = result.get({ timeout: '10m' })
      // Where sending fails, nobody comes to wait for it.
      answer.catch(() => {})
      waiting.push(answer)
    })
    while ((await worker.counted()).resting < crowd) await new Promise((resolve) => setTimeout(resolve, 50))
    const meter = new CpuMeter(() => place.server)
    const pids = (): readonly number[] => [process.pid, worker.pid]
    const work = (): Promise<number[]> => callsOf(app, calls, seconds)
    const times = await meter.measureBy('lovage', pids, work, ({ length }) => length)
    const held = memoryOf([worker.pid])
    await release.delay().get()
    if ((await Promise.all(waiting)).length !== crowd) throw new Error('not all that slept came back')
    const what = `latency, ${place.name}, crowd of ${crowd.toLocaleString('en-US')} asleep and waited for`
    return [{ ...crowded(what, times, WHY_ASLEEP[place.name]), ...meter.of('lovage'), memoryMiB: held }]
  } finally {
    await app.close()
    await worker.stop()
  }
}

/** Calls one after the other for so long, after some that warm up; each is checked. */
async function callsOf(app: App, calls: number, seconds: number): Promise<number[]> {
  const add = app.remote<(x: number, y: number) => number>('bench.add')
  const call = async (): Promise<void> => mustBe('2 and 3', await add.delay(2, 3).get({ timeout: '60s' }), 5)
  await callsPerSecond(Math.ceil(calls / 10), 1, call)
  const times: number[] = []
  const until = performance.now() + seconds * 1_000
  while (performance.now() < until) await callsPerSecond(10, 1, call, times)
  return times
}

function crowded(what: string, times: readonly number[], why?: string): Figure {
  const percentiles = percentilesOf(times)
  const note = `p99 of ${times.length} calls; the longest ${Math.max(...times).toFixed(1)} ms`
  return { what, value: percentiles.p99, unit: 'ms', note, percentiles, aim: aimOf(CROWD_MS, why) }
}

function aimOf(atMost: number, why: string | undefined): Aim {
  return { atMost, ...(why !== undefined && { why }) }
}

/** Of what no service has: it is told to be compared. */
function withoutAim({ aim: _aim, ...figure }: Figure): Figure {
  return figure
}

async function ours(place: Place): Promise<Caller> {
  const worker = await TaskWorker.start({ broker: place.url, queues: ['ours'], concurrency: 1_000 })
  const app = lovage('bench', { broker: place.url, defaultQueue: 'ours' })
  const add = app.remote<(x: number, y: number) => number>('bench.add')
  return {
    call: async () => mustBe('2 and 3', await add.delay(2, 3).get(), 5),
    pids: [process.pid, worker.pid],
    close: () => app.close().then(() => worker.stop()),
  }
}

async function bare(place: Place): Promise<Caller> {
  const who = place.name === 'Redis' ? 'redis' : 'bare'
  const { child } = await startPeer('server-by-hand', who, place.url, 'bare')
  const caller = who === 'redis' ? bareRedisCaller(place.url, 'bare') : await bareCaller(place.url, 'bare')
  return {
    call: async () => mustBe('2 and 3', await caller.call(), 5),
    pids: [process.pid, child.pid as number],
    close: () => (caller.close(), stopPeer(child)),
  }
}
