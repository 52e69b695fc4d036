// 200 readers of one stream, one of them slow: memory is flat, the slowest slows the task, and killed gateways, a killed Redis
// or owner lose and repeat nothing; when the last reader leaves, the generator ends.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import {
  Deployment,
  GRACE_MS,
  inSockets,
  type Place,
  readersOf,
  readersWhen,
  restarted,
  samplesOf,
  WINDOW,
} from '../test/chaos/streams/deployment.ts'
import type { Child } from '../test/services/child.ts'

/** What the slow reader reads in a second. */
const SLOW = 10_000

/** Of a part; what goes over the wire is a little more. */
const PART_BYTES = 1_000

/** More than the sockets of the slow reader hold, so that the task has to wait for him. */
const PARTS = 8_000

/** What the streams of gateway and reader hold beside the window, and what a sample may be late by. */
const BUFFERED_PARTS = 250

/** Of the stream in which everything is killed: it takes twenty seconds by itself. */
const KILLED_PARTS = 2_000
const KILLED_EVERY_MS = 10

/** Samples of memory: those behind the middle of the time may be so much over those before, on either measure. */
const FLAT = 1.15
const SLACK_BYTES = 4 * 2 ** 20

const PATIENCE_MS = 10 * 60_000

/** `seconds` is how long the slow reader is slow; then it reads freely, so that the stream comes to its end. */
export async function run({ readers = 200, seconds = 60 }: ProofOptions): Promise<Proof> {
  const failures: string[] = []
  const figures: Record<string, unknown> = { readers, seconds, window: WINDOW, graceMs: GRACE_MS, slowBytesPerS: SLOW }
  for (const place of ['redis', 'embedded'] as const) {
    const deployment = await Deployment.start(place)
    try {
      const slow = await slowed(deployment, place, readers, seconds, failures)
      console.log(place, 'slow', JSON.stringify(slow))
      const restarts = await killed(deployment, place, readers, failures)
      console.log(place, 'restarts', JSON.stringify(restarts))
      const abandoned = await left(deployment, place, readers, failures)
      console.log(place, 'abandoned', JSON.stringify(abandoned))
      figures[place] = { slow, restarts, abandoned }
    } finally {
      await deployment.remove()
    }
  }
  return { holds: failures.length === 0, figures: { ...figures, failures } }
}

/** One reader is slow, all others are fast. */
async function slowed(
  deployment: Deployment,
  place: Place,
  readers: number,
  seconds: number,
  failures: string[],
): Promise<object> {
  const path = await deployment.accepted(`/lines/${PARTS}/${PART_BYTES}/0`)
  const [url = ''] = deployment.urls
  const child = deployment.read({ gateways: [url], path, readers, slow: SLOW })
  const began = await readersWhen(child, ({ most }) => most > 0, PATIENCE_MS)
  const ahead: number[] = []
  // What sockets hold is on its way: nobody can take it back, and the gateway cannot tell it from what was read.
  await readersWhen(
    child,
    ({ atMs, first, firstBytes, firstUnread, firstPort }) => {
      const yielded = samplesOf(deployment.worker).at(-1)?.yielded ?? 0
      const onItsWay = firstUnread + inSockets(firstPort)
      if (first > 0) ahead.push(Math.round(yielded - first - onItsWay / (firstBytes / first)))
      return atMs >= began.atMs + seconds * 1000
    },
    PATIENCE_MS,
  )
  const freedMs = Date.now()
  child.write('free\n')
  const end = await readersWhen(child, ({ ended }) => ended === readers, PATIENCE_MS)
  const endMs = Date.now()
  const memory = {
    gateway: memoryOf(deployment.gateway(0), began.atMs, endMs),
    worker: memoryOf(deployment.worker, began.atMs, endMs),
  }
  for (const [name, { rss, heap }] of Object.entries(memory)) {
    if (rss.isGrowing) failures.push(`${place}: RSS of the ${name} grows by ${rss.ratio}`)
    if (heap.isGrowing) failures.push(`${place}: heap of the ${name} grows by ${heap.ratio}`)
  }
  const yielded = samplesOf(deployment.worker).findLast(({ atMs }) => atMs <= freedMs)?.yielded ?? PARTS
  const last = readersOf(child).findLast(({ atMs }) => atMs <= freedMs)
  // From the tenth on: samples of three processes are not of the same moment, which matters while it runs fast.
  const mostAhead = Math.max(...ahead.slice(ahead.length / 10))
  if (!(mostAhead <= WINDOW + BUFFERED_PARTS)) failures.push(`${place}: the task is ${mostAhead} parts ahead`)
  if (yielded === PARTS) failures.push(`${place}: the task had nothing to wait for`)
  failures.push(...end.wrong.map((what) => `${place}, slow: ${what}`))
  const slowBytesPerS = Math.round(((last?.firstBytes ?? 0) / (freedMs - began.atMs)) * 1000)
  await child.kill()
  return {
    parts: PARTS,
    memory,
    whenFreed: { yielded, readByTheSlowest: last?.first },
    mostAheadOfHisSocket: mostAhead,
    slowBytesPerS,
    wrong: end.wrong.length,
    drainedInS: Math.round((endMs - freedMs) / 100) / 10,
  }
}

/** Gateways and the place are killed while all read. */
async function killed(deployment: Deployment, place: Place, readers: number, failures: string[]): Promise<object> {
  const options = { readers, parts: KILLED_PARTS, bytes: PART_BYTES, everyMs: KILLED_EVERY_MS, isPlaceHurt: true }
  const { again, wrong, least, most } = await restarted(deployment, { ...options, timeoutMs: PATIENCE_MS })
  await deployment.startGateway(1)
  failures.push(...wrong.map((what) => `${place}, killed: ${what}`))
  if (least !== KILLED_PARTS || most !== KILLED_PARTS) failures.push(`${place}: readers got ${least} to ${most} parts`)
  return { parts: KILLED_PARTS, kills: { gateways: 2, place: 1 }, cameAgain: again, wrong: wrong.length }
}

/** All readers of an abandonable stream leave. */
async function left(deployment: Deployment, place: Place, readers: number, failures: string[]): Promise<object> {
  const path = await deployment.accepted(`/endless/${PART_BYTES}`)
  const child = deployment.read({ gateways: deployment.urls, path, readers, slow: 0 })
  await readersWhen(child, ({ least }) => least > 0, PATIENCE_MS)
  child.write('leave\n')
  const leftMs = Number((await child.line(/^left /, { timeoutMs: PATIENCE_MS })).split(' ')[1])
  const ended = await deployment.worker.line(/^finally /, { timeoutMs: PATIENCE_MS })
  const afterGraceMs = Number(ended.split(' ')[1]) - leftMs - GRACE_MS
  if (afterGraceMs > 1_000) failures.push(`${place}: the generator ended ${afterGraceMs} ms after its grace`)
  await child.kill()
  return { afterGraceMs }
}

interface Flatness {
  /** Most behind the middle, over most before it, from the tenth on. */
  readonly ratio: number
  readonly mostMb: number
  readonly isGrowing: boolean
}

function memoryOf(child: Child, fromMs: number, toMs: number): { rss: Flatness; heap: Flatness } {
  const tenthMs = fromMs + (toMs - fromMs) / 10
  const samples = samplesOf(child).filter(({ atMs }) => atMs >= tenthMs && atMs <= toMs)
  const half = samples.length >> 1
  const flatness = (of: 'rss' | 'heap'): Flatness => {
    const values = samples.map((sample) => sample[of])
    const before = Math.max(...values.slice(0, half))
    const after = Math.max(...values.slice(half))
    const isGrowing = !(after <= before * FLAT + SLACK_BYTES)
    return {
      ratio: Math.round((after / before) * 100) / 100,
      mostMb: Math.round(Math.max(before, after) / 2 ** 20),
      isGrowing,
    }
  }
  return { rss: flatness('rss'), heap: flatness('heap') }
}
