// A thread of a proof in the simulator: simulates the seeds it is told, and tells what came of them.
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { loadTypeScript } from './load-ts.mjs'
import { ROOT } from './steps.mjs'

const { simulate } = await loadTypeScript(join(ROOT, 'src', 'testing', 'testing.ts'))
const { SHOP } = await loadTypeScript(join(ROOT, 'test', 'chaos', 'trade.ts'))
const { canvasesOn } = await loadTypeScript(join(ROOT, 'test', 'chaos', 'canvases.ts'))

// A quarter of the time goes into stacks of errors that are as they should be.
Error.stackTraceLimit = 0

/** @type {{ [what: string]: (part: import('../test/chaos/threads.ts').Part) => object }} */
const OPTIONS = {
  shop: ({ brokers }) => ({ ...SHOP, brokers }),
  canvases: ({ brokers: [broker], isCalm = false }) => canvasesOn(broker, { isCalm }),
}

/** @param {import('../test/chaos/threads.ts').Part} part */
async function play(part) {
  const { what, seed, schedules } = part
  try {
    return { simulation: await simulate({ ...OPTIONS[what]?.(part), seed, schedules }) }
  } catch (/** @type {any} */ error) {
    if (error?.code !== 'SIMULATION_FAILED') throw error
    const { seed: failed, problem } = error.details
    return { failure: { seed: failed, problem: String(problem), message: String(error.message) } }
  }
}

parentPort?.on('message', (part) => void play(part).then((told) => parentPort?.postMessage(told)))
