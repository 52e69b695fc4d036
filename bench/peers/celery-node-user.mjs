// One process of celery-node that sends tasks and runs them. argv: where the package is, URLs of the broker and of the
// results, in a database where nothing else is. serve.mjs says what it can be told.
import { pathToFileURL } from 'node:url'
import { mustBe, serve } from './serve.mjs'

const [path = '', url = '', backend = ''] = process.argv.slice(2)
const { createClient, createWorker } = (await import(pathToFileURL(path).href)).default
// Two lines for each task, which nothing else turns off; and an error each time that a worker is ended.
console.info = () => {}
console.log = () => {}
const client = createClient(url, backend, 'bench')
await client.isReady()
const task = client.createTask('bench.add')
const { redis } = client.broker

serve({
  // Its calls do not tell when the server has a task, or that it has not: it is asked until it has them all.
  async send(count, window) {
    for (let sent = 0; sent < count; sent++) {
      task.applyAsync([2, 3], {})
      if ((sent + 1) % window === 0) while ((await redis.llen('bench')) <= sent);
    }
    while ((await redis.llen('bench')) < count);
  },
  async drain(count) {
    // A worker of it cannot be stopped, so that each has its own and its connections are cut.
    const worker = createWorker(url, backend, 'bench')
    let [from, ran, stored] = [0, 0, 0]
    worker.register('bench.add', (/** @type {number} */ x, /** @type {number} */ y) => {
      if (ran++ === 0) from = performance.now()
      return x + y
    })
    const tookMs = await new Promise((resolve, reject) => {
      const { backend: results } = worker
      const store = results.storeResult.bind(results)
      results.storeResult = async (/** @type {unknown[]} */ ...args) => {
        await store(...args).catch(reject)
        if (++stored === count) resolve(performance.now() - from)
      }
      worker.start()
    })
    worker.broker.redis.disconnect()
    worker.backend.redis.disconnect()
    mustBe('tasks run', ran, count)
    mustBe('tasks left', await redis.llen('bench'), 0)
    mustBe('results', await redis.dbsize(), count)
    await redis.flushdb()
    return tookMs
  },
  async purge() {
    const waiting = await redis.llen('bench')
    await redis.del('bench')
    return waiting
  },
})
