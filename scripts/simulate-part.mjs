// A thread of `npm run prove -- simulator`: simulates the seeds it is told, and tells what came of them.
import { join } from 'node:path'
import { parentPort } from 'node:worker_threads'
import { loadTypeScript } from './load-ts.mjs'
import { ROOT } from './steps.mjs'

const { simulate } = await loadTypeScript(join(ROOT, 'src', 'testing', 'testing.ts'))
const { SHOP } = await loadTypeScript(join(ROOT, 'test', 'chaos', 'trade.ts'))

/** Of each a quarter of the seeds. */
const BROKERS = ['memory', 'amqp', 'embedded', 'redis']

// A quarter of the time goes into stacks of errors that are as they should be.
Error.stackTraceLimit = 0

/** @param {{ seed: number, schedules: number }} part */
async function play(part) {
  try {
    return { simulation: await simulate({ ...SHOP, brokers: BROKERS, ...part }) }
  } catch (/** @type {any} */ error) {
    if (error?.code !== 'SIMULATION_FAILED') throw error
    const { seed, problem } = error.details
    return { failure: { seed, problem: String(problem), message: String(error.message) } }
  }
}

parentPort?.on('message', (part) => void play(part).then((told) => parentPort?.postMessage(told)))
