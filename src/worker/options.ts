import { availableParallelism, hostname as hostOf } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertBroker } from '../app/capabilities.ts'
import {
  type Check,
  checkAll,
  type Checks,
  duration,
  flag,
  listOf,
  shortText,
  shown,
  text,
  Unfit,
  wait,
  whole,
} from '../app/check.ts'
import { queueName } from '../app/queue-options.ts'
import { type Queue, queueOf, queuesRead } from '../app/queues.ts'
import { Registry } from '../app/registry.ts'
import type { Settings } from '../app/settings.ts'
import { overDefaults } from '../app/worker-defaults.ts'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { poolKind, type PoolName } from '../pool/open.ts'
import type { PoolKind } from '../pool/pool.ts'
import { assertModules, poolsOf } from '../pool/pools.ts'
import type { AutoscaleRange } from './autoscale.ts'
import {
  CREDIT_CHECKS,
  type CreditOptions,
  MAX_PREFETCH,
  resolveCredit,
  type ResolvedCreditOptions,
} from './credit-options.ts'

/** What `worker(app, options)` takes. */
export interface WorkerOptions extends CreditOptions {
  /** Queues it reads; they are declared. Default: `queues` of the settings, or their `defaultQueue`, `['celery']`. */
  readonly queues?: readonly string[]
  /** Where task code runs; Celery's names of pools are understood. Default `'async'`. */
  readonly pool?: PoolName
  /**
   * Pool `async`: most tasks at once, 1 to 999,999; default 100, or 1 where the pool is called `solo`. Pools `threads` and
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
   * Between how many slots the worker's own pool is kept, which begins with `min` (default 1) in place of `concurrency`: it
   * grows at once where tasks wait for a slot, and shrinks to what it needs `keepalive` (default `'30s'`) after it last grew.
   */
  readonly autoscale?: { readonly max: number; readonly min?: number; readonly keepalive?: Duration }
  /** Start tasks as soon as there is a slot, whatever `rateLimit` their options name. Default false. */
  readonly disableRateLimits?: boolean
  /** Name of this worker node. Default `lovage@<name of the host>`. */
  readonly hostname?: string
  /** `timeLimit` of tasks that name none, where their call names none either. Default: none. */
  readonly timeLimit?: Duration
  /** `softTimeLimit` of tasks that name none, where their call names none either. Default: none. */
  readonly softTimeLimit?: Duration
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
   * Tell what happens to each task as Celery's events, for `celery events`, Flower and `lovage events`. It can be turned on
   * and off while the worker runs. Default false.
   */
  readonly events?: boolean
  /** Answer commands from afar: `lovage inspect`, `celery control`, Flower. Default true. */
  readonly remoteControl?: boolean
  /** Ask the other workers at the start which tasks are revoked. Default true. */
  readonly mingle?: boolean
  /** Let `pool_restart` from afar replace the processes or threads of the pools. Default false, Celery's. */
  readonly poolRestarts?: boolean
  /** How often the worker tells that it is alive, to whoever watches the fleet; 0: never. Default `'2s'`, Celery's. */
  readonly heartbeatInterval?: Duration
  /**
   * How long the event loop of the tasks may stand still before that is reported, with the task and the line that block it;
   * 0: never. Default `'1s'`.
   */
  readonly stallThreshold?: Duration
}

/** Options as everything reads them. */
export interface ResolvedWorkerOptions extends ResolvedCreditOptions {
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
  readonly autoscale: (AutoscaleRange & { readonly keepaliveMs: number }) | undefined
  readonly disableRateLimits: boolean
  readonly hostname: string
  readonly timeLimitMs: number | undefined
  readonly softTimeLimitMs: number | undefined
  readonly gracePeriodMs: number
  readonly softShutdownTimeoutMs: number
  readonly consumerTimeoutMs: number
  readonly stallThresholdMs: number
  readonly remoteControl: boolean
  readonly mingle: boolean
  readonly poolRestarts: boolean
  readonly events: boolean
  readonly heartbeatIntervalMs: number
}

type Checked = {
  [Name in keyof WorkerOptions]-?: NonNullable<WorkerOptions[Name]> extends Duration ? number : unknown
} & Required<CreditOptions> & {
    queues: readonly string[]
    autoscale: AutoscaleRange & { readonly keepaliveMs: number }
    disableRateLimits: boolean
    events: boolean
    remoteControl: boolean
    mingle: boolean
    poolRestarts: boolean
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
  const names = listOf(queueName, 1)(value)
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

const autoscaleRange: Check<AutoscaleRange & { readonly keepaliveMs: number }> = (value) => {
  if (typeof value !== 'object' || value === null || !('max' in value)) {
    throw new Unfit(`must be an object, and is ${shown(value)}`, 'Write { max: 10, min: 2 }')
  }
  const { max, min = 1, keepalive = '30s' } = value as NonNullable<WorkerOptions['autoscale']>
  const least = whole(1, MAX_PREFETCH - 1)(min)
  return { max: whole(least, MAX_PREFETCH - 1)(max), min: least, keepaliveMs: duration(keepalive) }
}

const CHECKS: Checks<Checked> = {
  queues: queueNames,
  pool: (value) => poolKind(text(value), WHERE),
  concurrency: whole(1, MAX_PREFETCH - 1),
  pools: poolSizes,
  perChild: whole(1, MAX_PREFETCH - 1),
  maxTasksPerChild: whole(1),
  maxMemoryPerChild: whole(1),
  module: modulePaths,
  ...CREDIT_CHECKS,
  autoscale: autoscaleRange,
  disableRateLimits: flag,
  hostname: shortText,
  timeLimit: wait,
  softTimeLimit: wait,
  gracePeriod: duration,
  softShutdownTimeout: duration,
  consumerTimeout: duration,
  stallThreshold: duration,
  events: flag,
  remoteControl: flag,
  mingle: flag,
  poolRestarts: flag,
  heartbeatInterval: duration,
}

/** @throws LovageError `CAPABILITY_MISSING` */
function checkReader({ name, consumerArguments }: Queue, settings: Settings): void {
  if (!consumerArguments) return
  assertBroker('consumerArguments', settings, `Queue ${name}, with consumerArguments,`, 'Leave them out')
}

/**
 * Checks the options and fills in the defaults.
 * @throws LovageError `OPTION_INVALID`, `QUEUE_UNKNOWN`, `CAPABILITY_MISSING`
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
  const all = overDefaults(given, settings.worker)
  const checked = checkAll(all, CHECKS, { unknown: (name, fix) => invalid(name, 'does not exist', fix), invalid })
  const { pool = 'async', pools = {}, perChild = 1 } = checked
  const cores = availableParallelism()
  const counts = { async: all.pool === 'solo' ? 1 : 100, threads: cores, processes: cores, ...pools }
  if (checked.concurrency !== undefined) counts[pool] = checked.concurrency
  if (checked.autoscale) {
    if (checked.concurrency !== undefined) {
      throw invalid('concurrency', 'cannot stand beside autoscale', 'Leave one of the two out')
    }
    counts[pool] = checked.autoscale.min
  }
  const sizes = { async: counts.async, threads: counts.threads * perChild, processes: counts.processes * perChild }
  const kinds = poolsOf(pool, registry)
  assertModules(kinds, checked.module)
  const slots = kinds.reduce((sum, kind) => sum + sizes[kind], 0)
  const what = slots === counts[pool] ? 'concurrency' : 'the slots of all pools'
  const credit = resolveCredit(checked, { slots, what }, invalid)
  const { timeLimit = Infinity, softTimeLimit = 0 } = checked
  if (softTimeLimit >= timeLimit) {
    throw invalid('softTimeLimit', 'is not shorter than timeLimit', 'Make softTimeLimit the shorter one')
  }
  const queues = checked.queues ?? Object.freeze(queuesRead(settings))
  for (const name of queues) checkReader(queueOf(settings, name, WHERE), settings)
  return Object.freeze({
    queues,
    pool,
    concurrency: counts[pool],
    sizes: Object.freeze(sizes),
    slots,
    perChild,
    maxTasksPerChild: checked.maxTasksPerChild,
    maxMemoryPerChild: checked.maxMemoryPerChild,
    modules: checked.module ?? [],
    ...credit,
    autoscale: checked.autoscale,
    disableRateLimits: checked.disableRateLimits ?? false,
    hostname: checked.hostname ?? `lovage@${hostOf()}`,
    timeLimitMs: checked.timeLimit,
    softTimeLimitMs: checked.softTimeLimit,
    gracePeriodMs: checked.gracePeriod ?? 30_000,
    softShutdownTimeoutMs: checked.softShutdownTimeout ?? 0,
    consumerTimeoutMs: checked.consumerTimeout ?? 30 * 60_000,
    stallThresholdMs: checked.stallThreshold ?? 1_000,
    remoteControl: checked.remoteControl ?? true,
    mingle: checked.mingle ?? true,
    poolRestarts: checked.poolRestarts ?? false,
    events: checked.events ?? false,
    heartbeatIntervalMs: checked.heartbeatInterval ?? 2_000,
  })
}
