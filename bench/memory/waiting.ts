import { lovage } from 'lovage'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Figure } from '../case.ts'
import { memoryOf } from '../cpu.ts'
import { optionalPeer } from '../optional-peers.ts'
import { openBullmq } from '../peers/bullmq.mjs'
import { callsPerSecond } from '../side-by-side.ts'
import { CelerySystem } from '../systems/celery.ts'
import { anotherPlace, type Place } from '../systems/places.ts'
import { TaskWorker } from '../systems/task-worker.ts'
import { MIB, rest, type Size } from './size.ts'

/** Sends so many tasks, and tells when all are there. */
type Send = (count: number) => Promise<unknown>

/** Has `work` send tasks to a broker of that kind. */
type Sender = (place: Place, work: (send: Send) => Promise<number>) => Promise<number>

/**
 * What the broker's processes grow by while tasks wait, for each; of the embedded one, the process that owns it. Each
 * contender has a broker of its own, which has held nothing before: what one has been given by the system it keeps.
 */
export async function waitingTasks(place: Place, { waiting, restMs }: Size, tiny: boolean): Promise<Figure[]> {
  const senders: Record<string, Sender> = { lovage: ours }
  const package_ = await optionalPeer('bullmq')
  // On RabbitMQ it would be the same message, and fewer of them tell only how much Erlang takes before it collects.
  if (place.name === 'Redis' && hasService('celery') && !tiny) senders['Celery'] = celerys
  if (place.name === 'Redis' && package_) senders['BullMQ'] = (there, work) => bullmqs(package_, there, work)
  const figures: Figure[] = []
  for (const [name, sender] of Object.entries(senders)) {
    // Celery sends one after the other, which takes many times as long.
    const count = name === 'Celery' ? Math.ceil(waiting / 5) : waiting
    // A trial has no time for another RabbitMQ.
    const own = tiny ? place : await anotherPlace(place)
    let owner: TaskWorker | undefined
    try {
      if (own.server.length === 0) owner = await ownerOf(own)
      const pids = owner ? [owner.pid] : own.server
      const bytes = await sender(own, async (send) => {
        await send(Math.ceil(count / 100))
        await rest(restMs)
        const before = memoryOf(pids)
        await send(count)
        await rest(restMs)
        return ((memoryOf(pids) - before) * MIB) / count
      })
      figures.push({
        what: `memory, waiting task, ${place.name}, ${name}`,
        value: bytes,
        unit: 'bytes',
        group: 'memory, waiting task',
        contender: name,
        note: `${count.toLocaleString('en-US')} tasks, in all its processes`,
      })
    } finally {
      await owner?.stop()
      if (own !== place) await own.close()
    }
  }
  return figures
}

/** Who comes first has the engine. */
function ownerOf({ url }: Place): Promise<TaskWorker> {
  return TaskWorker.start({ broker: url, queues: ['others'], concurrency: 1 })
}

const ours: Sender = async ({ url }, work) => {
  const app = lovage('bench', { broker: url, defaultQueue: 'waiting', publishTimeout: '30s' })
  let sent = 0
  try {
    const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
    const bytes = await work(async (count) => {
      sent += count
      await callsPerSecond(count, 1_000, async () => add.delay(2, 3))
    })
    const left = await (await app.client()).broker.admin?.purge('waiting')
    if (left !== sent) throw new Error(`${left} of ${sent} tasks wait`)
    return bytes
  } finally {
    await app.close()
  }
}

const celerys: Sender = async ({ url }, work) => {
  const board = await RedisNode.start()
  try {
    const celery = await CelerySystem.open({ broker: url, backend: board.url() })
    try {
      return await work((count) => celery.ask(`send ${count}`))
    } finally {
      await celery.close()
    }
  } finally {
    await board.remove()
  }
}

async function bullmqs(
  package_: Parameters<typeof openBullmq>[0],
  { url }: Place,
  work: (send: Send) => Promise<number>,
): Promise<number> {
  const bullmq = await openBullmq(package_, Number(new URL(url).port))
  try {
    return await work((count) => bullmq.send(count))
  } finally {
    await bullmq.purge()
    await bullmq.close()
  }
}
