// A Lovage worker that counts. argv: JSON of { broker, queues, ...options of the worker }.
//
// Tasks: count(i, text) counts and knows who came twice; nap(ms, i) does so after a while; mark(i) tells at once that it
// ran; rest() waits until release() is run. Told { await: n } it tells { done: true } when n tasks have succeeded and are
// settled since the last such message; told { awaitCounted: n } when n different ones are counted since the last { stats }, and as
// many settled; told { stats: true } it tells what it has counted since the last time; told { stop: true } it ends what it has
// begun, gives back what it has not, and tells { stopped: true }.
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'

const { broker, queues, ...options } = JSON.parse(process.argv[2] ?? '')
const app = lovage('bench', { broker, defaultQueue: queues[0], publishTimeout: '30s' })
const now = () => performance.timeOrigin + performance.now()

/** @type {Set<number>} */
let seen = new Set()
let [doubled, bytes, from, to] = [0, 0, 0, 0]
const count = (/** @type {number} */ i, text = '') => {
  to = now()
  if (from === 0) from = to
  if (seen.has(i)) doubled++
  seen.add(i)
  bytes += text.length
}
/** @type {(() => void)[]} */
const waiting = []
let resting = 0
/** As sleepers wake: a few at a time. */
const release = () => {
  for (const wake of waiting.splice(0, 250)) wake()
  if (waiting.length > 0) setTimeout(release, 50)
}

app.task('bench.add', (/** @type {number} */ x, /** @type {number} */ y) => x + y)
app.task('bench.count', { ignoreResult: true }, count)
app.task('bench.nap', { ignoreResult: true }, async (/** @type {number} */ ms, /** @type {number} */ i) => {
  await new Promise((resolve) => setTimeout(resolve, ms))
  count(i)
})
app.task('bench.mark', { ignoreResult: true }, (/** @type {number} */ i) => void process.send?.({ mark: i, at: now() }))
app.task('bench.rest', async () => {
  resting++
  await new Promise((resolve) => waiting.push(() => resolve(undefined)))
})
app.task('bench.release', () => release())

const running = worker(app, { queues, ...options })
let settled = 0
let settledAtStats = 0

/** @typedef {{ await?: number, awaitCounted?: number, stats?: boolean, stop?: boolean }} Message */

/** @param {Message} message */
function obey(message) {
  if (message.stop) {
    void running.stop().then(() => process.send?.({ stopped: true }))
    return
  }
  if (message.stats) {
    const { rss, heapUsed } = process.memoryUsage()
    process.send?.({ ran: seen.size, doubled, bytes, from, to, resting, rss, heapUsed })
    seen = new Set()
    doubled = bytes = from = to = 0
    settledAtStats = running.stats().succeeded
    return
  }
  const { await: wanted = 0, awaitCounted } = message
  const look = setInterval(() => {
    const { succeeded } = running.stats()
    const isDone =
      awaitCounted === undefined
        ? succeeded - settled >= wanted
        : seen.size >= awaitCounted && succeeded - settledAtStats >= awaitCounted
    if (!isDone) return
    clearInterval(look)
    settled = succeeded
    process.send?.({ done: true, at: now() })
  }, 2)
}
process.on('message', (/** @type {Message} */ message) => obey(message))
process.on('disconnect', () => process.exit(0))
await running.start()
process.send?.('ready')
