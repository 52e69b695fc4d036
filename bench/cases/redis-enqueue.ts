import type { Figure } from '../case.ts'
import { sideBySide } from '../side-by-side.ts'
import { withUsers } from '../systems/queue-user.ts'
import { redisCase } from '../systems/redis-scene.ts'

/** From profiles: see docs/performance.md. */
const WHY =
  'One by one most of it is the way to the server and back, the same for both. With many in flight the client is what is waited for: a third of it is garbage and the writing of the text to the socket; the server takes a quarter of what it takes for BullMQ.'

/**
 * Tasks that the server has, until it says so: beside BullMQ in its three ways to add, and beside Celery, each in a process of
 * its own.
 */
const enqueue = redisCase(async ({ tiny, url, meter, bullmq, celery }) => {
  const peers = { lovage: { peer: 'lovage-user', args: [url, '', 'enqueue'] }, ...(bullmq && { BullMQ: bullmq }) }
  return withUsers(peers, async (each) => {
    const figures: Figure[] = []
    // As BullMQ's users have it: awaited each, many at a time, and in bulk.
    const modes = [
      { named: 'one by one', count: tiny ? 50 : 2_000, window: 1, how: '' },
      { named: '500 in flight', count: tiny ? 300 : 10_000, window: 500, how: '' },
      { named: 'in bulk of 500', count: tiny ? 300 : 10_000, window: 500, how: 'bulk' },
    ]
    for (const { named, count, window, how } of modes) {
      const contenders = each((user, name) => user.sends(count, window, meter, name, how))
      if (celery && window === 1) {
        contenders['Celery'] = async () => {
          const ask = (): Promise<{ seconds: number }> => celery.ask(`send ${count}`)
          const { seconds } = await meter.measure('Celery', count, () => celery.pids, ask)
          const { purged } = await celery.ask('purge')
          if (purged !== count) throw new Error(`Celery has sent ${count} tasks, and ${purged} were there`)
          return count / seconds
        }
      }
      meter.forget()
      const aims = { BullMQ: { atLeast: 1.5, why: WHY } }
      figures.push(...(await sideBySide(`redis: enqueue, ${named}`, tiny ? 1 : 7, contenders, { meter, aims })))
    }
    return figures
  })
})
export default enqueue
