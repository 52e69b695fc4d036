// Tasks for the pools: one that does nothing, one that computes, one that sleeps as in dramatiq's latency bench. The module
// that threads and processes load.
import { lovage } from 'lovage'
import { dramatiqDurations } from './python-random.mjs'

export const app = lovage('bench', { broker: process.env['BENCH_BROKER'] ?? 'memory://pools', defaultQueue: 'pools' })

export const noop = app.task('bench.noop', { ignoreResult: true }, () => {})

export const spin = app.task('bench.spin', { ignoreResult: true }, (/** @type {number} */ rounds) => {
  let x = 1
  for (let i = 0; i < rounds; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
})

const duration = dramatiqDurations()
const scale = Number(process.env['BENCH_SCALE'] ?? 1)
export const nap = app.task('bench.nap', { ignoreResult: true }, async () => {
  await new Promise((resolve) => setTimeout(resolve, duration() * scale * 1_000))
})
