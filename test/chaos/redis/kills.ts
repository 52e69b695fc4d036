import { join } from 'node:path'
import { sleep, systemClock } from '../../../src/base/clock.ts'
import { listDead } from '../../../src/broker/dead-letters.ts'
import { type App, currentTask, lovage } from '../../../src/index.ts'
import { type Worker, worker } from '../../../src/worker/worker.ts'
import { type Child, startChild } from '../../services/child.ts'
import { withoutDelays } from '../../services/delays.ts'
import type { RedisNode } from '../../services/redis-node.ts'

const ROOT = join(import.meta.dirname, '../../..')

/** A message in hand is given to another after so many seconds without a sign of life. */
const VISIBILITY_S = 2

/** Most messages that are on their way to the broker at a time. */
const MOST_SENDING = 500

/** Longest wait for the outcomes. */
const PATIENCE_MS = 15 * 60_000

/** What became of the messages of a round. */
export interface Killed {
  readonly published: number
  readonly done: number
  readonly dead: number
  readonly waiting: number
  readonly inHand: number
  readonly kills: number
}

/** Worker processes are killed and replaced while messages flow. Resolves when every one has come to something. */
export async function killWorkers(
  redis: RedisNode,
  options: { messages: number; workers: number; kills: number; random: () => number },
): Promise<Killed> {
  const { messages, workers, kills, random } = options
  const { app, urls } = openApp(redis, 'kills')
  const processes: Child[] = []
  const start = async (): Promise<void> => {
    const env = { LOVAGE_BROKER_URL: urls.broker, LOVAGE_RESULT_BACKEND: urls.backend, QUEUE: 'kills' }
    const args = ['scripts/run-ts.mjs', 'test/worker/worker-process.ts']
    const child = startChild(process.execPath, args, { cwd: ROOT, env, name: 'worker process' })
    processes.push(child)
    await child.line('ready in', { timeoutMs: 60_000 })
  }
  try {
    await Promise.all(Array.from({ length: workers }, start))
    const waits: Promise<unknown>[] = []
    let done = 0
    const send = async (number: number): Promise<void> => {
      const result = await app.sendTask<string>('late', [String(number)])
      waits.push(result.get({ timeout: PATIENCE_MS }).then(() => done++))
    }
    const sending = inLanes(messages, MOST_SENDING, send)
    // Awaited in the end; until then its failure is not nobody's.
    sending.catch(() => {})
    for (let kill = 1; kill <= kills; kill++) {
      const goal = Math.floor((messages * kill) / (kills + 1))
      while (done < goal) await sleep(systemClock, 5)
      const victim = processes.splice(Math.floor(random() * processes.length), 1)[0] as Child
      await victim.kill()
      await start()
    }
    await sending
    await Promise.allSettled(waits)
    const { broker } = await app.client()
    const dead = await listDead(broker, 'kills', messages)
    await Promise.all(processes.map((one) => one.kill()))
    const waiting = (await broker.admin?.depth('kills'))?.messages ?? Number.NaN
    return { published: messages, done, dead: dead.length, waiting, inHand: await inHandOf(redis), kills }
  } finally {
    await Promise.all(processes.map((one) => one.kill()))
    await app.close()
  }
}

/** How often the tasks of a round ran. */
export interface Held {
  readonly tasks: number
  readonly ran: number
  readonly ranTwice: number
  readonly early: number
  /** Ms after its time that a task began. */
  readonly late: { readonly p50: number; readonly max: number }
}

/** Tasks that wait for much longer than the visibility timeout: in the due list, or in the hands of workers. */
export async function holdTasks(
  redis: RedisNode,
  { tasks, workers, etaMs, inHand }: { tasks: number; workers: number; etaMs: number; inHand?: boolean },
): Promise<Held> {
  const began = new Map<string, number[]>()
  const apps = Array.from({ length: workers }, () => {
    const { app } = openApp(redis, 'held')
    app.task('held', () => {
      const { id } = currentTask()
      began.set(id, [...(began.get(id) ?? []), systemClock.now()])
    })
    return app
  })
  const made: Worker[] = apps.map((app, index) => worker(app, { hostname: `held-${index}`, concurrency: 50 }))
  const due = new Map<string, number>()
  try {
    if (inHand) await Promise.all(apps.map((app) => withoutDelays(app)))
    await Promise.all(made.map((one) => one.start()))
    const first = apps[0] as App
    const results: PromiseLike<unknown>[] = []
    await inLanes(tasks, MOST_SENDING, async () => {
      const eta = new Date(systemClock.now() + etaMs)
      const result = await first.sendTask('held', [], {}, { eta })
      due.set(result.id, eta.getTime())
      results.push(result.get({ timeout: PATIENCE_MS }))
    })
    await Promise.all(results)
    const late = [...due].map(([id, dueMs]) => (began.get(id)?.[0] ?? Number.NaN) - dueMs).toSorted((a, b) => a - b)
    return {
      tasks,
      ran: began.size,
      ranTwice: [...began.values()].filter((times) => times.length > 1).length,
      early: late.filter((ms) => ms < 0).length,
      late: { p50: late[late.length >> 1] ?? Number.NaN, max: late.at(-1) ?? Number.NaN },
    }
  } finally {
    await Promise.all(made.map((one) => one.stop()))
    await Promise.all(apps.map((app) => app.close()))
  }
}

function openApp(redis: RedisNode, queue: string): { app: App; urls: { broker: string; backend: string } } {
  const urls = { broker: `${redis.url(0)}?visibility_timeout=${VISIBILITY_S}`, backend: redis.url(1) }
  const app = lovage(queue, { ...urls, defaultQueue: queue, publishTimeout: '60s', connectTimeout: '60s' }, { env: {} })
  return { app, urls }
}

async function inLanes(count: number, lanes: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane))
}

async function inHandOf(redis: RedisNode): Promise<number> {
  const { Redis } = await import('ioredis')
  const client = new Redis({ port: redis.port })
  try {
    return await client.hlen('unacked')
  } finally {
    client.disconnect()
  }
}
