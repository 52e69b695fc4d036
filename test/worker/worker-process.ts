/**
 * A worker as a process of its own, for tests that end it. It reads the queue `QUEUE` and says what it does on stdout;
 * `HANG` makes its tasks never end, `LASTS` makes them last so many milliseconds; SIGTERM stops it warmly. `TIMEOUT` is its `consumerTimeout`.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { currentTask, lovage, onLog } from 'lovage'
import { worker } from 'lovage/worker'

const app = lovage('worker-process', { defaultQueue: process.env.QUEUE ?? 'celery' })
const say = (what: string): void => console.log(`${what} in ${process.pid}`)

const run = async (label: string): Promise<string> => {
  const { delivery } = currentTask()
  say(`began ${label}${delivery.redelivered ? ' again' : ''}`)
  if (process.env.HANG) await new Promise<never>(() => {})
  if (process.env.LASTS) await sleep(Number(process.env.LASTS))
  return label
}
app.task('late', run)
app.task('early', { acksLate: false }, run)

const consumerTimeout = Number(process.env.TIMEOUT ?? 1_800_000)
const made = worker(app, { concurrency: 2, prefetch: 4, gracePeriod: '500ms', consumerTimeout })
onLog(({ message }) => {
  if (message === 'message is under a lease') say(message)
})
process.once('SIGTERM', () => {
  void made
    .stop()
    .then(() => app.close())
    .then(() => say(`stopped, returned ${made.stats().returned}`))
})
await made.start()
say('ready')
