/**
 * A process of a deployment that streams. `ROLE` is what it is: a `worker`, a `gateway`, or an `owner` that only owns the
 * embedded broker. Each says twice a second how much memory it has, after a collection, and a worker what it has yielded.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { gateway } from '../../../src/gateway/gateway.ts'
import { currentTask, lovage } from '../../../src/index.ts'
import { worker } from '../../../src/worker/worker.ts'

/** Between two samples. */
const SAMPLE_MS = 500

/** What a process says of itself; bytes and milliseconds of the day. */
export interface Sample {
  readonly atMs: number
  readonly rss: number
  readonly heap: number
  /** Parts that the newest stream has yielded, of a worker. */
  readonly yielded: number
}

const { ROLE = '', WINDOW = '64', GRACE_MS = '1000', BROKER = '', BACKEND = '', STORE = '' } = process.env
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const urls = { broker: BROKER, backend: BACKEND, store: STORE }
// Its owner may be killed more often than a message may be delivered to who died of it.
const app = lovage(
  'streams',
  { ...urls, maxDeliveries: 100, publishTimeout: '60s', connectTimeout: '60s' },
  { env: {} },
)
let yielded = 0

const stream = { window: Number(WINDOW), grace: Number(GRACE_MS), patience: '10m' } as const
const lines = app.task('lines', { stream }, async function* (parts: number, bytes: number, everyMs: number) {
  const text = 'x'.repeat(bytes)
  for (let n = 1; n <= parts; n++) {
    yield { n, text }
    yielded = n
    if (everyMs > 0) await sleep(everyMs)
  }
  return parts
})
const endless = app.task('endless', { stream, abandonable: true }, async function* (bytes: number) {
  try {
    for (let n = 1; ; n++) yield { n, text: 'x'.repeat(bytes) }
  } finally {
    say(`finally ${Date.now()} ${currentTask().id}`)
  }
})

if (ROLE === 'owner') await app.client()
if (ROLE === 'worker') await worker(app, { gracePeriod: 0, hostname: `worker-${process.pid}@here` }).start()
if (ROLE === 'gateway') {
  const web = gateway(app, { port: Number(process.env['PORT'] ?? 0) })
    .post('/lines/:parts/:bytes/:everyMs', lines, {
      args: ({ params }) => [Number(params.parts), Number(params.bytes), Number(params.everyMs)],
      reply: 'accept',
    })
    .post('/endless/:bytes', endless, { args: ({ params }) => [Number(params.bytes)], reply: 'accept' })
  await web.start()
  say(`listens at ${web.url}`)
}
say('ready')
setInterval(() => {
  globalThis.gc?.()
  const { rss, heapUsed: heap } = process.memoryUsage()
  say(`sample ${JSON.stringify({ atMs: Date.now(), rss, heap, yielded } satisfies Sample)}`)
}, SAMPLE_MS)
