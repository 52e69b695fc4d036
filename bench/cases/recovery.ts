import { lovage, type App } from 'lovage'
import { hasService } from '../../scripts/services.mjs'
import type { Child } from '../../test/services/child.ts'
import { RabbitmqNode } from '../../test/services/rabbitmq-node.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import { TcpProxy } from '../../test/services/tcp-proxy.ts'
import type { BenchCase, Figure, Row } from '../case.ts'
import { callsPerSecond, median, quartiles } from '../side-by-side.ts'
import { CELERY_QUEUE, CelerySystem } from '../systems/celery.ts'
import { embeddedPlace } from '../systems/places.ts'
import { TaskWorker } from '../systems/task-worker.ts'

/** Most that the first task may take, in milliseconds. */
const AIM = { atMost: 1_000 }

/** A server that goes away and comes back; {@link Outage.back} resolves when it takes connections again. */
interface Outage {
  readonly name: string
  readonly url: string
  gone(): Promise<unknown>
  back(): Promise<unknown>
  close(): Promise<unknown>
}

/** How much is done. */
interface Size {
  readonly rounds: number
  /** How long a server is away that comes back at once, in milliseconds: tries to reach it are far apart by then. */
  readonly awayMs: number
  /** Tasks that are sent when it is back. */
  readonly tasks: number
}

/**
 * From the return of the broker to the first task that a worker runs which has lived through it: RabbitMQ and Redis killed
 * and started again, the process that owns an embedded broker killed. The task comes from somebody who connects then. Also
 * told: a whole round trip of a caller that lived through it.
 */
const recovery: BenchCase = async ({ tiny, amqpUrl, part }) => {
  const size: Size = tiny ? { rounds: 1, awayMs: 200, tasks: 20 } : { rounds: 3, awayMs: 4_000, tasks: 500 }
  const rows: Row[] = [...(await part('recovery, embedded', () => embedded(size)))]
  for (const [name, start] of [
    ['RabbitMQ', () => (tiny ? cutOff(amqpUrl) : killedRabbitmq())],
    ['Redis', killedRedis],
  ] as const) {
    const what = `recovery, ${name}`
    const measure = async (): Promise<Row[]> => {
      const outage = await start()
      if (!outage) return [{ what, leftOut: `no ${name} on this machine` }]
      try {
        return await served(outage, size, !tiny)
      } finally {
        await outage.close()
      }
    }
    rows.push(...(await part(what, measure)))
  }
  return rows
}
export default recovery

/** Workers of ours and of Celery's on one server, and a caller of ours. */
async function served(outage: Outage, { rounds, awayMs, tasks }: Size, besideCelery: boolean): Promise<Row[]> {
  const worker = await TaskWorker.start({ broker: outage.url, queues: ['ours'], concurrency: 100 })
  const caller = lovage('bench', { broker: outage.url, defaultQueue: 'ours', publishTimeout: '60s' })
  const celery = besideCelery ? await CeleryBeside.start(outage.url) : undefined
  const firsts: number[] = []
  const trips: number[] = []
  const theirs: number[] = []
  try {
    const add = caller.remote<(x: number, y: number) => number>('bench.add')
    await add.delay(2, 3).get({ timeout: '60s' })
    await celery?.mark()
    for (let round = 0; round < rounds; round++) {
      await outage.gone()
      await new Promise((resolve) => setTimeout(resolve, awayMs))
      await worker.counted()
      const settled = worker.settledCounted(tasks)
      await outage.back()
      const returned = epoch()
      const [, trip, other] = await Promise.all([
        sendAnew(outage.url, tasks),
        add
          .delay(2, 3)
          .get({ timeout: '120s' })
          .then(() => epoch()),
        celery?.mark(),
      ])
      await settled
      firsts.push((await countedAll(worker, tasks)) - returned)
      trips.push(trip - returned)
      if (other !== undefined) theirs.push(other - returned)
    }
    const what = `recovery, ${outage.name}`
    const figures = [
      figure(`${what}, first task`, firsts, 'lovage', AIM),
      figure(`${what}, round trip of a caller that was there before`, trips, 'lovage'),
    ]
    const beside = `${what}, first task, Celery`
    if (celery?.failed !== undefined) return [...figures, { what: beside, leftOut: celery.failed }]
    if (theirs.length > 0) figures.push(figure(beside, theirs, 'Celery, prefork'))
    return figures
  } finally {
    await caller.close()
    await worker.stop()
    await celery?.close()
  }
}

/** Sends so many tasks with a new client. */
async function sendAnew(url: string, tasks: number): Promise<void> {
  const app = lovage('bench', { broker: url, defaultQueue: 'ours', publishTimeout: '60s' })
  try {
    await sendCounts(app, tasks)
  } finally {
    await app.close()
  }
}

async function sendCounts(app: App, tasks: number, queue = 'ours'): Promise<void> {
  const count = app.remote<(i: number) => void>('bench.count', { ignoreResult: true, queue })
  let i = 0
  await callsPerSecond(tasks, 100, async () => count.delay(i++))
}

/** A worker of Celery's on the same broker; its marks are in a Redis that stays. */
class CeleryBeside {
  readonly #url: string
  readonly #board: RedisNode
  readonly #celery: CelerySystem
  readonly #worker: Child
  #marks = 0
  /** Why it is not asked any more. */
  failed: string | undefined

  private constructor(url: string, board: RedisNode, celery: CelerySystem, worker: Child) {
    this.#url = url
    this.#board = board
    this.#celery = celery
    this.#worker = worker
  }

  static async start(url: string): Promise<CeleryBeside | undefined> {
    if (!hasService('celery') || !hasService('redis')) return undefined
    const board = await RedisNode.start()
    const celery = await CelerySystem.open({ broker: url, backend: board.url() })
    return new CeleryBeside(url, board, celery, await celery.startWorker({ pool: 'prefork', concurrency: 2 }))
  }

  /**
   * Sends a task that tells when it runs, with a new client; resolves to that, in ms of the epoch, or to nothing where it has
   * not come back: what was measured of ours is not lost with it.
   */
  async mark(): Promise<number | undefined> {
    if (this.failed !== undefined) return undefined
    // A task that ran just before the server was killed comes again, and must not be taken for this one.
    const key = `marks-${this.#marks++}`
    const app = lovage('bench', { broker: this.#url, defaultQueue: CELERY_QUEUE, publishTimeout: '60s' })
    try {
      await app.remote<(key: string) => void>('bench.mark', { ignoreResult: true }).delay(key)
      return (await this.#celery.marked(key)) * 1_000
    } catch (error) {
      console.error(error)
      this.failed = error instanceof Error ? error.message : String(error)
      return undefined
    } finally {
      await app.close()
    }
  }

  async close(): Promise<void> {
    await this.#worker.kill()
    await this.#celery.close()
    await this.#board.remove()
  }
}

/** Its owner is killed, and another process of the same folder takes over; and all are, and a new one is started. */
async function embedded({ rounds, tasks }: Size): Promise<Figure[]> {
  const taken: number[] = []
  const started: number[] = []
  for (let round = 0; round < rounds; round++) {
    const place = await embeddedPlace()
    const options = { broker: place.url, queues: ['ours'], concurrency: 100 }
    const sender = lovage('bench', { broker: place.url, defaultQueue: 'ours', publishTimeout: '60s' })
    // Who comes first is the owner.
    let worker = await TaskWorker.start(options)
    const other = await TaskWorker.start(options)
    try {
      await sender.remote<(x: number, y: number) => number>('bench.add').delay(2, 3).get({ timeout: '60s' })
      const killed = epoch()
      await worker.stop()
      // The call before may come again, its acknowledgement gone with the owner, and is not counted.
      const settled = other.settledCounted(tasks)
      await sendCounts(sender, tasks)
      await settled
      taken.push((await countedAll(other, tasks)) - killed)

      await other.stop()
      // Sent while nobody is there but the sender, whose process dies with it in a sense: it gives the folder up. To another
      // queue: acknowledgements of the last tasks may have died with their worker, and those tasks come again.
      await sendCounts(sender, tasks, 'next')
      await sender.close()
      const from = epoch()
      worker = await TaskWorker.start({ ...options, queues: ['next'] })
      await worker.settledCounted(tasks)
      started.push((await countedAll(worker, tasks)) - from)
    } finally {
      await sender.close()
      await worker.stop()
      await other.stop()
      await place.close()
    }
  }
  return [
    figure('recovery, embedded, first task after the owner was killed', taken, 'lovage', AIM),
    figure('recovery, embedded, first task of a new process, its start included', started, 'lovage', AIM),
  ]
}

/** When the first of so many tasks ran, each of them once. */
async function countedAll(worker: TaskWorker, tasks: number): Promise<number> {
  const { ran, doubled, from } = await worker.counted()
  if (ran !== tasks || doubled > 0) throw new Error(`of ${tasks} tasks ${ran} ran, ${doubled} of them twice`)
  return from
}

async function killedRabbitmq(): Promise<Outage | undefined> {
  if (!hasService('rabbitmq')) return undefined
  const node = await RabbitmqNode.start()
  const url = node.url()
  return { name: 'RabbitMQ', url, gone: () => node.kill(), back: () => node.start(), close: () => node.remove() }
}

/** The start of a RabbitMQ takes longer than a trial may: connections are cut and refused instead. */
async function cutOff(amqpUrl: string | undefined): Promise<Outage | undefined> {
  if (!amqpUrl) return undefined
  const proxy = await TcpProxy.start({ port: Number(new URL(amqpUrl).port) })
  const gone = async (): Promise<void> => {
    proxy.mode = 'refusing'
    proxy.cut()
  }
  const back = async (): Promise<void> => void (proxy.mode = 'open')
  return { name: 'RabbitMQ', url: proxy.urlFor(amqpUrl), gone, back, close: () => proxy.stop() }
}

async function killedRedis(): Promise<Outage | undefined> {
  if (!hasService('redis')) return undefined
  const node = await RedisNode.start(['--appendfsync', 'everysec'])
  return {
    name: 'Redis',
    url: node.url(),
    gone: () => node.kill(),
    back: () => node.start(),
    close: () => node.remove(),
  }
}

function figure(what: string, values: readonly number[], contender: string, aim?: Figure['aim']): Figure {
  const note = `${values.length} times, the longest ${Math.max(...values).toFixed(0)} ms`
  const group = what.replace(/, Celery$/, '')
  const base = { what, value: median(values), unit: 'ms', spread: quartiles(values), group, contender, note }
  return aim ? { ...base, aim } : base
}

function epoch(): number {
  return performance.timeOrigin + performance.now()
}
