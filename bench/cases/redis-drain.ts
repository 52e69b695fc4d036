import { lovage } from 'lovage'
import type { Figure } from '../case.ts'
import { groupOf } from '../cpu.ts'
import { sideBySide } from '../side-by-side.ts'
import { CELERY_QUEUE, type CelerySystem } from '../systems/celery.ts'
import { withUsers } from '../systems/queue-user.ts'
import { redisCase, type RedisScene } from '../systems/redis-scene.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'A task takes 27 to 36 µs in the worker and 15 to 22 in the server, spread over takings, headers, the task itself and what counts it; one at a time it waits for the server between any two.'

/**
 * A full queue emptied by one worker of no-op tasks, results ignored; from the first task until the last is settled. Each has
 * sent its tasks itself, from the same process.
 */
const drain = redisCase(async (scene) => {
  const { tiny, url, meter, bullmq, celery } = scene
  const peers = { lovage: { peer: 'lovage-user', args: [url, '', 'drain'] }, ...(bullmq && { BullMQ: bullmq }) }
  return withUsers(peers, async (each) => {
    const figures: Figure[] = []
    for (const concurrency of tiny ? [50] : [1, 50, 200]) {
      const count = tiny ? 300 : concurrency === 1 ? 2_000 : 10_000
      const contenders = each(async (user, name) => {
        await user.fill(count)
        return user.drains(count, meter, name, String(concurrency))
      })
      if (celery && concurrency === 50) contenders['Celery'] = () => celeryDrains(scene, celery)
      meter.forget()
      const aims = { BullMQ: { atLeast: 2, why: WHY } }
      const what = `redis: drain, no-op, ${concurrency} at once`
      figures.push(...(await sideBySide(what, tiny ? 1 : 5, contenders, { meter, aims })))
    }
    return figures
  })
})
export default drain

/** Celery's own pool of processes, two for two cores, with the prefetch that it is fastest with. */
async function celeryDrains({ tiny, celeryUrl, meter }: RedisScene, celery: CelerySystem): Promise<number> {
  const count = tiny ? 50 : 2_000
  // What stands before the first mark warms the worker up.
  const app = lovage('bench', { broker: celeryUrl, defaultQueue: CELERY_QUEUE })
  const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
  const mark = app.remote<(key: string) => void>('bench.mark', { ignoreResult: true })
  for (const size of [Math.floor(count / 5), count]) {
    for (let i = 0; i < size; i += 500) {
      await Promise.all(Array.from({ length: Math.min(500, size - i) }, async () => add.delay(2, 3)))
    }
    await mark.delay('marks')
  }
  await app.close()
  const running = await celery.startWorker({ pool: 'prefork', concurrency: 2, prefetch: 64 })
  try {
    const from = await celery.marked('marks')
    const until = (): Promise<number> => celery.marked('marks')
    const to = await meter.measure('Celery', count, () => groupOf(running.pid), until)
    return count / (to - from)
  } finally {
    await running.stop()
  }
}
