// 150 % load with clients that wait five seconds, over HTTP: with deadlines, abandoning and refusal, and beside it without.
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { lovage } from '../src/app/app.ts'
import { currentTask } from '../src/app/current-task.ts'
import { sleep, systemClock } from '../src/base/clock.ts'
import { gateway } from '../src/gateway/gateway.ts'
import { seededRandom } from '../src/testing/seeded.ts'
import { worker } from '../src/worker/worker.ts'
import { overload } from '../test/chaos/overload.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'

const SLOTS = 10
const MEAN_MS = 200
const CAPACITY = (SLOTS * 1000) / MEAN_MS
const WARMUP_S = 10

/** `seconds` is how long new clients come, of each of the runs. */
export async function run({ seconds = 60, seed }: ProofOptions): Promise<Proof> {
  const rabbitmq = await RabbitmqNode.start()
  const redis = await RedisNode.start()
  try {
    const places = { rabbitmq: rabbitmq.url(), redis: redis.url() }
    const figures: Record<string, unknown> = { load: 1.5, patienceS: 5, slots: SLOTS, meanRunMs: MEAN_MS, seconds }
    let holds = true
    for (const [name, broker] of Object.entries(places)) {
      const honest = await overloaded(broker, true, seconds, seed)
      const naive = await overloaded(broker, false, seconds, seed)
      figures[name] = { with: honest, without: naive }
      holds &&= honest.goodput >= 0.9 && honest.unwanted < 0.05 && honest.secondTry >= 0.9
    }
    return { holds, figures }
  } finally {
    await Promise.all([rabbitmq.remove(), redis.remove()])
  }
}

interface Figures {
  /** Answers in time a second, over what the workers can do a second. */
  readonly goodput: number
  /** Runs whose answer nobody waited for, over all runs. */
  readonly unwanted: number
  /** Refused callers who were answered at their second try, over all who were refused. */
  readonly secondTry: number
  readonly clients: number
  readonly refused: number
  readonly longestRetryAfterS: number
}

async function overloaded(broker: string, isHonest: boolean, seconds: number, seed: number): Promise<Figures> {
  const queue = isHonest ? 'honest' : 'naive'
  const app = lovage('shop', { broker, defaultQueue: queue }, { env: {} })
  let runs = 0
  const work = app.task('work', { abandonable: isHonest }, async (_client: number, ms: number) => {
    runs++
    await sleep(systemClock, ms, currentTask().signal)
    return 'done'
  })
  const opened = gateway(app, { port: 0, timeout: '5s', refuseLate: isHonest, maxInFlight: 100_000 }).get(
    '/job/:client/:ms',
    work,
    {
      args: ({ params }) => [Number(params.client), Number(params.ms)],
      ...(!isHonest && { deadline: false as const }),
    },
  )
  const hands = [0, 1].map((at) =>
    worker(app, { concurrency: SLOTS / 2, prefetch: SLOTS / 2, gracePeriod: 0, hostname: `hands-${at}@here` }),
  )
  const random = seededRandom(seed)
  const lengths = new Map<number, number>()
  try {
    for (const each of hands) await each.start()
    await opened.start()
    const came = await overload({
      clock: systemClock,
      random,
      perSecond: 1.5 * CAPACITY,
      seconds,
      patienceMs: 5_000,
      warmupS: WARMUP_S,
      ask: async (client, signal) => {
        const ms = lengths.get(client) ?? Math.round(2 * MEAN_MS * random())
        lengths.set(client, ms)
        const response = await fetch(`${opened.url}/job/${client}/${ms}`, { signal })
        await response.arrayBuffer()
        const retryAfter = response.headers.get('retry-after')
        return { status: response.status, retryAfterS: retryAfter === null ? undefined : Number(retryAfter) }
      },
    })
    return {
      goodput: rounded(came.answeredPerSecond / CAPACITY),
      unwanted: rounded((runs - came.answered) / runs),
      secondTry: came.refused === 0 ? 0 : rounded(came.answeredAtSecondTry / came.refused),
      clients: came.clients,
      refused: came.refused,
      longestRetryAfterS: came.longestRetryAfterS,
    }
  } finally {
    await opened.stop()
    await Promise.all(hands.map((each) => each.stop('cold')))
    await app.close()
  }
}

function rounded(ratio: number): number {
  return Math.round(ratio * 1000) / 1000
}
