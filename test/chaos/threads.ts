import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { ROOT } from '../../scripts/steps.mjs'
import type { BrokerModel, Simulation } from '../../src/testing/testing.ts'

const THREADS = 2

/** Schedules that a thread simulates at a time. */
export interface Part {
  readonly what: 'shop' | 'canvases'
  /** Models of brokers, in turn. */
  readonly brokers: readonly [BrokerModel, ...BrokerModel[]]
  readonly seed: number
  readonly schedules: number
  /** Of canvases: nothing goes wrong. */
  readonly isCalm?: boolean
}

/** A schedule that did not come to what it should. */
export interface Failure {
  readonly brokers: readonly BrokerModel[]
  readonly seed: number
  readonly problem: string
}

/** What came of many parts. */
export interface Sum {
  schedules: number
  steps: number
  tasks: number
  starts: number
  readonly faults: Record<string, number>
  readonly failures: Failure[]
}

interface Told {
  readonly simulation?: Simulation
  readonly failure?: { readonly seed: number; readonly problem: string; readonly message: string }
}

/**
 * Simulates parts, as many at a time as there are threads.
 * @param seconds After so long no more are begun.
 * @param onHeld Told how many schedules have held so far, after each part.
 */
export async function simulateInThreads(
  parts: Iterable<Part>,
  { seconds = Infinity, onHeld = () => {} }: { seconds?: number; onHeld?: (schedules: number) => void } = {},
): Promise<Sum> {
  const sum: Sum = { schedules: 0, steps: 0, tasks: 0, starts: 0, faults: {}, failures: [] }
  const endMs = performance.now() + seconds * 1_000
  const rest = parts[Symbol.iterator]()
  await Promise.all(Array.from({ length: THREADS }, () => thread()))
  return sum

  async function thread(): Promise<void> {
    const worker = new Worker(join(ROOT, 'scripts', 'simulate-part.mjs'), {
      // Each schedule leaves a world behind.
      resourceLimits: { maxYoungGenerationSizeMb: 128 },
    })
    try {
      while (performance.now() < endMs) {
        const { value: part, done } = rest.next()
        if (done) return
        add(await play(worker, part), part)
      }
    } finally {
      await worker.terminate()
    }
  }

  function add({ simulation, failure }: Told, { brokers, schedules }: Part): void {
    if (failure) {
      console.error(failure.message)
      sum.failures.push({ brokers, seed: failure.seed, problem: failure.problem })
    }
    if (!simulation) return
    sum.schedules += schedules
    for (const name of ['steps', 'tasks', 'starts'] as const) sum[name] += simulation[name]
    for (const [name, count] of Object.entries(simulation.faults)) sum.faults[name] = (sum.faults[name] ?? 0) + count
    onHeld(sum.schedules)
  }
}

function play(worker: Worker, part: Part): Promise<Told> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (told: Told) => {
      worker.off('error', reject)
      resolve(told)
    })
    worker.postMessage(part)
  })
}
