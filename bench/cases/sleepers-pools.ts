import { lovage } from 'lovage'
import { availableParallelism } from 'node:os'
import type { Figure } from '../case.ts'
import { callsPerSecond, startPeer, stopPeer } from '../side-by-side.ts'
import { CELERY_QUEUE, type CelerySystem } from '../systems/celery.ts'
import { redisCase } from '../systems/redis-scene.ts'

const NAPS = 'naps'

/**
 * The sleepers of dramatiq's latency bench where tasks run in threads and in processes, on Redis: ours, many in each, beside
 * Celery's, one in each. Seconds from the start of the worker, its children included, to the last.
 */
const sleepersPools = redisCase(async ({ tiny, url, celery, celeryUrl }) => {
  const figures: Figure[] = []
  const cores = availableParallelism()
  // For all that is started from here.
  if (tiny) process.env['BENCH_SCALE'] = '0.02'
  const rows = [
    { pool: 'threads', count: 100, celeryPool: 'threads', wide: 100 },
    { pool: 'threads', count: 1_000, celeryPool: 'threads', wide: 1_000 },
    // A process for each would take 4 GB.
    { pool: 'processes', count: 100, celeryPool: 'prefork', wide: 20 },
  ] as const
  for (const { pool, count: all, celeryPool, wide } of tiny ? rows.slice(0, 1) : rows) {
    const count = tiny ? 4 : all
    const what = `sleepers, ${pool}, ${count.toLocaleString('en-US')}`
    const options = { pool, concurrency: cores, perChild: Math.ceil(count / cores) }
    const given = JSON.stringify({ task: 'nap', args: [], count, options, broker: url })
    const { child, said } = await startPeer('pool-worker', given)
    await stopPeer(child)
    const note = `${cores} ${pool} with ${options.perChild} each`
    figures.push({ what: `${what}, lovage`, value: (said as { seconds: number }).seconds, unit: 's', note })
    if (!celery) continue
    const value = await celeryNaps(celery, celeryUrl, count, { pool: celeryPool, concurrency: wide })
    figures.push({ what: `${what}, Celery`, value, unit: 's', note: `${celeryPool}, ${wide} of them` })
  }
  return figures
})
export default sleepersPools

async function celeryNaps(
  celery: CelerySystem,
  url: string,
  count: number,
  options: { pool: 'threads' | 'prefork'; concurrency: number },
): Promise<number> {
  const app = lovage('bench', { broker: url, defaultQueue: CELERY_QUEUE })
  const nap = app.remote<(key: string) => void>('bench.nap', { ignoreResult: true })
  await callsPerSecond(count, 100, async () => nap.delay(NAPS))
  await app.close()
  const from = Date.now() / 1_000
  const worker = await celery.startWorker(options)
  try {
    let last = from
    for (let i = 0; i < count; i++) last = Math.max(last, await celery.marked(NAPS))
    return last - from
  } finally {
    await worker.stop()
  }
}
