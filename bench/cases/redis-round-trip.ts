import type { ChildProcess } from 'node:child_process'
import type { Figure } from '../case.ts'
import { groupOf } from '../cpu.ts'
import { sideBySide, startPeer, stopPeer } from '../side-by-side.ts'
import { type QueueUserOptions, withUsers } from '../systems/queue-user.ts'
import { redisCase } from '../systems/redis-scene.ts'

/**
 * A task sent, run in another process, and its result here, results in Redis as well; each caller and each worker in a process
 * of its own. CPU and memory are those of both.
 */
const roundTrip = redisCase(async ({ tiny, url, meter, bullmq, bullmqWorker, celery }) => {
  const workers: ChildProcess[] = []
  const beside = async (user: QueueUserOptions, worker: string, args: readonly string[]) => {
    const { child } = await startPeer(worker, ...args)
    workers.push(child)
    return { ...user, others: () => [child.pid as number] }
  }
  const celeryWorker = await celery?.startWorker({ pool: 'prefork', concurrency: 2 })
  try {
    const user = { peer: 'lovage-user', args: [url, url, 'trip'] }
    const peers: Record<string, QueueUserOptions> = {
      lovage: await beside(user, 'our-worker', [url, 'trip', '1000', url]),
    }
    if (bullmq && bullmqWorker) peers['BullMQ'] = await beside(bullmq, 'bullmq-worker', [...bullmqWorker, '1000'])
    return await withUsers(peers, async (each, users) => {
      const figures: Figure[] = []
      // The first calls of a process cost ten times what they cost from then on: all are compiled before they are measured.
      const warm = tiny ? 100 : 5_000
      for (const [name, caller] of Object.entries(users)) await caller.calls(warm, 64, meter, name)
      if (celeryWorker) await celery?.ask(`trips ${warm}`)
      for (const inFlight of tiny ? [1, 64] : [1, 64, 1_000]) {
        const count = tiny ? 50 : inFlight === 1 ? 500 : 4_000
        const times: Record<string, number[]> = Object.fromEntries(Object.keys(peers).map((name) => [name, []]))
        const contenders = each((caller, name) => caller.calls(count, inFlight, meter, name, times[name]))
        if (celery && celeryWorker && inFlight === 1) {
          const all: number[] = (times['Celery'] = [])
          const pids = (): number[] => [...celery.pids, ...groupOf(celeryWorker.pid)]
          contenders['Celery'] = async () => {
            const ask = () => celery.ask(`trips ${count}`)
            const { seconds, taken = [] } = await meter.measure('Celery', count, pids, ask)
            all.push(...taken)
            return count / seconds
          }
        }
        meter.forget()
        const what = `redis: round trip, ${inFlight.toLocaleString('en-US')} in flight`
        figures.push(...(await sideBySide(what, tiny ? 1 : 5, contenders, { times, meter })))
      }
      return figures
    })
  } finally {
    await celeryWorker?.stop()
    for (const child of workers) await stopPeer(child)
  }
})
export default roundTrip
