import { didYouMean, shown } from '../app/check.ts'
import { systemClock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { AsyncPool } from './async/async-pool.ts'
import { ChildPool } from './child/child-pool.ts'
import type { Pool, PoolKind, PoolOptions } from './pool.ts'
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
} as const satisfies Record<string, PoolKind>

/** Any name of a pool that {@link poolKind} understands. */
export type PoolName = keyof typeof KINDS

/**
 * The pool that a name means.
 * @throws LovageError `OPTION_INVALID` for a name that nobody knows
 */
export function poolKind(name: string, where = 'the worker'): PoolKind {
  if (Object.hasOwn(KINDS, name)) return KINDS[name as PoolName]
  const problem = `is ${shown(name)}, which is no pool`
  throw new LovageError('OPTION_INVALID', { option: 'pool', where, problem, fix: didYouMean(name, Object.keys(KINDS)) })
}

/** The pool of a kind, not started. */
export function openPool(kind: PoolKind, options: PoolOptions): Pool {
  if (kind !== 'async') return new ChildPool({ ...options, kind })
  const { stallMs, clock } = options
  // On virtual time nothing stalls.
  const isWatched = stallMs !== undefined && clock === systemClock
  return new AsyncPool(options, isWatched ? new StallWatch({ thresholdMs: stallMs, isFollowedLater: true }) : undefined)
}
