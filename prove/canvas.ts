// Random canvases, nested four deep, with failures: each comes to what a plain evaluation says, and runs each task once.
import { randomUUID } from 'node:crypto'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { lovage } from '../src/index.ts'
import { CanvasTasks, evaluate, hasError, judgeWith, randomCanvas } from '../test/property/canvas-model.ts'
import { worker } from '../src/worker/worker.ts'

/** Canvases in one worker's life. */
const BATCH = 500

/** `rounds` are canvases, each with a seed of its own. */
export async function run({ rounds = 10_000, seed }: ProofOptions): Promise<Proof> {
  const problems: string[] = []
  let calls = 0
  let failing = 0
  for (let from = 0; from < rounds; from += BATCH) {
    const app = lovage('canvases', { broker: `memory://${randomUUID()}` }, { env: {} })
    const tasks = new CanvasTasks(app)
    const made = worker(app, { gracePeriod: 0, stallThreshold: 0 })
    await made.start()
    const seeds = Array.from({ length: Math.min(BATCH, rounds - from) }, (_, nth) => seed + from + nth)
    problems.push(...(await judgeWith(tasks, seeds)))
    await made.stop()
    await app.close()
    calls += [...tasks.calls.ran.values()].reduce((total, count) => total + count, 0)
    failing += seeds.filter((one) => hasError(evaluate(randomCanvas(one), [], []))).length
  }
  return { holds: problems.length === 0, figures: { canvases: rounds, calls, failing, problems } }
}
