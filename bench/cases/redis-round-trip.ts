import { lovage } from 'lovage'
import type { Figure } from '../case.ts'
import { peerPath } from '../optional-peers.ts'
import { callsPerSecond, sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'
import { redisCase } from '../systems/redis-scene.ts'

/** A task sent, run in another process, and its result here, results in Redis as well. */
const roundTrip = redisCase(async ({ tiny, port, url, bullmqDatabase, bullmq, celery }) => {
  const app = lovage('bench', { broker: url, backend: url, defaultQueue: 'trip' })
  const add = app.remote<(x: number, y: number) => number>('bench.add')
  const peers = [await startPeer('our-worker', url, 'trip', '1000', url)]
  if (bullmq)
    peers.push(
      await startPeer('bullmq-worker', String(peerPath('bullmq')), String(port), String(bullmqDatabase), '1000'),
    )
  const celeryWorker = await celery?.startWorker({ pool: 'prefork', concurrency: 2 })
  const figures: Figure[] = []
  try {
    for (const inFlight of tiny ? [1, 64] : [1, 64, 1_000]) {
      const count = tiny ? 50 : inFlight === 1 ? 300 : 3_000
      const times: Record<string, number[]> = {}
      const contenders: Record<string, Contender> = {}
      const calls = { lovage: () => add.delay(2, 3).get(), ...(bullmq && { BullMQ: bullmq.call }) }
      for (const [name, call] of Object.entries(calls)) {
        const taken = (times[name] = [] as number[])
        contenders[name] = () => callsPerSecond(count, inFlight, call, taken)
      }
      if (celery && inFlight === 1) {
        const all = (times['Celery'] = [] as number[])
        contenders['Celery'] = async () => {
          const { seconds, taken = [] } = await celery.ask(`trips ${count}`)
          all.push(...taken)
          return count / seconds
        }
      }
      const what = `redis: round trip, ${inFlight.toLocaleString('en-US')} in flight`
      figures.push(...(await sideBySide(what, tiny ? 1 : 5, contenders, { times })))
    }
    return figures
  } finally {
    await app.close()
    await celeryWorker?.stop()
    for (const { child } of peers) await stopPeer(child)
  }
})
export default roundTrip
