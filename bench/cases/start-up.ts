import { fork, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { hasService } from '../../scripts/services.mjs'
import { startChild } from '../../test/services/child.ts'
import { RedisNode } from '../../test/services/redis-node.ts'
import type { Aim, BenchCase, Figure, LeftOut } from '../case.ts'
import { peerPath } from '../optional-peers.ts'
import { median, quartiles } from '../side-by-side.ts'

const PYTHON = '/usr/bin/python3'
const PEERS = fileURLToPath(new URL('../peers/', import.meta.url))
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const CLIENT = new URL('../../dist/index.js', import.meta.url).href

/** What is started: resolves when it is there, or over. */
type Start = () => Promise<unknown>

/** From the start of a process until it is there: a command, a client that is imported, a worker that takes tasks. */
const startUp: BenchCase = async ({ tiny, amqpUrl }) => {
  const rounds = tiny ? 1 : 11
  const rows: (Figure | LeftOut)[] = []
  const celery = hasService('celery')
  const bullmq = peerPath('bullmq')
  if (!celery) rows.push({ what: 'start-up beside Celery', leftOut: 'no Celery on this machine' })
  if (!bullmq) rows.push({ what: 'start-up beside BullMQ', leftOut: 'bullmq is not installed' })
  const redis = bullmq && amqpUrl && hasService('redis') ? await RedisNode.start() : undefined
  const node = (...args: readonly string[]): Start => ended(process.execPath, args)
  const python = (...args: readonly string[]): Start => ended(PYTHON, args)
  try {
    const bare = { 'node -e ""': node('-e', ''), ...(celery && { 'python3 -c ""': python('-c', '') }) }
    const beyond = async (
      what: string,
      aim: Aim,
      starts: Readonly<Record<string, readonly [Start, keyof typeof bare]>>,
    ) => {
      rows.push(...(await beyondBare(what, aim, starts, bare, rounds)))
    }
    await beyond(
      'version',
      { atMost: 0.15 },
      {
        'lovage --version': [node(MAIN, '--version'), 'node -e ""'],
        ...(celery && { 'celery --version': [python('-m', 'celery', '--version'), 'python3 -c ""'] }),
      },
    )
    const importOf = (module: string): Start => node('--input-type=module', '-e', `import ${JSON.stringify(module)}`)
    await beyond(
      'client import',
      { atMost: 0.1 },
      {
        lovage: [importOf(CLIENT), 'node -e ""'],
        ...(bullmq && { BullMQ: [importOf(bullmq), 'node -e ""'] }),
        ...peersOf(importOf),
        ...(celery && { Celery: [python('-c', 'from celery import Celery; Celery()'), 'python3 -c ""'] }),
      },
    )
    if (!amqpUrl) return [...rows, { what: 'worker ready', leftOut: 'no RabbitMQ on this machine' }]
    const workers: Record<string, Start> = { lovage: forked('our-worker', amqpUrl, 'start-up') }
    if (bullmq && redis) workers['BullMQ'] = forked('bullmq-worker', bullmq, String(redis.port), '0', '100')
    if (celery) workers['Celery'] = celeryReady(amqpUrl)
    const taken = await takenBy(workers, rounds)
    const more: Readonly<Record<string, Partial<Figure>>> = {
      lovage: { aim: { atMost: 0.6 } },
      Celery: { note: 'a second of it is its `mingle`, which waits so long for other workers to answer' },
    }
    for (const [name, seconds] of Object.entries(taken)) {
      rows.push({ ...figure('worker ready', name, seconds), ...more[name] })
    }
    return rows
  } finally {
    await redis?.remove()
  }
}
export default startUp

/** Other clients that this Node can load, where they are installed. */
function peersOf(importOf: (module: string) => Start): Record<string, readonly [Start, 'node -e ""']> {
  const found = ['celery-node', 'graphile-worker'].map((name) => [name, peerPath(name)] as const)
  return Object.fromEntries(found.flatMap(([name, path]) => (path ? [[name, [importOf(path), 'node -e ""']]] : [])))
}

/** Seconds beyond those of a bare interpreter, which is started in the same round. */
async function beyondBare<Bare extends string>(
  what: string,
  aim: Aim,
  starts: Readonly<Record<string, readonly [Start, Bare]>>,
  bare: Readonly<Record<string, Start>>,
  rounds: number,
): Promise<Figure[]> {
  const all = { ...bare, ...Object.fromEntries(Object.entries(starts).map(([name, [start]]) => [name, start])) }
  const taken = await takenBy(all, rounds)
  return Object.entries(starts).map(([name, [, under]], i) => {
    const floor = taken[under] as number[]
    const seconds = (taken[name] as number[]).map((value, round) => value - (floor[round] as number))
    return { ...figure(`${what}, beyond a bare interpreter`, name, seconds), ...(i === 0 && { aim }) }
  })
}

function figure(group: string, contender: string, seconds: readonly number[]): Figure {
  return {
    what: `${group}, ${contender}`,
    value: median(seconds),
    unit: 's',
    spread: quartiles(seconds),
    group,
    contender,
  }
}

/** Seconds of each, in turn, round by round. What is read from the disk the first time is in no figure. */
async function takenBy(starts: Readonly<Record<string, Start>>, rounds: number): Promise<Record<string, number[]>> {
  const taken: Record<string, number[]> = Object.fromEntries(Object.keys(starts).map((name) => [name, []]))
  for (let round = rounds > 1 ? -1 : 0; round < rounds; round++) {
    for (const [name, start] of Object.entries(starts)) {
      const from = performance.now()
      await start()
      if (round >= 0) taken[name]?.push((performance.now() - from) / 1_000)
    }
  }
  return taken
}

function ended(command: string, args: readonly string[]): Start {
  return () =>
    new Promise<void>((resolve, reject) => {
      const child = spawn(command, args, { stdio: 'ignore' })
      child.once('error', reject)
      child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))))
    })
}

/** A process of bench/peers, until it says that it is ready; what comes after is not waited for. */
function forked(name: string, ...args: readonly string[]): Start {
  return () =>
    new Promise<void>((resolve, reject) => {
      const child = fork(`${PEERS}${name}.mjs`, args)
      child.once('message', () => {
        resolve()
        child.removeAllListeners('exit')
        child.kill('SIGKILL')
      })
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready`)))
    })
}

/** As Celery is started by its users, two processes; until it says that it is ready. */
function celeryReady(broker: string): Start {
  return async () => {
    const args = ['-m', 'celery', '-A', 'celery_bench', 'worker', '-l', 'INFO', '-c', '2', '--without-gossip']
    const urls = { BENCH_BROKER: broker, BENCH_BACKEND: 'rpc://', BENCH_MARKS: 'redis://127.0.0.1' }
    // The marks are for tasks, and none is run.
    const env = { ...urls, PYTHONDONTWRITEBYTECODE: '1', C_FORCE_ROOT: '1' }
    const child = startChild(PYTHON, args, { name: 'celery worker', cwd: PEERS, env })
    try {
      await child.line(/ ready\.$/, { timeoutMs: 60_000 })
    } finally {
      void child.kill()
    }
  }
}
