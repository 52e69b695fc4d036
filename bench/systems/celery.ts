import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { lovage } from 'lovage'
import { startChild, type Child } from '../../test/services/child.ts'
import { groupOf } from '../cpu.ts'
import type { CpuMeter } from './cpu-meter.ts'

const PYTHON = '/usr/bin/python3'
const FOLDER = fileURLToPath(new URL('../peers/', import.meta.url))

/** Where the tasks of bench/peers/celery_bench.py wait. */
export const CELERY_QUEUE = 'celery-bench'

export interface CeleryOptions {
  readonly broker: string
  /** A Redis, or `rpc://` where `marks` is one. */
  readonly backend: string
  /** The Redis where tasks tell how far they are. Default: the backend. */
  readonly marks?: string
}

/** A worker, and how it is run. */
export interface CeleryWorkerOptions {
  readonly pool: 'prefork' | 'threads' | 'gevent' | 'solo'
  readonly concurrency: number
  /** Celery's multiplier. Default 4, as Celery's. */
  readonly prefetch?: number
}

/** What a contender with that worker is called. */
export function workerName({ pool, concurrency }: CeleryWorkerOptions): string {
  return `Celery, ${pool} ${concurrency}`
}

/** A queue that Celery's worker empties. */
interface CeleryDrain {
  readonly worker: CeleryWorkerOptions
  readonly count: number
  readonly meter: CpuMeter
  /** Puts so many tasks into {@link CELERY_QUEUE}. */
  readonly fill: (count: number) => Promise<unknown>
  /** Fails unless the worker, which has ended, has left no more than `mayLeave` of `sent` tasks. */
  readonly check: (sent: number, mayLeave: number) => Promise<unknown>
}

/**
 * The last mark overtakes what other processes of Celery's pool still hold, and what they hold when it is stopped goes
 * back: of all tasks at most this part. Its rate counts them as done, in its favour.
 */
const MOST_GIVEN_BACK = 0.1

/** Longest wait for what the caller was asked for: it sends one task after the other, thousands of them. */
const PATIENCE_MS = 300_000

/** Whether this machine has gevent, for Celery's pool of that name. */
export function hasGevent(): boolean {
  return existsSync('/usr/lib/python3/dist-packages/gevent/__init__.py')
}

/** Python's Celery: a process that calls, and workers that are started when they are asked for. */
export class CelerySystem {
  readonly #options: CeleryOptions
  readonly #caller: Child
  readonly redis: Redis

  private constructor(options: CeleryOptions, caller: Child) {
    this.#options = options
    this.#caller = caller
    this.redis = new Redis(options.marks ?? options.backend)
  }

  static async open(options: CeleryOptions): Promise<CelerySystem> {
    const caller = startChild(PYTHON, ['celery_bench.py'], { name: 'celery caller', cwd: FOLDER, env: envOf(options) })
    await caller.line('"ready"', { timeoutMs: 30_000 })
    return new CelerySystem(options, caller)
  }

  /** The processes that call. */
  get pids(): readonly number[] {
    return [this.#caller.pid]
  }

  /** Has the caller do something, and gives what it tells. */
  async ask(line: string): Promise<{ seconds: number; taken?: number[]; purged?: number }> {
    const from = this.#caller.lines.length
    this.#caller.write(`${line}\n`)
    const told = await this.#caller.line(/^{/, { from, timeoutMs: PATIENCE_MS })
    return JSON.parse(told) as { seconds: number; taken?: number[]; purged?: number }
  }

  async startWorker(options: CeleryWorkerOptions): Promise<Child> {
    const { pool, concurrency, prefetch = 4 } = options
    const args = ['-m', 'celery', '-A', 'celery_bench', 'worker', '-l', 'WARNING', '-P', pool]
    const quiet = ['--without-gossip', '--without-mingle']
    const all = [...args, '-c', String(concurrency), '-n', `bench${process.pid}@host`, ...quiet]
    const env = { ...envOf(this.#options), BENCH_PREFETCH: String(prefetch) }
    return startChild(PYTHON, all, { name: 'celery worker', cwd: FOLDER, env })
  }

  /** Waits for one `bench.mark` of that key; resolves to when it ran, in seconds of the epoch. */
  async marked(key: string): Promise<number> {
    const popped = await this.redis.blpop(key, 120)
    if (!popped) throw new Error(`Celery has not come to ${key} within two minutes`)
    return Number(popped[1])
  }

  /** Tasks a second from a mark to a mark; what stands before the first warms the worker up. */
  async drains({ worker, count, meter, fill, check }: CeleryDrain): Promise<number> {
    const app = lovage('bench', { broker: this.#options.broker, defaultQueue: CELERY_QUEUE })
    const warming = Math.ceil(count / 5)
    try {
      const mark = app.remote<(key: string) => void>('bench.mark', { ignoreResult: true })
      // Makes the queue as Celery wants it.
      await mark.delay('made')
      for (const size of [warming, count]) {
        await fill(size)
        await mark.delay('marks')
      }
    } finally {
      await app.close()
    }
    const running = await this.startWorker(worker)
    try {
      await this.marked('made')
      const from = await this.marked('marks')
      const until = (): Promise<number> => this.marked('marks')
      const to = await meter.measure(workerName(worker), count, () => groupOf(running.pid), until)
      // A mark may overtake the last tasks, which other processes of the pool run.
      await running.stop({ graceMs: 20_000 })
      await check(warming + count, count * MOST_GIVEN_BACK)
      return count / (to - from)
    } finally {
      await running.kill()
    }
  }

  async close(): Promise<void> {
    this.redis.disconnect()
    await this.#caller.kill()
  }
}

/** What bench/peers/celery_bench.py reads. */
export function envOf({ broker, backend, marks = backend }: CeleryOptions): Record<string, string> {
  const python = { PYTHONDONTWRITEBYTECODE: '1', C_FORCE_ROOT: '1' }
  return { BENCH_BROKER: broker, BENCH_BACKEND: backend, BENCH_MARKS: marks, ...python }
}
