import amqp, { type ConfirmChannel } from 'amqplib'
import { lovage } from 'lovage'
import { worker } from 'lovage/worker'
import { hasService } from '../../scripts/services.mjs'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Aim, BenchCase, Row } from '../case.ts'
import { groupOf } from '../cpu.ts'
import { bareSpeaker } from '../peers/bare-speaker.mjs'
import { amqplibOptions, BODY } from '../peers/celery-message.mjs'
import { sideBySide, type Contender } from '../side-by-side.ts'
import { CELERY_QUEUE, CelerySystem, type CeleryWorkerOptions, hasGevent } from '../systems/celery.ts'
import { CpuMeter } from '../systems/cpu-meter.ts'
import { listenersOn } from '../systems/listeners.ts'
import { SELF } from '../systems/redis-scene.ts'

const [QUEUE, REPLIES] = ['pools', 'pools-replies']
const CONCURRENCY = 100

/** Celery's pools, with the prefetch that they are fastest with. */
const POOLS: readonly CeleryWorkerOptions[] = [
  { pool: 'prefork', concurrency: 2, prefetch: 64 },
  { pool: 'threads', concurrency: 50, prefetch: 64 },
  { pool: 'gevent', concurrency: 100, prefetch: 64 },
]

/** What all contenders of one table share. */
interface Scene {
  readonly amqpUrl: string
  readonly filler: ConfirmChannel
  readonly meter: CpuMeter
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
    for (const queue of [QUEUE, REPLIES]) await filler.assertQueue(queue, { durable: true })
    for (const withResults of tiny ? [true] : [false, true]) {
      const meter = new CpuMeter(() => broker)
      const scene: Scene = { amqpUrl, filler, meter, withResults }
      const count = tiny ? 300 : 10_000
      const contenders: Record<string, Contender> = {
        lovage: () => drained(scene, 'lovage', count, ours),
        'bare speaker': () => drained(scene, 'bare speaker', count, bare),
      }
      const aims: Record<string, Aim> = { 'bare speaker': { atLeast: withResults ? 0.7 : 0.85 } }
      for (const pool of celery ? pools : []) {
        const name = `Celery, ${pool.pool} ${pool.concurrency}`
        contenders[name] = () => celeryDrains(scene, name, celery as CelerySystem, pool, tiny ? 20 : 2_000)
        aims[name] = { atLeast: 3.5 }
      }
      const what = `drain, RabbitMQ, ${withResults ? 'with' : 'without'} results`
      rows.push(...(await sideBySide(what, tiny ? 1 : 3, contenders, { aims, meter })))
    }
    return rows
  } finally {
    await celery?.close()
    await board?.remove()
    await connection.close()
  }
}
export default celeryPools

/** Empties the queue; calls `tick` at each task, and resolves when so many are acknowledged. */
type Emptier = (scene: Scene, count: number, tick: () => void) => Promise<{ end: () => Promise<unknown> }>

async function drained(scene: Scene, name: string, count: number, empty: Emptier): Promise<number> {
  await fill(scene, QUEUE, count)
  let from = 0
  const work = async (): Promise<number> => {
    const { end } = await empty(scene, count, () => (from ||= performance.now()))
    const reached = (count / (performance.now() - from)) * 1_000
    await end()
    return reached
  }
  const reached = await scene.meter.measure(name, count, SELF, work)
  await checkEmptied(scene, QUEUE, count)
  return reached
}

const ours: Emptier = async ({ amqpUrl }, count, tick) => {
  const app = lovage('bench', { broker: amqpUrl, defaultQueue: QUEUE })
  app.task('bench.add', (x: number, y: number) => {
    tick()
    return x + y
  })
  const running = worker(app, { concurrency: CONCURRENCY })
  await running.start()
  while (running.stats().succeeded < count) await new Promise((resolve) => setTimeout(resolve, 2))
  return { end: () => running.stop().then(() => app.close()) }
}

const bare: Emptier = async ({ amqpUrl }, count, tick) => {
  const speaker = await bareSpeaker(amqpUrl)
  await speaker.confirm()
  await speaker.prefetch(CONCURRENCY + 1)
  const headers = {}
  let [acked, confirmed, sent] = [0, 0, 0]
  await new Promise<void>((resolve) => {
    const look = (): void => {
      if (acked === count && confirmed === sent) resolve()
    }
    void speaker.consume(QUEUE, false, ({ body, replyTo, correlationId, tag }) => {
      tick()
      const [[x, y]] = JSON.parse(body.toString()) as [[number, number]]
      if (replyTo) {
        const outcome = { task_id: correlationId, status: 'SUCCESS', result: x + y, traceback: null, children: [] }
        const answer = { body: Buffer.from(JSON.stringify(outcome)), headers, persistent: true, correlationId }
        sent++
        speaker.publish(replyTo, answer, () => {
          confirmed++
          look()
        })
      }
      speaker.ack(tag)
      acked++
      look()
    })
  })
  // Its answer comes when the acks before it have been taken.
  await speaker.prefetch(1)
  return { end: async () => speaker.close() }
}

/**
 * The last mark overtakes what other processes of Celery's pool still hold, and what they hold when it is stopped goes
 * back: of all tasks at most this part. Its rate counts them as done, in its favour.
 */
const MOST_GIVEN_BACK = 0.1

/** From a mark to a mark: what stands before the first warms the worker up. */
async function celeryDrains(
  scene: Scene,
  name: string,
  celery: CelerySystem,
  pool: CeleryWorkerOptions,
  count: number,
): Promise<number> {
  const app = lovage('bench', { broker: scene.amqpUrl, defaultQueue: CELERY_QUEUE })
  const mark = app.remote<(key: string) => void>('bench.mark', { ignoreResult: true })
  const warming = Math.ceil(count / 5)
  // Makes the queue as Celery wants it.
  await mark.delay('made')
  for (const size of [warming, count]) {
    await fill(scene, CELERY_QUEUE, size)
    await mark.delay('marks')
  }
  await app.close()
  const running = await celery.startWorker(pool)
  try {
    await celery.marked('made')
    const from = await celery.marked('marks')
    const until = (): Promise<number> => celery.marked('marks')
    const to = await scene.meter.measure(name, count, () => groupOf(running.pid), until)
    // A mark may overtake the last tasks, which other processes of the pool run.
    await running.stop({ graceMs: 20_000 })
    await checkEmptied(scene, CELERY_QUEUE, warming + count, count * MOST_GIVEN_BACK)
    return count / (to - from)
  } finally {
    await running.kill()
  }
}

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
