/**
 * A worker whose tasks run in processes or threads (`KIND`), as a program of one module: what its children load is this
 * file. It says what it does on stdout.
 */
import { lovage } from '../../src/app/app.ts'
import { currentTask } from '../../src/app/current-task.ts'
import { onLog } from '../../src/base/log.ts'
import { worker } from '../../src/worker/worker.ts'

const app = lovage('pool-worker', {})
const kind = process.env.KIND === 'threads' ? 'threads' : 'processes'

app.task('block', { pool: kind }, () => {
  console.log(`blocks in ${process.pid}`)
  for (;;);
})
app.task('idle', { pool: kind }, async () => {
  console.log(`idles in ${process.pid}`)
  await new Promise<never>(() => {})
})
const inner = app.task('inner', (x: number) => x * 2)
const outer = app.task('outer', { pool: kind }, async (x: number) => {
  currentTask().progress({ at: x })
  return (await inner.delay(x).get({ timeout: '60s' })) + 1
})

onLog(({ message }) => {
  if (message.startsWith('blocks') || message.startsWith('idles')) console.log(message)
})
const made = worker(app, { module: import.meta.url, pools: { [kind]: 2 }, gracePeriod: 0 })
await made.start()
if (made.state === 'running') {
  if (process.env.TASKS) for (const task of process.env.TASKS.split(',')) await app.sendTask(task)
  if (process.env.OUTER) {
    const result = await outer.delay(20)
    result.onUpdate(({ state, meta }) => console.log(`told ${state} ${JSON.stringify(meta)}`))
    const told = await result.get({ timeout: '60s' }).catch((error: Error) => error.message)
    console.log(`answer ${told}`)
  }
  console.log(`ready in ${process.pid}`)
}
process.once('SIGTERM', () => void made.stop().then(() => app.close()))
