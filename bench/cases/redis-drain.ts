import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import type { Figure } from '../case.ts'
import { groupOf } from '../cpu.ts'
import { callsPerSecond, sideBySide, type Contender } from '../side-by-side.ts'
import { CELERY_QUEUE, type CelerySystem } from '../systems/celery.ts'
import { redisCase, type RedisScene, SELF } from '../systems/redis-scene.ts'

/** A full queue emptied by one worker of no-op tasks, results ignored; from the first task until the last is settled. */
const drain = redisCase(async (scene) => {
  const { tiny, url, meter, bullmq, celery } = scene
  const filler = lovage('bench', { broker: url, defaultQueue: 'drain' })
  const add = filler.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
  const figures: Figure[] = []
  try {
    for (const concurrency of tiny ? [50] : [1, 50, 200]) {
      const count = tiny ? 300 : concurrency === 1 ? 2_000 : 10_000
      const contenders: Record<string, Contender> = {}
      contenders['lovage'] = async () => {
        await callsPerSecond(count, 1_000, async () => add.delay(2, 3))
        const work = (): Promise<number> => drained(url, count, concurrency)
        return (count / (await meter.measure('lovage', count, SELF, work))) * 1_000
      }
      if (bullmq) {
        contenders['BullMQ'] = async () => {
          await bullmq.send(count)
          const work = (): Promise<number> => bullmq.drain(count, concurrency)
          return (count / (await meter.measure('BullMQ', count, SELF, work))) * 1_000
        }
      }
      if (celery && concurrency === 50) contenders['Celery'] = () => celeryDrains(scene, celery)
      const what = `redis: drain, no-op, ${concurrency} at once`
      figures.push(...(await sideBySide(what, tiny ? 1 : 5, contenders, { meter, aims: { BullMQ: { atLeast: 2 } } })))
      meter.forget()
    }
    return figures
  } finally {
    await filler.close()
  }
})
export default drain

async function drained(url: string, count: number, concurrency: number): Promise<number> {
  const app = lovage('bench', { broker: url, defaultQueue: 'drain' })
  let left = count
  let from = 0
  let tick = (): void => {}
  const done = new Promise<void>((resolve) => (tick = resolve))
  app.task('bench.add', (x: number, y: number) => {
    if (from === 0) from = performance.now()
    if (--left === 0) tick()
    return x + y
  })
  const running = worker(app, { concurrency })
  await running.start()
  await done
  // Stopping settles what is in flight.
  await running.stop()
  const tookMs = performance.now() - from
  await app.close()
  return tookMs
}

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
