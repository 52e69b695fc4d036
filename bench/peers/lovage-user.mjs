// One process that sends tasks and runs them. argv: URL of the broker, that of the results (without it they are ignored).
// serve.mjs says what it can be told.
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import { inFlight, mustBe, serve } from './serve.mjs'

const [url = '', backend] = process.argv.slice(2)
const app = lovage('bench', { broker: url, publishTimeout: '30s', defaultQueue: 'bench', ...(backend && { backend }) })
let ran = 0
let wanted = 0
let from = 0
let end = () => {}
const ignoreResult = backend === undefined
const add = app.task('bench.add', { ignoreResult }, (/** @type {number} */ x, /** @type {number} */ y) => {
  if (ran === 0) from = performance.now()
  if (++ran === wanted) end()
  return x + y
})
const { broker } = await app.client()
const running = worker(app, { concurrency: 100, prefetch: 500 })
const purge = async () => (await broker.admin?.purge('bench')) ?? NaN

serve({
  send: (count, window) => inFlight(count, window, async () => add.delay(2, 3)),
  async drain(count) {
    ran = 0
    wanted = count
    const done = new Promise((resolve) => (end = () => resolve(undefined)))
    await running.start()
    await done
    // Stopping settles what is in flight.
    await running.stop()
    const tookMs = performance.now() - from
    mustBe('tasks run', ran, count)
    mustBe('tasks left', await purge(), 0)
    return tookMs
  },
  purge,
})
