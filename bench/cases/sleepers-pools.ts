import { lovage } from 'lovage'
import { availableParallelism } from 'node:os'
import type { Figure } from '../case.ts'
import { callsPerSecond, startPeer, stopPeer } from '../side-by-side.ts'
import { CELERY_QUEUE, type CelerySystem } from '../systems/celery.ts'
import { redisCase } from '../systems/redis-scene.ts'

const NAPS = 'naps'

/**
 * The sleepers of dramatiq's latency bench where tasks run in threads and in processes, on Redis: ours, many in each, beside
 * Celery's, one in each. The queue is full; seconds from the start of the worker's process, with the interpreter, what it
 * loads and its children, to the last.
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
    const value = await ourNaps(url, count, options)
    const note = `${cores} ${pool} with ${options.perChild} each`
    figures.push({ what: `${what}, lovage`, value, unit: 's', note })
    if (!celery) continue
    const theirs = await celeryNaps(celery, celeryUrl, count, { pool: celeryPool, concurrency: wide })
    figures.push({ what: `${what}, Celery`, value: theirs, unit: 's', note: `${celeryPool}, ${wide} of them` })
  }
  return figures
})
export default sleepersPools

/** Fills a queue. */
async function filled(broker: string, defaultQueue: string, count: number, ...args: string[]): Promise<void> {
  const app = lovage('bench', { broker, defaultQueue })
  try {
    const nap = app.remote<(...args: string[]) => void>('bench.nap', { ignoreResult: true })
    await callsPerSecond(count, 100, async () => nap.delay(...args))
  } finally {
    await app.close()
  }
}

async function ourNaps(broker: string, count: number, options: object): Promise<number> {
  await filled(broker, 'pools', count)
  const from = Date.now()
  const { child, said } = await startPeer(
    'pool-worker',
    JSON.stringify({ task: 'nap', args: [], count, options, broker }),
  )
  await stopPeer(child)
  return ((said as { endedAt: number }).endedAt - from) / 1_000
}

async function celeryNaps(
  celery: CelerySystem,
  url: string,
  count: number,
  options: { pool: 'threads' | 'prefork'; concurrency: number },
): Promise<number> {
  await filled(url, CELERY_QUEUE, count, NAPS)
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
