// One process that uses an embedded broker. argv: its URL. Told over IPC: { send: count }, { work: true }, { rest: true },
// { purge: true }; tells { sent: true }, { settled: count, from, to } now and then (how many more; when the first of all
// began and when they were settled, in ms of the epoch), { rests: true }, { purged: count }.
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'

const [url = ''] = process.argv.slice(2)
const queue = 'bench'
const app = lovage('bench', { broker: url, publishTimeout: '30s', defaultQueue: queue })
const now = () => performance.timeOrigin + performance.now()
let from = 0
const add = app.task('bench.add', { ignoreResult: true }, (/** @type {number} */ x, /** @type {number} */ y) => {
  if (from === 0) from = now()
  return x + y
})
const { broker } = await app.client()
const running = worker(app, { concurrency: 100, prefetch: 500 })
let told = 0
let seen = 0
let to = 0
/** @type {NodeJS.Timeout | undefined} */
let timer

/** Tells what has been settled: when it is much, or when nothing more is. */
function look() {
  const { succeeded } = running.stats()
  const isMore = succeeded > seen
  if (isMore) [seen, to] = [succeeded, now()]
  if (seen > told && (!isMore || seen - told >= 500)) {
    process.send?.({ settled: seen - told, from, to })
    told = seen
  }
}

/** From now on. */
async function work() {
  from = 0
  timer = setInterval(look, 1)
  await running.start()
}

/** What is settled while it ends is told before it rests. */
async function rest() {
  await running.stop()
  clearInterval(timer)
  look()
  look()
  process.send?.({ rests: true })
}

/** @param {number} count */
async function send(count) {
  let left = count
  const lane = async () => {
    while (left-- > 0) await add.delay(2, 3)
  }
  await Promise.all(Array.from({ length: 1_000 }, lane))
}

/** @param {{ send?: number, work?: boolean, purge?: boolean }} message */
async function obey(message) {
  if (message.send !== undefined) {
    await send(message.send)
    process.send?.({ sent: true })
  } else if (message.work) await work()
  else if (message.purge) process.send?.({ purged: (await broker.admin?.purge(queue)) ?? NaN })
  else await rest()
}
process.on('message', (/** @type {{ send?: number, work?: boolean, purge?: boolean }} */ message) => void obey(message))
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
