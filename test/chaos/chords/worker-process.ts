/**
 * A worker as a process of its own, for tests that kill it while chords run. It says on stdout which copy of the body of a
 * chord, and of its error callback, it has begun, or dropped: when it was sent tells one copy from another.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { currentTask, lovage, onLog } from '../../../src/index.ts'
import { worker } from '../../../src/worker/worker.ts'

const app = lovage('chords', { publishTimeout: '60s', connectTimeout: '60s', jsonTypes: 'plain' })

const say = (what: string): void => {
  const { id, request } = currentTask()
  process.stdout.write(`${what} ${id} ${String(request.custom['x-lovage-sent'])} ${request.argsrepr}\n`)
}

app.task('member', async (x: number, fails: boolean) => {
  await sleep((x * 7) % 20)
  if (fails) throw new TypeError('member fails')
  return x
})
app.task('total', (xs: readonly number[]) => {
  say('body')
  return xs.reduce((a, b) => a + b, 0)
})
app.task('told', (_id: string) => say('told'))

onLog(({ message, fields }) => {
  if (message.startsWith('another message of this task')) process.stdout.write(`dropped ${String(fields['id'])}\n`)
})
const made = worker(app, { concurrency: 10, prefetch: 20, gracePeriod: 0 })
await made.start()
process.stdout.write('ready\n')
