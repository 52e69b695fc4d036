import { lovage } from 'lovage'
import type { BenchCase, Figure } from '../case.ts'
import { amqplibCaller } from '../peers/amqplib-caller.mjs'
import { bareCaller } from '../peers/bare-caller.mjs'
import { type Beside, callsPerSecond, sideBySide, startPeer, stopPeer } from '../side-by-side.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'A call takes 45 µs of CPU in the caller and 41 in the worker, beside 14 in each of the bare ones, and RabbitMQ has a confirmation and an acknowledgement more to handle: a result is confirmed before its task is acknowledged, and is acknowledged itself. All share two cores.'

/** A task sent, run in another process, and its result here: ours beside a bare speaker and amqplib on both ends. */
const roundTrip: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: 'round trip', leftOut: 'no RabbitMQ on this machine' }]
  const app = lovage('bench', { broker: amqpUrl, defaultQueue: 'ours' })
  const add = app.remote<(x: number, y: number) => number>('bench.add')
  const peers = await Promise.all([
    startPeer('our-worker', amqpUrl, 'ours'),
    startPeer('server-by-hand', 'bare', amqpUrl, 'bare'),
    startPeer('server-by-hand', 'amqplib', amqpUrl, 'amqplib'),
  ])
  const [bare, amqplib] = [await bareCaller(amqpUrl, 'bare'), await amqplibCaller(amqpUrl, 'amqplib')]
  try {
    const calls = { lovage: () => add.delay(2, 3).get(), 'bare speaker': bare.call, amqplib: amqplib.call }
    const figures: Figure[] = []
    for (const inFlight of tiny ? [1, 64] : [1, 64, 1_000]) {
      const count = tiny ? 100 : inFlight === 1 ? 300 : 3_000
      const times = Object.fromEntries(Object.keys(calls).map((name) => [name, [] as number[]]))
      const contenders = Object.fromEntries(
        Object.entries(calls).map(([name, call]) => [name, () => callsPerSecond(count, inFlight, call, times[name])]),
      )
      const what = `round trip, ${inFlight.toLocaleString('en-US')} in flight`
      figures.push(...(await sideBySide(what, tiny ? 1 : 7, contenders, { times, ...aimsOf(inFlight) })))
    }
    return figures
  } finally {
    await app.close()
    bare.close()
    await amqplib.close()
    for (const { child } of peers) await stopPeer(child)
  }
}
export default roundTrip

/** One at a time it is the time that counts, of many their number. */
function aimsOf(inFlight: number): Beside {
  return inFlight === 1
    ? { latencyAims: { 'bare speaker': { atMost: 1.3, why: WHY } } }
    : { aims: { 'bare speaker': { atLeast: 0.8, why: WHY } } }
}
