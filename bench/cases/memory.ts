import { get, type Agent, Agent as HttpAgent } from 'node:http'
import { lovage } from 'lovage'
import { Redis } from 'ioredis'
import { hasService } from '../../scripts/services.mjs'
import { startChild } from '../../test/services/child.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { BenchCase, Figure, Row } from '../case.ts'
import { groupOf, memoryOf } from '../cpu.ts'
import { optionalPeer, peerPath } from '../optional-peers.ts'
import { openBullmq } from '../peers/bullmq.mjs'
import { callsPerSecond, median, startPeer, stopPeer } from '../side-by-side.ts'
import { CELERY_QUEUE, CelerySystem, hasGevent } from '../systems/celery.ts'
import { listenersOn } from '../systems/listeners.ts'
import { inEachPlace, type Place } from '../systems/places.ts'
import { TaskWorker } from '../systems/task-worker.ts'

const MIB = 2 ** 20

/** How much is done. */
interface Size {
  /** Tasks that make a worker busy. */
  readonly tasks: number
  /** The same for Celery's. */
  readonly theirs: number
  readonly waiting: number
  readonly sleeping: number
  readonly requests: number
  /** How long a process rests before it is looked at, in milliseconds. */
  readonly restMs: number
}

/**
 * What processes hold of the machine's memory: workers that have nothing to do and that have much, a broker for each task
 * that waits, a worker for each that sleeps, a gateway for each request that waits.
 */
const memory: BenchCase = async ({ tiny, amqpUrl, isWanted }) => {
  const size: Size = tiny
    ? { tasks: 200, theirs: 20, waiting: 500, sleeping: 500, requests: 50, restMs: 100 }
    : { tasks: 30_000, theirs: 3_000, waiting: 100_000, sleeping: 20_000, requests: 1_000, restMs: 2_000 }
  const rows: Row[] = []
  if (!amqpUrl) return [{ what: 'memory', leftOut: 'no RabbitMQ on this machine' }]
  if (isWanted('memory, worker')) {
    rows.push(await bareNode(size), ...(await ourWorker(amqpUrl, size)), ...(await sleepers(amqpUrl, size)))
    if (hasService('redis') && hasService('celery')) rows.push(...(await celeryWorkers(amqpUrl, size, tiny)))
    else rows.push({ what: 'memory, worker, Celery', leftOut: 'no Celery with Redis on this machine' })
    rows.push(...(await bullmqWorker(size)))
  }
  if (isWanted('memory, waiting')) {
    rows.push(...(await inEachPlace('memory, waiting task', { amqpUrl }, (place) => waitingTasks(place, size))))
  }
  if (isWanted('memory, gateway')) rows.push(...(await gateways(amqpUrl, size)))
  return rows
}
export default memory

async function bareNode({ restMs }: Size): Promise<Figure> {
  const child = startChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { name: 'node' })
  await rest(restMs)
  const held = memoryOf([child.pid])
  await child.kill()
  return weighed('memory, worker, a Node that does nothing', 'Node alone', held)
}

async function ourWorker(broker: string, { tasks, restMs }: Size): Promise<Figure[]> {
  const worker = await TaskWorker.start({ broker, queues: ['weighed'], concurrency: 100 })
  const app = lovage('bench', { broker, defaultQueue: 'weighed', publishTimeout: '30s' })
  try {
    await rest(restMs)
    const idle = memoryOf([worker.pid])
    const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
    const busy = await whileBusy([worker.pid], async () => {
      const settled = worker.settledFromNow(tasks)
      await callsPerSecond(tasks, 1_000, async () => add.delay(2, 3))
      await settled
    })
    return [
      { ...weighed('memory, worker, lovage, idle', 'lovage', idle), aim: { atMost: 60 } },
      { ...weighed('memory, worker, lovage, busy', 'lovage', busy), aim: { atMost: 80 } },
    ]
  } finally {
    await app.close()
    await worker.stop()
  }
}

/** Tasks that sleep in a worker, all at a time. */
async function sleepers(broker: string, { sleeping, restMs }: Size): Promise<Figure[]> {
  const queue = 'weighed-sleepers'
  const worker = await TaskWorker.start({ broker, queues: [queue], concurrency: sleeping + 100 })
  const app = lovage('bench', { broker, defaultQueue: queue, publishTimeout: '30s' })
  try {
    await rest(restMs)
    const before = memoryOf([worker.pid])
    const nap = app.remote<() => void>('bench.rest', { ignoreResult: true })
    await callsPerSecond(sleeping, 1_000, async () => nap.delay())
    while ((await worker.counted()).resting < sleeping) await rest(50)
    const bytes = ((memoryOf([worker.pid]) - before) * MIB) / sleeping
    await app.remote<() => void>('bench.release', { ignoreResult: true }).delay()
    await worker.settled(sleeping + 1)
    const note = `${sleeping.toLocaleString('en-US')} at a time, garbage included`
    return [{ what: 'memory, worker, lovage, each sleeping task', value: bytes, unit: 'bytes', note }]
  } finally {
    await app.close()
    await worker.stop()
  }
}

async function celeryWorkers(broker: string, { theirs, restMs }: Size, tiny: boolean): Promise<Figure[]> {
  const board = await RedisNode.start()
  const celery = await CelerySystem.open({ broker, backend: board.url() })
  const app = lovage('bench', { broker, defaultQueue: CELERY_QUEUE, publishTimeout: '30s' })
  const figures: Figure[] = []
  try {
    const mark = app.remote<(key: string) => void>('bench.mark', { ignoreResult: true })
    const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
    const pools = [{ pool: 'prefork', concurrency: 4 } as const, { pool: 'threads', concurrency: 50 } as const]
    const gevent = hasGevent() ? [{ pool: 'gevent', concurrency: 100 } as const] : []
    for (const pool of tiny ? pools.slice(0, 1) : [...pools, ...gevent]) {
      const worker = await celery.startWorker(pool)
      await mark.delay('marks')
      await celery.marked('marks')
      await rest(restMs)
      const name = `Celery, ${pool.pool} ${pool.concurrency}`
      const note = `${groupOf(worker.pid).length} processes`
      const idle = memoryOf(groupOf(worker.pid))
      const busy = await whileBusy(groupOf(worker.pid), async () => {
        await callsPerSecond(theirs, 1_000, async () => add.delay(2, 3))
        await mark.delay('marks')
        await celery.marked('marks')
      })
      figures.push(
        { ...weighed(`memory, worker, ${name}, idle`, name, idle), note },
        { ...weighed(`memory, worker, ${name}, busy`, name, busy), note },
      )
      await worker.stop({ graceMs: 20_000 })
    }
    return figures
  } finally {
    await app.close()
    await celery.close()
    await board.remove()
  }
}

async function bullmqWorker({ tasks, waiting, restMs }: Size): Promise<Row[]> {
  const package_ = await optionalPeer('bullmq')
  if (!package_ || !hasService('redis')) {
    return [{ what: 'memory, worker, BullMQ', leftOut: 'no bullmq with Redis on this machine' }]
  }
  const node = await RedisNode.start(['--appendfsync', 'everysec'])
  const bullmq = await openBullmq(package_, node.port)
  const redis = new Redis({ port: node.port })
  try {
    const server = listenersOn(node.port)
    const before = memoryOf(server)
    await bullmq.send(waiting)
    const bytes = ((memoryOf(server) - before) * MIB) / waiting
    await bullmq.purge()
    const { child } = await startPeer('bullmq-worker', String(peerPath('bullmq')), String(node.port), '0', '100')
    const pids = [child.pid as number]
    await rest(restMs)
    const idle = memoryOf(pids)
    const busy = await whileBusy(pids, async () => {
      await bullmq.send(tasks)
      while ((await redis.llen('bull:bench:wait')) + (await redis.llen('bull:bench:active')) > 0) await rest(20)
    })
    await stopPeer(child)
    return [
      weighed('memory, worker, BullMQ, idle', 'BullMQ', idle),
      weighed('memory, worker, BullMQ, busy', 'BullMQ', busy),
      perTask('memory, waiting task, Redis, BullMQ', bytes, waiting),
    ]
  } finally {
    redis.disconnect()
    await bullmq.close()
    await node.remove()
  }
}

/** What the broker's processes grow by while tasks wait, for each; of the embedded one, the process that owns it. */
async function waitingTasks(place: Place, { waiting, restMs }: Size): Promise<Figure[]> {
  const owner = await TaskWorker.start({ broker: place.url, queues: ['others'], concurrency: 1 })
  const app = lovage('bench', { broker: place.url, defaultQueue: 'waiting', publishTimeout: '30s' })
  const pids = place.server.length > 0 ? place.server : [owner.pid]
  try {
    const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
    await callsPerSecond(Math.ceil(waiting / 100), 100, async () => add.delay(2, 3))
    await rest(restMs)
    const before = memoryOf(pids)
    await callsPerSecond(waiting, 1_000, async () => add.delay(2, 3))
    await rest(restMs)
    const bytes = ((memoryOf(pids) - before) * MIB) / waiting
    const { admin } = (await app.client()).broker
    const sent = waiting + Math.ceil(waiting / 100)
    const left = await admin?.purge('waiting')
    if (left !== sent) throw new Error(`${left} of ${sent} tasks wait`)
    return [perTask(`memory, waiting task, ${place.name}`, bytes, waiting)]
  } finally {
    await app.close()
    await owner.stop()
  }
}

/** What a gateway grows by while requests wait for their tasks, beside a relay written by hand. */
async function gateways(amqpUrl: string, { requests, restMs }: Size): Promise<Figure[]> {
  const ms = restMs + 3_000
  Object.assign(process.env, { BENCH_BROKER: amqpUrl, BENCH_QUEUE: 'weighed-site' })
  const gateway = await startPeer('site-gateway')
  const relay = await startPeer('relay-by-hand', 'bare', amqpUrl, 'weighed-bare')
  const workers = [
    await startPeer('site-worker', JSON.stringify({ concurrency: requests })),
    await startPeer('server-by-hand', 'bare', amqpUrl, 'weighed-bare', String(ms)),
  ]
  try {
    const figures: Figure[] = []
    for (const [name, { child, said }, path] of [
      ['lovage', gateway, `/rest?ms=${ms}`],
      ['Fastify and bare speaker by hand', relay, '/add'],
    ] as const) {
      const pids = [child.pid as number]
      const url = `http://127.0.0.1:${(said as { port: number }).port}${path}`
      const agent = new HttpAgent({ keepAlive: true, maxSockets: Infinity })
      await asked(url, agent)
      const before = memoryOf(pids)
      const answers = Array.from({ length: requests }, () => asked(url, agent))
      await rest(1_000)
      const bytes = ((memoryOf(pids) - before) * MIB) / requests
      await Promise.all(answers)
      agent.destroy()
      const what = `memory, gateway, each waiting request, ${name}`
      const note = `${requests.toLocaleString('en-US')} at a time, each on a connection of its own`
      figures.push({ what, value: bytes, unit: 'bytes', group: 'memory, gateway', contender: name, note })
    }
    return figures
  } finally {
    for (const { child } of [gateway, relay, ...workers]) await stopPeer(child)
  }
}

function asked(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (response) => {
      response.resume()
      response.once('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`${url}: ${response.statusCode}`)),
      )
    })
    request.once('error', reject)
  })
}

/** Median of what the processes hold while `work` goes on, in MiB. */
async function whileBusy(pids: readonly number[], work: () => Promise<unknown>): Promise<number> {
  const seen = [memoryOf(pids)]
  const look = setInterval(() => seen.push(memoryOf(pids)), 50)
  try {
    await work()
  } finally {
    clearInterval(look)
  }
  return median(seen.slice(-Math.ceil(seen.length / 2)))
}

function weighed(what: string, contender: string, value: number): Figure {
  return { what, value, unit: 'MiB', group: 'memory, worker', contender }
}

function perTask(what: string, value: number, waiting: number): Figure {
  return { what, value, unit: 'bytes', note: `${waiting.toLocaleString('en-US')} tasks, in all its processes` }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
