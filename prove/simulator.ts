// 200,000 schedules of crashes, cuts, restarts, duplicates and delays lose nothing, and hang nowhere.
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { ROOT } from '../scripts/steps.mjs'
import type { Simulation } from '../src/testing/testing.ts'

const THREADS = 2

/** Schedules that a thread is given at a time. */
const PART = 1_000

interface Told {
  readonly simulation?: Simulation
  readonly failure?: { readonly seed: number; readonly problem: string; readonly message: string }
}

/** `rounds` are schedules, of the seeds `seed`, `seed + 1` and so on; after `seconds` no more are begun. */
export async function run({ rounds = 200_000, seconds = Infinity, seed }: ProofOptions): Promise<Proof> {
  const sum = { seed, schedules: 0, steps: 0, tasks: 0, starts: 0, faults: {} as Record<string, number> }
  const failures: { seed: number; problem: string }[] = []
  const endMs = performance.now() + seconds * 1_000
  let next = 0
  await Promise.all(Array.from({ length: THREADS }, () => thread()))
  return { holds: failures.length === 0, figures: { ...sum, ...(failures.length > 0 && { failures }) } }

  async function thread(): Promise<void> {
    const worker = new Worker(join(ROOT, 'scripts', 'simulate-part.mjs'), {
      // Each schedule leaves a world behind.
      resourceLimits: { maxYoungGenerationSizeMb: 128 },
    })
    try {
      while (next < rounds && performance.now() < endMs) {
        const from = next
        const schedules = Math.min(PART, rounds - from)
        next += schedules
        add(await play(worker, { seed: seed + from, schedules }), schedules)
      }
    } finally {
      await worker.terminate()
    }
  }

  function add({ simulation, failure }: Told, schedules: number): void {
    if (failure) {
      console.error(failure.message)
      failures.push({ seed: failure.seed, problem: failure.problem })
    }
    if (!simulation) return
    const before = sum.schedules
    sum.schedules += schedules
    for (const name of ['steps', 'tasks', 'starts'] as const) sum[name] += simulation[name]
    for (const [name, count] of Object.entries(simulation.faults)) sum.faults[name] = (sum.faults[name] ?? 0) + count
    if (Math.floor(sum.schedules / 10_000) > Math.floor(before / 10_000)) console.log(`${sum.schedules} schedules held`)
  }
}

function play(worker: Worker, part: { readonly seed: number; readonly schedules: number }): Promise<Told> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (told: Told) => {
      worker.off('error', reject)
      resolve(told)
    })
    worker.postMessage(part)
  })
}
