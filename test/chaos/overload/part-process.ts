/**
 * A process of the overload for real. `ROLE` is what it is: a `worker` whose tasks only wait, a `gateway`, or the
 * `clients`. `HONEST=1` is with deadlines, abandoning and refusal. SIGTERM ends it.
 */
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { gateway } from '../../../src/gateway/gateway.ts'
import { currentTask, lovage } from '../../../src/index.ts'
import { seededRandom } from '../../../src/testing/seeded.ts'
import { worker } from '../../../src/worker/worker.ts'
import { overload } from './clients.ts'

/** What the clients are told. */
export interface ClientsTold {
  readonly url: string
  readonly seed: number
  readonly meanMs: number
  readonly perSecond: number
  readonly seconds: number
  readonly patienceMs: number
  readonly warmupS: number
}

const { ROLE = '', HONEST = '', QUEUE = '', SLOTS = '1', CLIENTS = '{}' } = process.env
const isHonest = HONEST === '1'
const say = (line: string): void => void process.stdout.write(`${line}\n`)

if (ROLE === 'clients') await comeAndGo(JSON.parse(CLIENTS) as ClientsTold)
else await serve()

async function serve(): Promise<void> {
  const app = lovage('shop', { defaultQueue: QUEUE })
  let runs = 0
  const work = app.task('work', { abandonable: isHonest }, async (_client: number, ms: number) => {
    runs++
    await sleep(systemClock, ms, currentTask().signal)
    return 'done'
  })
  if (ROLE === 'worker') {
    const slots = Number(SLOTS)
    const hands = worker(app, { concurrency: slots, gracePeriod: 0, hostname: `hands-${process.pid}@here` })
    process.once('SIGTERM', () => {
      say(`runs ${runs}`)
      void hands.stop('cold').then(() => app.close())
    })
    await hands.start()
    return say('ready')
  }
  const options = { port: 0, timeout: '5s', refuseLate: isHonest, maxInFlight: 100_000 } as const
  const web = gateway(app, options).get('/job/:client/:ms', work, {
    args: ({ params }) => [Number(params.client), Number(params.ms)],
    ...(!isHonest && { deadline: false as const }),
  })
  process.once('SIGTERM', () => void web.stop().then(() => app.close()))
  await web.start()
  say(`listens at ${web.url}`)
}

async function comeAndGo({ url, seed, meanMs, ...options }: ClientsTold): Promise<void> {
  const random = seededRandom(seed)
  const lengths = new Map<number, number>()
  const startMs = systemClock.monotonic()
  let firstRefusalS: number | undefined
  const came = await overload({
    ...options,
    clock: systemClock,
    random,
    ask: async (client, signal) => {
      // Who comes again asks for the same.
      const ms = lengths.get(client) ?? Math.round(2 * meanMs * random())
      lengths.set(client, ms)
      const response = await fetch(`${url}/job/${client}/${ms}`, { signal })
      await response.arrayBuffer()
      const retryAfter = response.headers.get('retry-after')
      if (response.status === 503) firstRefusalS ??= Math.round((systemClock.monotonic() - startMs) / 100) / 10
      return { status: response.status, retryAfterS: retryAfter === null ? undefined : Number(retryAfter) }
    },
  })
  say(`came ${JSON.stringify({ ...came, firstRefusalS })}`)
}
