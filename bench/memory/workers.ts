import { lovage } from 'lovage'
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { hasService } from '../../scripts/services.mjs'
import { startChild } from '../../test/services/child.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Figure, LeftOut, Row } from '../case.ts'
import { groupOf, memoryOf } from '../cpu.ts'
import { optionalPeer, peerPath } from '../optional-peers.ts'
import { openBullmq } from '../peers/bullmq.mjs'
import { callsPerSecond, median, quartiles, startPeer, stopPeer } from '../side-by-side.ts'
import { CELERY_QUEUE, CelerySystem, hasGevent } from '../systems/celery.ts'
import { TaskWorker } from '../systems/task-worker.ts'
import { MIB, rest, type Size } from './size.ts'

const WHY_IDLE =
  'Node alone holds 39 MiB; the modules and what they set up about 8, the rest is connections, the command line, and the parts of Node that they use.'
const WHY_BUSY =
  'Some 10 MiB of it are in use beyond an idle worker: the thread that looks for stalls, which begins with the first task. The rest is garbage that V8 has not collected yet, in a young generation of 8 MiB and an old one.'

/** A worker that is started, looked at while it has nothing to do and while it has much, and ended. In MiB. */
type Weigh = () => Promise<{ idle: number; busy?: number; note?: string }>

/** Workers of ours and of others, a new one of each in every round. */
export async function workers(broker: string, size: Size): Promise<Row[]> {
  const leftOut: LeftOut[] = []
  const closing: (() => Promise<unknown>)[] = []
  const contenders: Record<string, Weigh> = { 'a Node that does nothing': () => bareNode(size) }
  contenders['lovage'] = () => ourWorker(broker, size)
  try {
    if (hasService('redis') && hasService('celery')) {
      const board = await RedisNode.start()
      closing.push(() => board.remove())
      const celery = await CelerySystem.open({ broker, backend: board.url() })
      closing.unshift(() => celery.close())
      const gevent = hasGevent() ? [['gevent', 100] as const] : []
      for (const [pool, wide] of [['prefork', 4] as const, ['threads', 50] as const, ...gevent].slice(0, size.pools)) {
        contenders[`Celery, ${pool} ${wide}`] = () => celeryWorker(broker, celery, pool, wide, size)
      }
    } else leftOut.push({ what: 'memory, worker, Celery', leftOut: 'no Celery with Redis on this machine' })
    const package_ = await optionalPeer('bullmq')
    if (package_ && hasService('redis')) contenders['BullMQ'] = () => bullmqWorker(package_, size)
    else leftOut.push({ what: 'memory, worker, BullMQ', leftOut: 'no bullmq with Redis on this machine' })
    return [...(await byTurns(contenders, size)), ...leftOut]
  } finally {
    for (const close of closing) await close()
  }
}

async function byTurns(contenders: Readonly<Record<string, Weigh>>, { rounds }: Size): Promise<Figure[]> {
  const taken = Object.keys(contenders).map((name) => ({
    name,
    idle: [] as number[],
    busy: [] as number[],
    note: '' as string | undefined,
  }))
  for (let round = 0; round < rounds; round++) {
    for (const each of [...taken.slice(round % taken.length), ...taken.slice(0, round % taken.length)]) {
      const { idle, busy, note } = await (contenders[each.name] as Weigh)()
      each.idle.push(idle)
      if (busy !== undefined) each.busy.push(busy)
      each.note = note
    }
  }
  const aims: Readonly<Record<string, { atMost: number; why: string }>> = {
    'lovage, idle': { atMost: 60, why: WHY_IDLE },
    'lovage, busy': { atMost: 80, why: WHY_BUSY },
  }
  return taken.flatMap(({ name, note, ...values }) =>
    (['idle', 'busy'] as const).flatMap((when): Figure[] => {
      if (values[when].length === 0) return []
      const aim = aims[`${name}, ${when}`]
      return [
        {
          what: `memory, worker, ${name}, ${when}`,
          value: median(values[when]),
          unit: 'MiB',
          spread: quartiles(values[when]),
          group: 'memory, worker',
          contender: name,
          ...(note && { note }),
          ...(aim && { aim }),
        },
      ]
    }),
  )
}

async function bareNode({ restMs }: Size): ReturnType<Weigh> {
  const child = startChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { name: 'node' })
  try {
    await rest(restMs)
    return { idle: memoryOf([child.pid]) }
  } finally {
    await child.kill()
  }
}

async function ourWorker(broker: string, { tasks, restMs }: Size): ReturnType<Weigh> {
  const worker = await startCommand(broker)
  const app = lovage('bench', { broker, defaultQueue: 'weighed', publishTimeout: '30s' })
  try {
    await rest(restMs)
    const pids = [worker.pid as number]
    const idle = memoryOf(pids)
    const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
    const busy = await whileBusy(pids, async () => {
      const done = saidBy(worker)
      worker.send({ await: tasks })
      await callsPerSecond(tasks, 1_000, async () => add.delay(2, 3))
      await done
    })
    return { idle, busy }
  } finally {
    await app.close()
    await stopPeer(worker)
  }
}

/** `lovage worker`, as its users run it. */
async function startCommand(broker: string): Promise<ChildProcess> {
  const [main, tasks] = ['../../dist/cli/main.js', '../peers/cli-tasks.mjs'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  ) as [string, string]
  const env = { ...process.env, LOVAGE_BROKER_URL: broker }
  const worker = fork(main, ['worker', '-A', tasks, '-Q', 'weighed', '-c', '100', '-l', 'error'], { env, silent: true })
  // What nobody reads would hold it up.
  worker.stdout?.resume()
  worker.stderr?.resume()
  await saidBy(worker)
  return worker
}

/** Resolves with the next message of a process. */
function saidBy(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a worker of the bench ended with code ${code}`))
    child.once('exit', onExit)
    child.once('message', (said) => {
      child.off('exit', onExit)
      resolve(said)
    })
  })
}

async function celeryWorker(
  broker: string,
  celery: CelerySystem,
  pool: 'prefork' | 'threads' | 'gevent',
  concurrency: number,
  { theirs, restMs }: Size,
): ReturnType<Weigh> {
  const app = lovage('bench', { broker, defaultQueue: CELERY_QUEUE, publishTimeout: '30s' })
  const mark = app.remote<(key: string) => void>('bench.mark', { ignoreResult: true })
  const add = app.remote<(x: number, y: number) => number>('bench.add', { ignoreResult: true })
  const worker = await celery.startWorker({ pool, concurrency })
  try {
    await mark.delay('marks')
    await celery.marked('marks')
    await rest(restMs)
    const pids = groupOf(worker.pid)
    const idle = memoryOf(pids)
    const busy = await whileBusy(pids, async () => {
      await callsPerSecond(theirs, 1_000, async () => add.delay(2, 3))
      await mark.delay('marks')
      await celery.marked('marks')
    })
    return { idle, busy, note: pids.length > 1 ? `${pids.length} processes` : 'one process' }
  } finally {
    await app.close()
    await worker.stop({ graceMs: 20_000 })
  }
}

async function bullmqWorker(package_: Parameters<typeof openBullmq>[0], { tasks, restMs }: Size): ReturnType<Weigh> {
  const node = await RedisNode.start(['--appendfsync', 'everysec'])
  const bullmq = await openBullmq(package_, node.port)
  const redis = new Redis({ port: node.port })
  try {
    const { child } = await startPeer('bullmq-worker', String(peerPath('bullmq')), String(node.port), '0', '100')
    const pids = [child.pid as number]
    try {
      await rest(restMs)
      const idle = memoryOf(pids)
      const busy = await whileBusy(pids, async () => {
        await bullmq.send(tasks)
        while ((await redis.llen('bull:bench:wait')) + (await redis.llen('bull:bench:active')) > 0) await rest(20)
      })
      return { idle, busy }
    } finally {
      await stopPeer(child)
    }
  } finally {
    redis.disconnect()
    await bullmq.close()
    await node.remove()
  }
}

/** Tasks that sleep in a worker, all at a time. */
export async function sleepers(broker: string, { sleeping, restMs }: Size): Promise<Figure[]> {
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

/** Median of what the processes hold in the second half of the time that `work` takes, in MiB. */
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
