import { Redis } from 'ioredis'
import { lovage } from 'lovage'
import type { Figure } from '../case.ts'
import { callsPerSecond, sideBySide } from '../side-by-side.ts'
import { CELERY_QUEUE, type CelerySystem, type CeleryWorkerOptions, workerName } from '../systems/celery.ts'
import { withUsers } from '../systems/queue-user.ts'
import { redisCase, type RedisScene } from '../systems/redis-scene.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'What a task takes is spread over takings, headers, the task itself and what counts it: no piece of it is large. One at a time it waits for the server between any two.'

/** Celery's pools that are its fastest over RabbitMQ, processes for two cores, with the prefetch that suits them. */
const POOLS: readonly CeleryWorkerOptions[] = [
  { pool: 'prefork', concurrency: 2, prefetch: 64 },
  { pool: 'threads', concurrency: 50, prefetch: 64 },
]

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
      for (const pool of celery && concurrency === 50 ? POOLS : []) {
        contenders[workerName(pool)] = () => celeryDrains(scene, celery as CelerySystem, pool)
      }
      meter.forget()
      const aims = { BullMQ: { atLeast: 2, why: WHY } }
      const what = `redis: drain, no-op, ${concurrency} at once`
      figures.push(...(await sideBySide(what, tiny ? 1 : 5, contenders, { meter, aims })))
    }
    return figures
  })
})
export default drain

/** Its queue filled as its users would, without results. */
function celeryDrains(
  { tiny, celeryUrl, meter }: RedisScene,
  celery: CelerySystem,
  worker: CeleryWorkerOptions,
): Promise<number> {
  return celery.drains({
    worker,
    count: tiny ? 50 : 2_000,
    meter,
    async fill(count) {
      const app = lovage('bench', { broker: celeryUrl, defaultQueue: CELERY_QUEUE })
      try {
        const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
        await callsPerSecond(count, 500, async () => add.delay(2, 3))
      } finally {
        await app.close()
      }
    },
    async check(sent, mayLeave) {
      const redis = new Redis(celeryUrl)
      try {
        const left = (await redis.llen(CELERY_QUEUE)) + (await redis.hlen('unacked'))
        if (left > mayLeave) throw new Error(`${left} of ${sent} tasks were not acknowledged`)
        await redis.flushdb()
      } finally {
        redis.disconnect()
      }
    },
  })
}
