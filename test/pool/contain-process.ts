/**
 * A program whose tasks leave promises behind that are rejected and that nobody waits for: on the loop of the worker
 * itself. What is logged of it goes to stdout. With `STRAY` one is of no task.
 */
import { lovage } from '../../src/app/app.ts'
import { onLog } from '../../src/base/log.ts'
import { worker } from '../../src/worker/worker.ts'

const app = lovage('contain', { broker: 'memory://contain' }, { env: {} })
const careless = app.task('careless', async (later: boolean) => {
  const forgotten = async (): Promise<void> => {
    if (later) await new Promise((resolve) => setTimeout(resolve, 20))
    throw new TypeError('nobody waits for this')
  }
  void forgotten()
  return later
})
const careful = app.task('careful', () => 'still here')

const told = new Promise<void>((resolve) => {
  let count = 0
  onLog(({ level, message, fields }) => {
    if (level === 'error') console.log(JSON.stringify({ message, ...fields }))
    if (message.includes('nobody waited') && ++count === 2) resolve()
  })
})
await worker(app).start()
await careless.applyAsync([true], { taskId: 'later' })
console.log(await careless.applyAsync([false], { taskId: 'at-once' }).get({ timeout: '60s' }))
await told
console.log(await careful.delay().get({ timeout: '60s' }))
if (process.env.STRAY) void Promise.reject(new Error('of no task'))
await new Promise((resolve) => setTimeout(resolve, 200))
console.log('the end')
process.exit(0)
