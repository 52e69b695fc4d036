import { hostname as hostOf } from 'node:os'
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
import type { Settings } from '../app/settings.ts'
import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { poolKind, type PoolName } from '../pool/open.ts'

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
  /** Most tasks at once, 1 to 65,534. Default 100 (pool `async`), or 1 where the pool is called `solo`. */
  readonly concurrency?: number
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
  readonly pool: 'async'
  readonly concurrency: number
  readonly prefetch: number
  readonly maxHeld: number
  readonly highWater: number
  readonly lowWater: number
  readonly hostname: string
  readonly gracePeriodMs: number
  readonly consumerTimeoutMs: number
  readonly stallThresholdMs: number
}

type Checked = {
  [Name in keyof WorkerOptions]-?: NonNullable<WorkerOptions[Name]> extends Duration ? number : unknown
} & {
  queues: readonly string[]
  pool: 'async'
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

const CHECKS: Checks<Checked> = {
  queues: queueNames,
  pool: (value) => poolKind(text(value), WHERE),
  concurrency: whole(1, MAX_PREFETCH - 1),
  prefetch: whole(1, MAX_PREFETCH),
  maxHeld: whole(0),
  highWater: whole(0, MAX_PREFETCH),
  lowWater: whole(0, MAX_PREFETCH),
  hostname: shortText,
  gracePeriod: duration,
  consumerTimeout: duration,
  stallThreshold: duration,
}

/**
 * Checks the options and fills in the defaults.
 * @throws LovageError `OPTION_INVALID`, `CAPABILITY_MISSING` for a pool that is not there yet
 */
export function resolveWorkerOptions(given: WorkerOptions, settings: Settings): ResolvedWorkerOptions {
  const invalid = (option: string, problem: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', { option, where: WHERE, problem, fix })
  if (typeof given !== 'object' || given === null) {
    throw invalid('options', `must be an object, and is ${shown(given)}`, "Write { queues: ['celery'] }")
  }
  const checked = checkAll(given, CHECKS, { unknown: (name, fix) => invalid(name, 'does not exist', fix), invalid })
  const concurrency = checked.concurrency ?? (given.pool === 'solo' ? 1 : 100)
  const prefetch = checked.prefetch ?? concurrency + 1
  if (prefetch < concurrency) {
    const problem = `is ${prefetch}, less than concurrency (${concurrency}): slots would stay empty`
    throw invalid('prefetch', problem, `Raise prefetch to ${concurrency} or more, or lower concurrency`)
  }
  const highWater = checked.highWater ?? Math.max(1_000, checked.lowWater ?? 0)
  const lowWater = checked.lowWater ?? Math.floor(highWater / 2)
  if (lowWater > highWater) {
    const problem = `is ${lowWater}, more than highWater (${highWater})`
    throw invalid('lowWater', problem, `Lower it to ${highWater} or less, or raise highWater`)
  }
  return Object.freeze({
    queues: checked.queues ?? Object.freeze([settings.defaultQueue]),
    pool: checked.pool ?? 'async',
    concurrency,
    prefetch,
    maxHeld: Math.min(checked.maxHeld ?? 50_000, MAX_PREFETCH - prefetch),
    highWater,
    lowWater,
    hostname: checked.hostname ?? `lovage@${hostOf()}`,
    gracePeriodMs: checked.gracePeriod ?? 30_000,
    consumerTimeoutMs: checked.consumerTimeout ?? 30 * 60_000,
    stallThresholdMs: checked.stallThreshold ?? 1_000,
  })
}
