import { lovage } from 'lovage'
import { RabbitmqNode } from '../../test/services/rabbitmq-node.ts'
import type { BenchCase, Figure } from '../case.ts'
import { bareCaller } from '../peers/bare-caller.mjs'
import { callsPerSecond, quantile, sideBySide, startPeer, stopPeer } from '../side-by-side.ts'

/** A task sent, run in another process, and its result here: ours beside amqplib on both ends, confirms on. */
const roundTrip: BenchCase = async ({ tiny }) => {
  const node = await RabbitmqNode.start()
  const app = lovage('bench', { broker: node.url(), defaultQueue: 'ours' })
  const add = app.remote<(x: number, y: number) => number>('bench.add')
  const peers = await Promise.all([
    startPeer('our-worker', node.url(), 'ours'),
    startPeer('bare-server', node.url(), 'bare'),
  ])
  const bare = await bareCaller(node.url(), 'bare')
  try {
    const figures: Figure[] = []
    for (const inFlight of [1, 64, 1_000]) {
      const count = tiny ? 200 : inFlight === 1 ? 2_000 : 15_000
      const times = { ours: [] as number[], theirs: [] as number[] }
      const ours = (): Promise<number> => callsPerSecond(count, inFlight, () => add.delay(2, 3).get(), times.ours)
      const theirs = (): Promise<number> => callsPerSecond(count, inFlight, bare.call, times.theirs)
      await ours()
      await theirs()
      times.ours.length = times.theirs.length = 0
      figures.push(...(await sideBySide(`round trip, ${inFlight} in flight`, tiny ? 1 : 5, ours, theirs, 'amqplib')))
      for (const [who, taken] of [
        ['lovage', times.ours],
        ['amqplib', times.theirs],
      ] as const) {
        const note = `p99 ${quantile(taken, 0.99).toFixed(2)} ms, p99.9 ${quantile(taken, 0.999).toFixed(2)} ms`
        figures.push({
          what: `round trip, ${inFlight} in flight, ${who}, p50`,
          value: quantile(taken, 0.5),
          unit: 'ms',
          note,
        })
      }
    }
    return figures
  } finally {
    await app.close()
    await bare.close()
    for (const { child } of peers) await stopPeer(child)
    await node.remove()
  }
}
export default roundTrip
