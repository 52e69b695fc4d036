// The tasks of the site that is measured beside Tornado's. The module that its worker processes load.
import { lovage } from 'lovage'

export const app = lovage('bench', {
  broker: process.env['BENCH_BROKER'] ?? 'memory://site',
  defaultQueue: process.env['BENCH_QUEUE'] ?? 'site',
})

export const add = app.task('bench.add', (/** @type {number} */ x, /** @type {number} */ y) => x + y)

/** The same for those who do not ask what came of it. */
export const addQuietly = app.task(
  'bench.addQuietly',
  { ignoreResult: true },
  (/** @type {number} */ x, /** @type {number} */ y) => x + y,
)

/** Waits for somebody else: 200 to 400 ms, or exactly as long as it is told. */
export const rest = app.task('bench.rest', { params: ['ms'] }, async (/** @type {number} */ ms = NaN) => {
  await new Promise((resolve) => setTimeout(resolve, Number.isNaN(ms) ? 200 + Math.random() * 200 : ms))
  return 'rested'
})
