// One worker that empties a queue: which it has filled itself in its own memory, or which is full where there is a broker.
// argv: JSON of { task, args, count, options, broker?, isMetered? }. Tells { rate, counted, endedAt }: tasks a second from a
// tenth of them to the last, how many tasks that is of, and when the last was settled, in ms of the epoch. Metered, it tells
// { from: true } when they begin, the last time it does so, and { to: true } when they have ended, and waits until it is told
// to go on.
import { worker } from 'lovage/worker'

const { task, args, count, options, broker, isMetered } = JSON.parse(process.argv[2] ?? '')
// Threads and processes are born with it.
if (broker) process.env['BENCH_BROKER'] = broker
const { app, nap, noop, spin } = await import('./pool-tasks.mjs')
const call = /** @type {import('lovage').Task<any[], any>} */ ({ nap, noop, spin }[/** @type {'noop'} */ (task)])
if (!broker) for (let i = 0; i < count; i++) await call.delay(...args)
const running = worker(app, { ...options, module: new URL('pool-tasks.mjs', import.meta.url) })
let from = 0
let before = 0
let start = performance.now()
const look = setInterval(() => {
  const { succeeded } = running.stats()
  if (from === 0 && succeeded >= count / 10) {
    // All at once is what the event loop does with few: it has nothing to start.
    from = succeeded < count ? performance.now() : start
    before = succeeded < count ? succeeded : 0
    if (isMetered && before > 0) process.send?.({ from: true })
  }
  if (succeeded < count) return
  clearInterval(look)
  void ended(performance.now())
}, 1)

/** @param {number} to */
async function ended(to) {
  if (isMetered) {
    process.send?.({ to: true })
    await new Promise((resolve) => process.once('message', resolve))
  }
  await running.stop()
  const counted = count - before
  process.send?.({ rate: (counted / (to - from)) * 1_000, counted, endedAt: performance.timeOrigin + to })
}
if (isMetered) process.send?.({ from: true })
start = performance.now()
await running.start()
process.on('disconnect', () => process.exit(0))
