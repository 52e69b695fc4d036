import { availableParallelism } from 'node:os'
import type { BenchCase, Figure } from '../case.ts'
import { sideBySide, startPeer, stopPeer, type Contender } from '../side-by-side.ts'

interface PoolWorkerOptions {
  readonly pool: 'async' | 'threads' | 'processes'
  readonly concurrency: number
  readonly perChild?: number
}

/**
 * The three pools of one worker, its messages in memory: what it costs to have a task run elsewhere, and what tasks that
 * compute gain by it.
 */
const pools: BenchCase = async ({ tiny }) => {
  const cores = availableParallelism()
  const rounds = tiny ? 1 : 5
  const figures: Figure[] = []
  const noop = tiny ? 300 : 20_000
  const elsewhere = { concurrency: cores, perChild: 50 }
  figures.push(
    ...(await sideBySide('pools: no-op tasks, by threads', rounds, {
      threads: drained('noop', [], noop, { pool: 'threads', ...elsewhere }),
      async: drained('noop', [], noop, { pool: 'async', concurrency: 100 }),
    })),
    ...(await sideBySide('pools: no-op tasks, by processes', rounds, {
      processes: drained('noop', [], noop, { pool: 'processes', ...elsewhere }),
      async: drained('noop', [], noop, { pool: 'async', concurrency: 100 }),
    })),
  )
  // About 20 ms of computing each.
  const [spins, count] = tiny ? [[100_000], 20] : [[20_000_000], 100]
  // A trial need not start all that many processes.
  for (const pool of tiny ? (['threads'] as const) : (['threads', 'processes'] as const)) {
    figures.push(
      ...(await sideBySide(`pools: computing, ${pool}`, rounds, {
        [`${cores} of them`]: drained('spin', spins, count, { pool, concurrency: cores }),
        one: drained('spin', spins, count, { pool, concurrency: 1 }),
        'the event loop': drained('spin', spins, count, { pool: 'async', concurrency: 100 }),
      })),
    )
  }
  return figures
}
export default pools

function drained(task: string, args: readonly unknown[], count: number, options: PoolWorkerOptions): Contender {
  return async () => {
    const { child, said } = await startPeer('pool-worker', JSON.stringify({ task, args, count, options }))
    await stopPeer(child)
    return (said as { rate: number }).rate
  }
}
