/**
 * A worker as a process of its own, whose task `killer` ends it as soon as `AMONG` tasks run in it, itself included, or
 * when no more of them come.
 */
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import { setTimeout as sleep } from 'node:timers/promises'

const app = lovage('deaths', { defaultQueue: process.env.QUEUE ?? 'celery', maxDeliveries: 3 })
const among = Number(process.env.AMONG)
let running = 0

app.task('killer', async () => {
  running++
  for (let tries = 0; running < among && tries < 600; tries++) await sleep(50)
  console.log(`killed among ${running}`)
  process.kill(process.pid, 'SIGKILL')
})
app.task('innocent', async (label: string) => {
  running++
  await sleep(200)
  running--
  return label
})

await worker(app, { concurrency: 20, prefetch: 40 }).start()
console.log('ready')
