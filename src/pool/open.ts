import { didYouMean, shown } from '../app/check.ts'
import { systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { AsyncPool, type AsyncPoolOptions } from './async/async-pool.ts'
import type { Pool } from './pool.ts'
import { StallWatch } from './stall-watch.ts'

/**
 * Names of pools. Celery's are understood: what it runs on one loop (`gevent`, `eventlet`, `solo`, and `asyncio` of
 * celery-pool-asyncio) is `async` here, its `prefork` is `processes`.
 */
const KINDS = {
  async: 'async',
  threads: 'threads',
  processes: 'processes',
  gevent: 'async',
  eventlet: 'async',
  solo: 'async',
  asyncio: 'async',
  prefork: 'processes',
} as const satisfies Record<string, Pool['kind']>

/** Any name of a pool that {@link poolKind} understands. */
export type PoolName = keyof typeof KINDS

/**
 * The pool that a name means.
 * @throws LovageError `OPTION_INVALID` for a name that nobody knows, `CAPABILITY_MISSING` for a pool that is not there yet
 */
export function poolKind(name: string, where = 'the worker'): 'async' {
  if (!Object.hasOwn(KINDS, name)) {
    const fix = didYouMean(name, Object.keys(KINDS))
    throw new LovageError('OPTION_INVALID', {
      option: 'pool',
      where,
      problem: `is ${shown(name)}, which is no pool`,
      fix,
    })
  }
  const kind = KINDS[name as PoolName]
  if (kind === 'async') return kind
  const needs = kind === 'threads' ? 'worker threads' : 'child processes'
  const what = name === kind ? `Pool ${kind}` : `Pool ${name} (${kind})`
  throw new LovageError('CAPABILITY_MISSING', { what, needs, kind: 'this version', fix: 'Use pool async (-P async)' })
}

/** What every kind of pool is told. */
export interface PoolOptions extends Omit<AsyncPoolOptions, 'watch'> {
  /** Default `async`. */
  readonly kind?: PoolName
  /** How long the event loop of the tasks may stand still before that is reported; 0: never. Default: it is not watched. */
  readonly stallMs?: number
}

/**
 * The pool of a kind, not started.
 * @throws LovageError as {@link poolKind} does
 */
export function openPool({ kind = 'async', stallMs, ...options }: PoolOptions): Pool {
  poolKind(kind)
  // On virtual time nothing stalls.
  const isWatched = stallMs !== undefined && options.clock === systemClock
  return new AsyncPool({ ...options, watch: isWatched ? new StallWatch({ thresholdMs: stallMs }) : undefined })
}
