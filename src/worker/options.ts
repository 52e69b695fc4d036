import { availableParallelism, hostname as hostOf } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type Check,
  checkAll,
  type Checks,
  duration,
  listOf,
  shortText,
  shown,
  text,
  Unfit,
  whole,
} from '../app/check.ts'
import { Registry } from '../app/registry.ts'
import type { Settings } from '../app/settings.ts'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { poolKind, type PoolName } from '../pool/open.ts'
import type { PoolKind } from '../pool/pool.ts'
import { assertModules, poolsOf } from '../pool/pools.ts'

/** AMQP counts credit in 16 bits. */
export const MAX_PREFETCH = 65_535

/** A name of AMQP has 255 bytes, and `<queue>.dead` must be one. */
const MAX_QUEUE_BYTES = 250

/** What `worker(app, options)` takes. */
export interface WorkerOptions {
  /** Queues it reads; they are declared. Default: `defaultQueue` of the settings, `['celery']`. */
  readonly queues?: readonly string[]
  /** Where task code runs; Celery's names of pools are understood. Default `'async'`. */
  readonly pool?: PoolName
  /**
   * Pool `async`: most tasks at once, 1 to 65,534; default 100, or 1 where the pool is called `solo`. Pools `threads` and
   * `processes`: how many of them, each with `perChild` tasks; default: the cores of this machine.
   */
  readonly concurrency?: number
  /** The same for pools that tasks ask for by their option `pool`: `{ processes: 2 }`. Defaults as for `concurrency`. */
  readonly pools?: Readonly<Partial<Record<PoolKind, number>>>
  /** Most tasks at once in each thread or process. Default 1. */
  readonly perChild?: number
  /** A thread or process is replaced after so many tasks. Default: never. */
  readonly maxTasksPerChild?: number
  /** A thread or process that holds more than so many bytes is replaced, between two tasks. Default: never. */
  readonly maxMemoryPerChild?: number
  /**
   * Modules that define the tasks, as paths or `file:` URLs: what threads and processes load. `import.meta.url` in the
   * module that makes app and tasks is enough; in a thread or process no worker and no gateway starts. Default: what the
   * command `lovage worker` has loaded, else none, and pools `threads` and `processes` are refused.
   */
  readonly module?: string | URL | readonly (string | URL)[]
  /**
   * Most messages in hand, running ones included and those held for later not; at least `concurrency`. What is beyond the
   * free slots waits in memory, where no other worker can have it. Default: `concurrency` + 1.
   */
  readonly prefetch?: number
  /**
   * Most messages held in memory until their eta, for each of which the prefetch is raised by one. With so many in hold,
   * those behind them in the queue wait. Default 50,000, less where `prefetch` is near 65,535.
   */
  readonly maxHeld?: number
  /**
   * High water mark: so many messages may wait in memory for a slot of a full pool while another pool has free ones, or
   * for the rate limit of their task. Then no more are taken until only `lowWater` of them wait. Each of them is kept from
   * other workers. Default 1000.
   */
  readonly highWater?: number
  /** Low water mark: see `highWater`, and at most that. Default: half of it. */
  readonly lowWater?: number
  /** Name of this worker node. Default `lovage@<name of the host>`. */
  readonly hostname?: string
  /**
   * How long `stop` waits for running tasks before it aborts their signals. What has not ended soon after that goes back to
   * its queue. Default `'30s'`.
   */
  readonly gracePeriod?: Duration
  /**
   * How long a soft stop (SIGQUIT, a second SIGTERM, `stop('soft')`) waits for running tasks before it becomes a cold one.
   * Default 0: it is cold at once, as in Celery.
   */
  readonly softShutdownTimeout?: Duration
  /**
   * The `consumer_timeout` of RabbitMQ: how long it lets a message be in hand. It cannot be asked for it, so it must be
   * said here where it is another. Before half of it has passed a message is moved under a lease; 0: there is no such
   * limit. Default `'30m'`, RabbitMQ's own.
   */
  readonly consumerTimeout?: Duration
  /**
   * How long the event loop of the tasks may stand still before that is reported, with the task and the line that block it;
   * 0: never. Default `'1s'`.
   */
  readonly stallThreshold?: Duration
}

/** Options as everything reads them. */
export interface ResolvedWorkerOptions {
  readonly queues: readonly string[]
  readonly pool: PoolKind
  readonly concurrency: number
  /** Most tasks at once of each pool there may be. */
  readonly sizes: Readonly<Record<PoolKind, number>>
  /** Most tasks at once in all pools there are. */
  readonly slots: number
  readonly perChild: number
  readonly maxTasksPerChild: number | undefined
  readonly maxMemoryPerChild: number | undefined
  /** Paths. */
  readonly modules: readonly string[]
  readonly prefetch: number
  readonly maxHeld: number
  readonly highWater: number
  readonly lowWater: number
  readonly hostname: string
  readonly gracePeriodMs: number
  readonly softShutdownTimeoutMs: number
  readonly consumerTimeoutMs: number
  readonly stallThresholdMs: number
}

type Checked = {
  [Name in keyof WorkerOptions]-?: NonNullable<WorkerOptions[Name]> extends Duration ? number : unknown
} & {
  queues: readonly string[]
  pool: PoolKind
  pools: Partial<Record<PoolKind, number>>
  module: readonly string[]
  perChild: number
  maxTasksPerChild: number
  maxMemoryPerChild: number
  hostname: string
}

const WHERE = 'the worker'

const queueNames: Check<readonly string[]> = (value) => {
  const names = listOf(shortText, 1)(value)
  const long = names.find((name) => Buffer.byteLength(name) > MAX_QUEUE_BYTES)
  if (long !== undefined) {
    const bytes = Buffer.byteLength(long)
    const fix = `Use at most ${MAX_QUEUE_BYTES} bytes: the name of its dead letters is longer by five`
    throw new Unfit(`has a name that is ${bytes} bytes long`, fix)
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Unfit(`names ${shown(twice)} twice`, 'Name each queue once')
  return names
}

const poolSizes: Check<Partial<Record<PoolKind, number>>> = (value) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Unfit(`must be an object, and is ${shown(value)}`, 'Write { processes: 2 }')
  }
  const sizes: Partial<Record<PoolKind, number>> = {}
  for (const [name, size] of Object.entries(value)) sizes[poolKind(name, WHERE)] = whole(1, MAX_PREFETCH - 1)(size)
  return Object.freeze(sizes)
}

const modulePath: Check<string> = (value) => {
  const url = value instanceof URL ? value.href : text(value)
  if (!/^[a-z][a-z0-9+.-]+:/i.test(url)) return resolve(url)
  if (url.startsWith('file:')) return fileURLToPath(url)
  throw new Unfit(`names ${shown(url)}, which is no file`, 'Write import.meta.url, or a path')
}

const modulePaths: Check<readonly string[]> = (value) =>
  Array.isArray(value) ? listOf(modulePath, 1)(value) : [modulePath(value)]

const CHECKS: Checks<Checked> = {
  queues: queueNames,
  pool: (value) => poolKind(text(value), WHERE),
  concurrency: whole(1, MAX_PREFETCH - 1),
  pools: poolSizes,
  perChild: whole(1, MAX_PREFETCH - 1),
  maxTasksPerChild: whole(1),
  maxMemoryPerChild: whole(1),
  module: modulePaths,
  prefetch: whole(1, MAX_PREFETCH),
  maxHeld: whole(0),
  highWater: whole(0, MAX_PREFETCH),
  lowWater: whole(0, MAX_PREFETCH),
  hostname: shortText,
  gracePeriod: duration,
  softShutdownTimeout: duration,
  consumerTimeout: duration,
  stallThreshold: duration,
}

/**
 * Checks the options and fills in the defaults.
 * @throws LovageError `OPTION_INVALID`
 */
export function resolveWorkerOptions(
  given: WorkerOptions,
  settings: Settings,
  registry: Pick<Registry, 'get' | 'names'> = new Registry(),
): ResolvedWorkerOptions {
  const invalid = (option: string, problem: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', { option, where: WHERE, problem, fix })
  if (typeof given !== 'object' || given === null) {
    throw invalid('options', `must be an object, and is ${shown(given)}`, "Write { queues: ['celery'] }")
  }
  const checked = checkAll(given, CHECKS, { unknown: (name, fix) => invalid(name, 'does not exist', fix), invalid })
  const { pool = 'async', pools = {}, perChild = 1 } = checked
  const cores = availableParallelism()
  const counts = { async: given.pool === 'solo' ? 1 : 100, threads: cores, processes: cores, ...pools }
  if (checked.concurrency !== undefined) counts[pool] = checked.concurrency
  const sizes = { async: counts.async, threads: counts.threads * perChild, processes: counts.processes * perChild }
  const kinds = poolsOf(pool, registry)
  assertModules(kinds, checked.module)
  const slots = kinds.reduce((sum, kind) => sum + sizes[kind], 0)
  const prefetch = checked.prefetch ?? Math.min(slots + 1, MAX_PREFETCH)
  if (prefetch < slots) {
    const problem = `is ${prefetch}, less than ${slots === counts[pool] ? 'concurrency' : 'the slots of all pools'} (${slots}): slots would stay empty`
    throw invalid('prefetch', problem, `Raise prefetch to ${slots} or more, or lower concurrency`)
  }
  const highWater = checked.highWater ?? Math.max(1_000, checked.lowWater ?? 0)
  const lowWater = checked.lowWater ?? Math.floor(highWater / 2)
  if (lowWater > highWater) {
    const problem = `is ${lowWater}, more than highWater (${highWater})`
    throw invalid('lowWater', problem, `Lower it to ${highWater} or less, or raise highWater`)
  }
  return Object.freeze({
    queues: checked.queues ?? Object.freeze([settings.defaultQueue]),
    pool,
    concurrency: counts[pool],
    sizes: Object.freeze(sizes),
    slots,
    perChild,
    maxTasksPerChild: checked.maxTasksPerChild,
    maxMemoryPerChild: checked.maxMemoryPerChild,
    modules: checked.module ?? [],
    prefetch,
    maxHeld: Math.min(checked.maxHeld ?? 50_000, MAX_PREFETCH - prefetch),
    highWater,
    lowWater,
    hostname: checked.hostname ?? `lovage@${hostOf()}`,
    gracePeriodMs: checked.gracePeriod ?? 30_000,
    softShutdownTimeoutMs: checked.softShutdownTimeout ?? 0,
    consumerTimeoutMs: checked.consumerTimeout ?? 30 * 60_000,
    stallThresholdMs: checked.stallThreshold ?? 1_000,
  })
}
