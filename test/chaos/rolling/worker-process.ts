/**
 * A worker as a process of its own, for tests that restart and kill many of them. It says on stdout when each task begins,
 * when it is told to stop, and which messages come to it again. SIGTERM stops it warmly. `POOL` is where its tasks run.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { currentTask, lovage } from '../../../src/index.ts'
import { worker, type WorkerOptions } from '../../../src/worker/worker.ts'

const { QUEUE = 'rolling', POOL = 'async' } = process.env
const app = lovage('rolling', { defaultQueue: QUEUE, publishTimeout: '60s', connectTimeout: '60s' })

app.task('nap', async (ms: number) => {
  process.stdout.write(`began ${currentTask().id} ${process.pid}\n`)
  await sleep(ms)
  return ms
})

const pool = POOL as NonNullable<WorkerOptions['pool']>
const slots = pool === 'async' ? { concurrency: 10 } : { concurrency: 2, perChild: 5 }
const made = worker(app, { pool, ...slots, prefetch: 20, gracePeriod: '20s', module: import.meta.url })
process.on('SIGTERM', () => {
  process.stdout.write(`told ${Date.now()}\n`)
  void made
    .stop()
    .then(() => app.close())
    .then(() => {
      process.stdout.write(`stopped ${JSON.stringify(made.stats())}\n`)
      process.exit(0)
    })
})

// In a child of a pool there is nothing to start.
if (!process.connected) {
  const { broker } = await app.client()
  const consume = broker.consume.bind(broker)
  broker.consume = (options) =>
    consume({
      ...options,
      onDelivery: (delivery) => {
        if (delivery.redelivered) process.stdout.write(`again ${String(delivery.message.headers.id)} ${Date.now()}\n`)
        options.onDelivery(delivery)
      },
    })
}
await made.start()
process.stdout.write('ready\n')
