// Random canvases, nested four deep, with failures: each comes to what a plain evaluation says, whatever dies in the simulator,
// and on real servers; where nothing goes wrong each task runs once.
import { randomUUID } from 'node:crypto'
import type { Proof, ProofOptions } from '../scripts/prove.mjs'
import { type GivenSettings, lovage } from '../src/index.ts'
import type { BrokerModel } from '../src/testing/testing.ts'
import { worker } from '../src/worker/worker.ts'
import { CANVASES } from '../test/chaos/canvases.ts'
import { type Part, simulateInThreads, type Sum } from '../test/chaos/threads.ts'
import { CanvasTasks, evaluate, hasError, judgeWith, randomCanvas } from '../test/property/canvas-model.ts'
import { RabbitmqNode } from '../test/services/rabbitmq-node.ts'
import { RedisNode } from '../test/services/redis-node.ts'

/** Schedules that a thread is given at a time. */
const PART = 50

const MODELS: readonly BrokerModel[] = ['amqp', 'redis', 'embedded', 'memory']

/** Canvases on each pair of real servers. */
const REAL = 500

/** `rounds` are canvases in the simulator, a quarter on each model of a broker: once under faults, and once without any. */
export async function run({ rounds = 10_000, seed }: ProofOptions): Promise<Proof> {
  const schedules = Math.ceil(rounds / CANVASES)
  const faulted = await simulated('faulted', schedules, seed, false)
  const calm = await simulated('calm', schedules, seed, true)
  const [rabbitmq, redis] = await Promise.all([RabbitmqNode.start({ vhosts: ['queues', 'store'] }), RedisNode.start()])
  const real: Record<string, Judged> = {}
  try {
    const places: Record<string, GivenSettings> = {
      'rabbitmq and rpc': { broker: rabbitmq.url('queues'), backend: 'rpc://' },
      'rabbitmq and rpc, with a store': {
        ...{ broker: rabbitmq.url('store'), backend: 'rpc://', store: `memory://${randomUUID()}` },
      },
      'redis and redis': { broker: redis.url(0), backend: redis.url(1) },
    }
    for (const [name, settings] of Object.entries(places)) {
      real[name] = await onServers(settings, Math.min(REAL, rounds), seed)
      console.log(name, JSON.stringify(real[name]))
    }
  } finally {
    await Promise.all([rabbitmq.remove(), redis.remove()])
  }
  const holds =
    [faulted, calm].every(({ failures }) => failures.length === 0) &&
    Object.values(real).every(({ problems }) => problems.length === 0)
  return { holds, figures: { simulated: { faulted, calm }, ...real } }
}

/** Each schedule has its own seed, and so have its canvases: no two are the same. */
async function simulated(
  name: string,
  schedules: number,
  seed: number,
  isCalm: boolean,
): Promise<Sum & { readonly seeds: string; readonly canvases: number }> {
  const sum = await simulateInThreads(parts(schedules, seed, isCalm))
  const seeds = `${seed} to ${seed + schedules - 1}`
  const told = { seeds, canvases: sum.schedules * CANVASES, ...sum }
  console.log(name, JSON.stringify(told))
  return told
}

function* parts(schedules: number, seed: number, isCalm: boolean): Generator<Part> {
  for (let from = 0, nth = 0; from < schedules; from += PART, nth++) {
    const brokers = [MODELS[nth % MODELS.length] as BrokerModel] as const
    yield { what: 'canvases', brokers, seed: seed + from, schedules: Math.min(PART, schedules - from), isCalm }
  }
}

interface Judged {
  readonly seeds: string
  readonly canvases: number
  readonly calls: number
  readonly failing: number
  readonly problems: readonly string[]
}

async function onServers(settings: GivenSettings, canvases: number, seed: number): Promise<Judged> {
  const app = lovage('canvases', { ...settings, publishTimeout: '60s' }, { env: {} })
  const tasks = new CanvasTasks(app)
  const made = worker(app, { gracePeriod: 0, stallThreshold: 0 })
  await made.start()
  try {
    const seeds = Array.from({ length: canvases }, (_, nth) => seed + nth)
    const problems = await judgeWith(tasks, seeds)
    const calls = [...tasks.calls.ran.values()].reduce((total, count) => total + count, 0)
    const failing = seeds.filter((one) => hasError(evaluate(randomCanvas(one), [], []))).length
    return { seeds: `${seed} to ${seed + canvases - 1}`, canvases, calls, failing, problems }
  } finally {
    await made.stop()
    await app.close()
  }
}
