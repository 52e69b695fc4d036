/**
 * A process of the test that restarts everything while tasks wait. `ROLE` is what it is: a `worker` that writes down in
 * `RECORD` when tasks begin; a `sender` that, when it is told on stdin how, sends tasks and says what waits then; or one
 * who only looks what there is. SIGTERM stops it warmly.
 */
import { once } from 'node:events'
import { openSync, writeSync } from 'node:fs'
import { lovage } from '../../../src/index.ts'
import { worker } from '../../../src/worker/worker.ts'

/** What a sender is told. */
interface Sending {
  readonly tasks: number
  /** Number of the first. */
  readonly first: number
  readonly waitMs: number
  readonly spreadMs: number
}

/** Tasks that a sender has on their way to the broker at a time. */
const MOST_SENDING = 300

/** Of RabbitMQ, in which messages wait. */
const LEVELS = Array.from({ length: 28 }, (_, level) => `celery_delayed_${level}`)

const { ROLE = '', QUEUE = 'delays', RECORD = '' } = process.env
const app = lovage(ROLE, { defaultQueue: QUEUE, publishTimeout: '60s', connectTimeout: '60s' })
const late = app.remote<(number: number, dueMs: number) => null>('late', { ignoreResult: true })

if (ROLE === 'worker') await work()
if (ROLE === 'sender') await send()
if (ROLE === 'look') await look()

async function work(): Promise<void> {
  // What a process has written the system has, even if the process is killed.
  const record = openSync(RECORD, 'a')
  app.task('late', { ignoreResult: true }, (task: number, dueMs: number) => {
    writeSync(record, `${task} ${dueMs} ${Date.now()}\n`)
    return null
  })
  const made = worker(app, { concurrency: 50 })
  process.once('SIGTERM', () => void made.stop().then(() => app.close()))
  await made.start()
  process.stdout.write('ready\n')
}

async function send(): Promise<void> {
  process.once('SIGTERM', () => process.exit(0))
  await app.client()
  process.stdout.write('ready\n')
  const [told] = (await once(process.stdin, 'data')) as [Buffer]
  const { tasks, first, waitMs, spreadMs } = JSON.parse(told.toString()) as Sending
  const beganMs = Date.now()
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < tasks) {
      const nth = next++
      const due = Math.round(beganMs + waitMs + (spreadMs * nth) / tasks)
      await late.applyAsync([first + nth, due], { eta: new Date(due) })
    }
  }
  await Promise.all(Array.from({ length: MOST_SENDING }, lane))
  process.stdout.write(`sent ${JSON.stringify({ ms: Date.now() - beganMs, dueMs: beganMs + waitMs })}\n`)
  await look()
}

async function look(): Promise<void> {
  const { broker } = await app.client()
  const depthOf = async (queue: string): Promise<number> => {
    const depth = await broker.admin?.depth(queue)
    return (depth?.messages ?? 0) + (depth?.delayed ?? 0)
  }
  const depth = await broker.admin?.depth(QUEUE)
  let waiting = depth?.delayed ?? 0
  if (broker.kind === 'amqp') for (const level of LEVELS) waiting += await depthOf(level)
  const left = { waiting, queued: depth?.messages ?? 0, dead: await depthOf(`${QUEUE}.dead`) }
  process.stdout.write(`there are ${JSON.stringify(left)}\n`)
  if (ROLE === 'look') await app.close()
}
