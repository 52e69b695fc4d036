import { lovage } from 'lovage'
import type { Figure } from '../case.ts'
import { callsPerSecond, sideBySide, type Contender } from '../side-by-side.ts'
import { redisCase, SELF } from '../systems/redis-scene.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'One by one most of it is the way to the server and back, the same for both. With many in flight half of what the client does is the text of the message and its garbage; the server takes a quarter of what it takes for BullMQ, and is not what is waited for.'

/** Tasks that the server has, until it says so: beside BullMQ in its three ways to add, and beside Celery. */
const enqueue = redisCase(async ({ tiny, url, meter, bullmq, celery }) => {
  const app = lovage('bench', { broker: url, defaultQueue: 'enqueue' })
  const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
  const broker = await app.client().then((client) => client.broker)
  const send = async (): Promise<unknown> => add.delay(2, 3)
  const figures: Figure[] = []
  // As BullMQ's users have it: awaited each, many at a time, and in bulk.
  const modes = [
    { how: 'one by one', count: tiny ? 50 : 1_000, window: 1 },
    { how: '500 in flight', count: tiny ? 300 : 10_000, window: 500 },
    { how: 'in bulk of 500', count: tiny ? 300 : 10_000, window: 0 },
  ]
  try {
    await send()
    for (const { how, count, window } of modes) {
      const contenders: Record<string, Contender> = {}
      contenders['lovage'] = async () => {
        const run = (): Promise<number> =>
          window > 0
            ? callsPerSecond(count, window, send)
            : inBulk(count, () => Promise.all(Array.from({ length: 500 }, send)))
        const reached = await meter.measure('lovage', count, SELF, run)
        await broker.admin?.purge('enqueue')
        return reached
      }
      if (bullmq) {
        contenders['BullMQ'] = async () => {
          const run = (): Promise<number> =>
            window > 0 ? callsPerSecond(count, window, bullmq.add) : inBulk(count, () => bullmq.send(500))
          const reached = await meter.measure('BullMQ', count, SELF, run)
          await bullmq.purge()
          return reached
        }
      }
      if (celery && window === 1) {
        contenders['Celery'] = async () => {
          const ask = (): Promise<{ seconds: number }> => celery.ask(`send ${count}`)
          const { seconds } = await meter.measure('Celery', count, () => celery.pids, ask)
          await celery.ask('purge')
          return count / seconds
        }
      }
      const what = `redis: enqueue, ${how}`
      figures.push(
        ...(await sideBySide(what, tiny ? 1 : 5, contenders, { meter, aims: { BullMQ: { atLeast: 1.5, why: WHY } } })),
      )
      meter.forget()
    }
    return figures
  } finally {
    await app.close()
  }
})
export default enqueue

async function inBulk(count: number, send: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  for (let i = 0; i < count; i += 500) await send()
  return (Math.ceil(count / 500) * 500 * 1_000) / (performance.now() - from)
}
