// 150 % load with clients that wait five seconds, over HTTP: with deadlines, abandoning and refusal, and beside it without.
import { join } from 'node:path'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import type { Overload } from '../test/chaos/overload/clients.ts'
import type { ClientsTold } from '../test/chaos/overload/part-process.ts'
import { type Child, startChild } from '../test/services/child.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'

const ROOT = join(import.meta.dirname, '..')

/** Tasks only wait, so that what the workers can do is known, and far below what a machine of two cores carries. */
const WORKERS = 2
const SLOTS = 20
const MEAN_MS = 500
const CAPACITY = (SLOTS * 1000) / MEAN_MS
const LOAD = 1.5
const PATIENCE_MS = 5_000
const WARMUP_S = 10

/** Longest wait for a process to be up, and for the last clients to be gone after the last second. */
const START_MS = 60_000
const GONE_MS = 120_000

/** `seconds` is how long new clients come, of each of the four runs; the first ten are not judged. */
export async function run({ seconds = 60, seed }: ProofOptions): Promise<Proof> {
  const [rabbitmq, redis] = await Promise.all([RabbitmqNode.start(), RedisNode.start()])
  try {
    const places = { rabbitmq: rabbitmq.url(), redis: redis.url() }
    const deployment = 'clients, gateway and each worker in processes of their own'
    const told = { load: LOAD, patienceS: PATIENCE_MS / 1000, slots: SLOTS, meanRunMs: MEAN_MS, workers: WORKERS }
    const figures: Record<string, unknown> = { deployment, ...told, seconds }
    let holds = true
    for (const [name, broker] of Object.entries(places)) {
      const honest = await overloaded(broker, true, seconds, seed)
      console.log(name, 'with', JSON.stringify(honest))
      const naive = await overloaded(broker, false, seconds, seed)
      console.log(name, 'without', JSON.stringify(naive))
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
  readonly runs: number
  readonly refused: number
  /** When the first client was refused, in seconds; undefined: none was. */
  readonly firstRefusalS: number | undefined
  readonly longestRetryAfterS: number
}

async function overloaded(broker: string, isHonest: boolean, seconds: number, seed: number): Promise<Figures> {
  const shared = { LOVAGE_BROKER_URL: broker, HONEST: isHonest ? '1' : '0', QUEUE: isHonest ? 'honest' : 'naive' }
  const all: Child[] = []
  const start = (name: string, env: Record<string, string>): Child => {
    const args = ['scripts/run-ts.mjs', 'test/chaos/overload/part-process.ts']
    const child = startChild(process.execPath, args, { cwd: ROOT, env: { ...shared, ...env }, name })
    all.push(child)
    return child
  }
  try {
    const slots = String(SLOTS / WORKERS)
    const hands = Array.from({ length: WORKERS }, (_, at) => start(`worker ${at}`, { ROLE: 'worker', SLOTS: slots }))
    const web = start('gateway', { ROLE: 'gateway' })
    await Promise.all(hands.map((each) => each.line('ready', { timeoutMs: START_MS })))
    const listens = await web.line('listens at', { timeoutMs: START_MS })
    const url = listens.split('listens at ')[1] as string
    const options = { perSecond: LOAD * CAPACITY, seconds, patienceMs: PATIENCE_MS, warmupS: WARMUP_S }
    const told: ClientsTold = { url, seed, meanMs: MEAN_MS, ...options }
    const clients = start('clients', { ROLE: 'clients', CLIENTS: JSON.stringify(told) })
    const said = await clients.line('came ', { timeoutMs: START_MS + seconds * 1000 + GONE_MS })
    const came = JSON.parse(said.slice('came '.length)) as Overload & Pick<Figures, 'firstRefusalS'>
    const runs = await runsOf(hands)
    return {
      goodput: rounded(came.answeredPerSecond / CAPACITY),
      unwanted: rounded((runs - came.answered) / runs),
      secondTry: came.refused === 0 ? 0 : rounded(came.answeredAtSecondTry / came.refused),
      clients: came.clients,
      runs,
      refused: came.refused,
      firstRefusalS: came.firstRefusalS,
      longestRetryAfterS: came.longestRetryAfterS,
    }
  } finally {
    await Promise.all(all.map((each) => each.kill()))
  }
}

/** How many runs the workers have begun; it ends them. */
async function runsOf(hands: readonly Child[]): Promise<number> {
  let sum = 0
  for (const each of hands) {
    each.signal('SIGTERM')
    sum += Number((await each.line('runs ')).split(' ')[1])
  }
  return sum
}

function rounded(ratio: number): number {
  return Math.round(ratio * 1000) / 1000
}
