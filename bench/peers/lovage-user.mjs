// One process that sends tasks, calls them, and runs them. argv: URL of the broker, that of the results (without it those
// of what is sent and run are ignored), queue. serve.mjs says what it can be told. `how` of a drain is how many run at a
// time, as a user has it; without it a hundred, with much at hand. `how` of sending is `bulk`: all of a window are started
// at once, and waited for together.
import { lovage } from 'lovage'
import { inFlight, mustBe, serve } from './serve.mjs'

const [url = '', backend, queue = 'bench'] = process.argv.slice(2)
const app = lovage('bench', { broker: url, publishTimeout: '30s', defaultQueue: queue, ...(backend && { backend }) })
let ran = 0
let from = 0
const add = app.task('bench.add', { ignoreResult: !backend }, (/** @type {number} */ x, /** @type {number} */ y) => {
  if (ran++ === 0) from = performance.now()
  return x + y
})
const called = app.remote('bench.add')
const { broker } = await app.client()
const purge = async () => (await broker.admin?.purge(queue)) ?? NaN

serve({
  async send(count, window, how) {
    if (how !== 'bulk') return inFlight(count, window, async () => add.delay(2, 3))
    for (let i = 0; i < count; i += window) {
      await Promise.all(Array.from({ length: Math.min(window, count - i) }, async () => add.delay(2, 3)))
    }
  },
  call: async () => mustBe('2 and 3', await called.delay(2, 3).get(), 5),
  async drain(count, how) {
    // Who only sends does not load it.
    const { worker } = await import('lovage/worker')
    const running = worker(app, how === '' ? { concurrency: 100, prefetch: 500 } : { concurrency: Number(how) })
    ran = 0
    await running.start()
    while (running.stats().succeeded < count) await new Promise((resolve) => setTimeout(resolve, 1))
    const tookMs = performance.now() - from
    await running.stop()
    mustBe('tasks run', ran, count)
    mustBe('tasks left', await purge(), 0)
    return tookMs
  },
  purge,
})
