// A Lovage worker whose tasks sleep as long as those of dramatiq's latency bench. argv: JSON of { broker, count, scale,
// options }. Told `go` it starts, and tells when all have slept: { seconds, cpuUs, bytes, most }: seconds since the start,
// bytes of memory that each of the `most` tasks took that slept at a time.
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import { dramatiqDurations } from './python-random.mjs'

const { broker, count, scale, options } = JSON.parse(process.argv[2] ?? '')
const app = lovage('bench', { broker, defaultQueue: 'sleepers' })
const duration = dramatiqDurations()
let asleep = 0
let most = 0
let bytes = 0
app.task('bench.nap', { ignoreResult: true }, async () => {
  asleep++
  await new Promise((resolve) => setTimeout(resolve, duration() * scale * 1_000))
  asleep--
})
await app.client()
const running = worker(app, options)

async function run() {
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  const cpu = process.cpuUsage()
  const from = performance.now()
  const look = setInterval(() => {
    if (asleep > most) {
      most = asleep
      bytes = process.memoryUsage().rss - before
    }
    // Settled, and not only slept.
    if (running.stats().succeeded < count) return
    clearInterval(look)
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (performance.now() - from) / 1_000
    process.send?.({ seconds, cpuUs: user + system, bytes: bytes / Math.max(1, most), most })
  }, 5)
  await running.start()
}
process.on('message', () => void run())
process.send?.('ready')
process.on('disconnect', () => process.exit(0))
