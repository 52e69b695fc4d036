import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { BenchCase, Figure } from '../case.ts'
import { cpuOfFamily, familyOf, memoryOf } from '../cpu.ts'
import { sideBySide, stopPeer, type Contender } from '../side-by-side.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'

const WORKER = fileURLToPath(new URL('../peers/pool-worker.mjs', import.meta.url))

interface PoolWorkerOptions {
  readonly pool: 'async' | 'threads' | 'processes'
  readonly concurrency: number
  readonly perChild?: number
}

/**
 * The three pools of one worker, its messages in memory: what it costs to have a task run elsewhere, and what tasks that
 * compute gain by it. CPU and memory are those of the worker with its threads and processes.
 */
const pools: BenchCase = async ({ tiny }) => {
  const cores = availableParallelism()
  const rounds = tiny ? 1 : 5
  const figures: Figure[] = []
  const noop = tiny ? 300 : 20_000
  const elsewhere = { concurrency: cores, perChild: 50 }
  const measure = async (what: string, contenders: Readonly<Record<string, Drain>>): Promise<void> => {
    const meter = new CpuMeter()
    const metered = Object.entries(contenders).map(([name, given]) => [name, drained(name, given, meter)] as const)
    figures.push(...(await sideBySide(what, rounds, Object.fromEntries(metered), { meter })))
  }
  const loop: Drain = { task: 'noop', args: [], count: noop, options: { pool: 'async', concurrency: 100 } }
  for (const pool of ['threads', 'processes'] as const) {
    await measure(`pools: no-op tasks, by ${pool}`, {
      [pool]: { ...loop, options: { pool, ...elsewhere } },
      async: loop,
    })
  }
  // About 20 ms of computing each.
  const [spins, count] = tiny ? [[100_000], 20] : [[20_000_000], 100]
  // A trial need not start all that many processes.
  for (const pool of tiny ? (['threads'] as const) : (['threads', 'processes'] as const)) {
    const spin = (options: PoolWorkerOptions): Drain => ({ task: 'spin', args: spins, count, options })
    await measure(`pools: computing, ${pool}`, {
      [`${cores} of them`]: spin({ pool, concurrency: cores }),
      one: spin({ pool, concurrency: 1 }),
      'the event loop': spin({ pool: 'async', concurrency: 100 }),
    })
  }
  return figures
}
export default pools

/** What one worker has to do. */
interface Drain {
  readonly task: string
  readonly args: readonly unknown[]
  readonly count: number
  readonly options: PoolWorkerOptions
}

/** A new process for each round. */
function drained(name: string, given: Drain, meter: CpuMeter): Contender {
  return async () => {
    const child = fork(WORKER, [JSON.stringify({ ...given, isMetered: true })])
    const pid = child.pid as number
    let cpu = NaN
    let memory = NaN
    try {
      const { rate, counted } = await new Promise<{ rate: number; counted: number }>((resolve, reject) => {
        child.on('message', (told: { from?: true; to?: true; rate: number; counted: number }) => {
          if (told.from) {
            cpu = cpuOfFamily(pid)
          } else if (told.to) {
            cpu = cpuOfFamily(pid) - cpu
            memory = memoryOf(familyOf(pid))
            child.send('go on')
          } else {
            resolve(told)
          }
        })
        child.once('exit', (code) => reject(new Error(`a worker of the pools ended with code ${code}`)))
      })
      meter.add(name, cpu / counted, NaN, memory)
      return rate
    } finally {
      await stopPeer(child)
    }
  }
}
