import amqp, { type ConfirmChannel } from 'amqplib'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Aim, BenchCase, Row } from '../case.ts'
import { amqplibOptions, BODY } from '../peers/celery-message.mjs'
import { sideBySide, type Contender } from '../side-by-side.ts'
import { CELERY_QUEUE, CelerySystem, type CeleryWorkerOptions, hasGevent, workerName } from '../systems/celery.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { withUsers } from '../systems/queue-user.ts'

const REPLIES = 'pools-replies'
const QUEUES: Readonly<Record<string, string>> = { lovage: 'pools-ours', 'bare speaker': 'pools-bare' }
const CONCURRENCY = '100'

/** From profiles: see docs/performance.md. */
const WHY =
  'A worker of ours reads every header, finds the task, runs it and remembers it, and has each result confirmed before it acknowledges the task; results of a turn travel in one write, but each costs RabbitMQ the same as the bare speaker’s.'
const WHY_CELERY =
  'Results of ours are persistent, and confirmed before the task is acknowledged; those of Celery are neither, its default, so that RabbitMQ answers for none of them and writes none down.'

/** Celery's pools, with the prefetch that they are fastest with. */
const POOLS: readonly CeleryWorkerOptions[] = [
  { pool: 'prefork', concurrency: 2, prefetch: 64 },
  { pool: 'threads', concurrency: 50, prefetch: 64 },
  { pool: 'gevent', concurrency: 100, prefetch: 64 },
]

/** What all contenders of one table share. */
interface Scene {
  readonly filler: ConfirmChannel
  /** Whether each task's result is sent to {@link REPLIES}. */
  readonly withResults: boolean
}

/**
 * A full queue of RabbitMQ's emptied by one worker of no-op tasks, results ignored and results sent: ours beside a bare
 * speaker, and beside each of Celery's pools. From the first task until all are acknowledged.
 */
const celeryPools: BenchCase = async ({ tiny, amqpUrl }) => {
  if (!amqpUrl) return [{ what: "drain beside Celery's pools", leftOut: 'no RabbitMQ on this machine' }]
  const rows: Row[] = []
  const connection = await amqp.connect(amqpUrl, { noDelay: true })
  const broker = listenersOn(Number(new URL(amqpUrl).port))
  const board = hasService('celery') && hasService('redis') ? await RedisNode.start() : undefined
  const marks = board?.url() ?? ''
  const celery = board ? await CelerySystem.open({ broker: amqpUrl, backend: 'rpc://', marks }) : undefined
  if (!celery) rows.push({ what: "drain beside Celery's pools", leftOut: 'no Celery with Redis on this machine' })
  const pools = tiny ? POOLS.slice(0, 1) : hasGevent() ? POOLS : POOLS.slice(0, -1)
  if (!hasGevent()) rows.push({ what: "drain beside Celery's gevent", leftOut: 'no python3-gevent on this machine' })
  try {
    const filler = await connection.createConfirmChannel()
    for (const queue of [...Object.values(QUEUES), REPLIES]) await filler.assertQueue(queue, { durable: true })
    const peers = {
      // Whether results are sent is said by each message.
      lovage: { peer: 'lovage-user', args: [amqpUrl, 'rpc://', QUEUES['lovage'] ?? ''] },
      'bare speaker': { peer: 'amqp-user', args: ['bare', amqpUrl, QUEUES['bare speaker'] ?? ''] },
    }
    await withUsers(peers, async (each) => {
      for (const withResults of tiny ? [true] : [false, true]) {
        const meter = new CpuMeter(() => broker)
        const scene: Scene = { filler, withResults }
        const count = tiny ? 300 : 10_000
        const contenders: Record<string, Contender> = each(async (user, name) => {
          const queue = QUEUES[name] ?? ''
          await fill(scene, queue, count)
          const reached = await user.drains(count, meter, name, CONCURRENCY)
          await checkEmptied(scene, queue, count)
          return reached
        })
        const aims: Record<string, Aim> = { 'bare speaker': { atLeast: withResults ? 0.7 : 0.85, why: WHY } }
        for (const pool of celery ? pools : []) {
          const name = workerName(pool)
          contenders[name] = () =>
            (celery as CelerySystem).drains({
              worker: pool,
              count: tiny ? 20 : 2_000,
              meter,
              fill: (size) => fill(scene, CELERY_QUEUE, size),
              check: (sent, mayLeave) => checkEmptied(scene, CELERY_QUEUE, sent, mayLeave),
            })
          aims[name] = { atLeast: 3.5, why: WHY_CELERY }
        }
        const what = `drain, RabbitMQ, ${withResults ? 'with' : 'without'} results`
        rows.push(...(await sideBySide(what, tiny ? 1 : 3, contenders, { aims, meter })))
      }
    })
    return rows
  } finally {
    await celery?.close()
    await board?.remove()
    await connection.close()
  }
}
export default celeryPools

async function fill({ filler, withResults }: Scene, queue: string, count: number): Promise<void> {
  const options = amqplibOptions(withResults ? { replyTo: REPLIES } : { ignoreResult: true })
  for (let i = 0; i < count; i++) filler.sendToQueue(queue, BODY, options)
  await filler.waitForConfirms()
}

/** Nothing is left beyond what may be, and there is one result for each task where there is to be one. */
async function checkEmptied(scene: Scene, queue: string, count: number, mayLeave = 0): Promise<void> {
  const { filler, withResults } = scene
  const { messageCount: left } = await filler.purgeQueue(queue)
  if (left > mayLeave) throw new Error(`${left} messages of ${queue} were not acknowledged`)
  const { messageCount: results } = await filler.purgeQueue(REPLIES)
  const wanted = withResults ? count : 0
  // Of those that are given back some have run, and some have not.
  if (results > wanted || results < wanted - mayLeave) {
    throw new Error(`${results} results of ${wanted} tasks came from ${queue}`)
  }
}
