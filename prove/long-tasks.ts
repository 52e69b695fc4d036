// Tasks of three minutes, under a consumer_timeout of one: each runs once, and again only when its worker dies or stops.
import { join } from 'node:path'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { lovage } from '../src/index.ts'
import { type Child, startChild } from '../test/services/child.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'

const TIMEOUT_MS = 60_000

/** How long the broker has to send back what a dead worker had. */
const SOON_MS = 30_000

/** What becomes of the worker of a task, when `consumer_timeout` has passed for its message. */
type Fate = 'lives' | 'is killed' | 'stops'

/** `seconds` is how long the tasks take; `consumer_timeout` stays a minute. */
export async function run({ seconds = 180 }: ProofOptions): Promise<Proof> {
  const node = (): Promise<RabbitmqNode> =>
    RabbitmqNode.start({
      config: [`consumer_timeout = ${TIMEOUT_MS}`],
      // How often it looks; else once a minute.
      advanced: '[{rabbit, [{channel_tick_interval, 1000}]}].',
    })
  const lasts = seconds * 1_000
  const nodes = await Promise.all([node(), node()])
  const [leased, unleased] = nodes as [RabbitmqNode, RabbitmqNode]
  try {
    const fates: readonly Fate[] = ['lives', 'is killed', 'stops']
    const [rounds, control] = await Promise.all([
      Promise.all(fates.map((fate) => round(leased, fate, lasts, TIMEOUT_MS))),
      // The same without leases: what it is all for.
      round(unleased, 'lives', lasts, 0),
    ])
    const closed = closedChannels(leased)
    const withoutLeases = { ...control, channelsClosed: closedChannels(unleased) }
    const holds =
      closed === 0 &&
      rounds.every(({ fate, begun, againMs }) =>
        fate === 'lives' ? begun === 1 : begun === 2 && (againMs ?? Infinity) < SOON_MS,
      )
    const figures = { consumerTimeoutMs: TIMEOUT_MS, taskMs: lasts, channelsClosed: closed, rounds, withoutLeases }
    return { holds, figures }
  } finally {
    await Promise.all(nodes.map((one) => one.remove()))
  }
}

interface Round {
  readonly fate: Fate
  /** Starts of the task, by both workers. */
  readonly begun: number
  /** How often its message, and another held for its time, were moved. */
  readonly leases: number
  /** From the end of its worker to its next start. */
  readonly againMs?: number
}

/** One task, two workers. */
async function round(node: RabbitmqNode, fate: Fate, lasts: number, consumerTimeout: number): Promise<Round> {
  const queue = `tasks-${fate.replace(' ', '-')}`
  const app = lovage('proof', { broker: node.url(), defaultQueue: queue }, { env: {} })
  const workers = await Promise.all([1, 2].map(() => startWorker(node, queue, lasts, consumerTimeout)))
  try {
    const patience = { timeout: 3 * lasts + 120_000 }
    const result = await app.sendTask<string>('late', ['long'])
    const held = await app.sendTask<string>('late', ['held'], {}, { countdown: Math.min(lasts, 1.5 * TIMEOUT_MS) })
    const first = await Promise.race(workers.map((one) => one.line('began long').then(() => one)))
    let againMs: number | undefined
    if (fate !== 'lives') {
      await new Promise((resolve) => setTimeout(resolve, 1.2 * TIMEOUT_MS))
      const from = performance.now()
      const other = workers.find((one) => one !== first) as Child
      const again = other.line('began long', { timeoutMs: 2 * SOON_MS })
      if (fate === 'stops') first.signal('SIGTERM')
      else await first.kill()
      await again
      againMs = Math.round(performance.now() - from)
    }
    const labels = await Promise.all([result.get(patience), held.get(patience)])
    if (labels.join() !== 'long,held') throw new Error(`other results than sent: ${labels.join()}`)
    const lines = workers.flatMap((one) => one.lines)
    const count = (text: string): number => lines.filter((line) => line.startsWith(text)).length
    const begun = count('began long')
    return { fate, begun, leases: count('message is under a lease'), ...(againMs !== undefined && { againMs }) }
  } finally {
    await Promise.all(workers.map((one) => one.kill()))
    await app.close()
  }
}

async function startWorker(node: RabbitmqNode, queue: string, lasts: number, consumerTimeout: number): Promise<Child> {
  const child = startChild(process.execPath, ['scripts/run-ts.mjs', 'test/worker/worker-process.ts'], {
    cwd: join(import.meta.dirname, '..'),
    env: {
      LOVAGE_BROKER_URL: node.url(),
      LOVAGE_RESULT_BACKEND: undefined,
      QUEUE: queue,
      LASTS: String(lasts),
      TIMEOUT: String(consumerTimeout),
    },
    name: 'worker process',
  })
  await child.line('ready in', { timeoutMs: 60_000 })
  return child
}

function closedChannels(node: RabbitmqNode): number {
  return node.log().split('acknowledgement on channel').length - 1
}
