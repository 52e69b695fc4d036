import type { Registry } from '../app/registry.ts'
import { LovageError } from '../base/errors.ts'
import { openPool } from './open.ts'
import type { Pool, PoolKind, PoolOptions } from './pool.ts'

/** How the pools of a worker are made. */
export interface PoolsOptions extends Omit<PoolOptions, 'size'> {
  /** Where tasks run that name no pool. */
  readonly kind: PoolKind
  /** Most jobs at once of each pool there may be. */
  readonly sizes: Readonly<Record<PoolKind, number>>
}

/**
 * The pools of one worker, not started: the one of its own first, then those that its tasks ask for.
 * @throws LovageError `OPTION_INVALID` where a pool of children has no modules to load
 */
export function openPools({ kind, sizes, ...options }: PoolsOptions): [Pool, ...Pool[]] {
  const kinds = poolsOf(kind, options.app.registry)
  assertModules(kinds, options.modules)
  const [own, ...others] = kinds.map((needed) => openPool(needed, { ...options, size: sizes[needed] }))
  return [own as Pool, ...others]
}

/** The pools that a worker needs: its own first, then those that its tasks ask for. */
export function poolsOf(own: PoolKind, registry: Pick<Registry, 'get' | 'names'>): readonly PoolKind[] {
  const asked = registry.names().flatMap((name) => registry.get(name)?.options.pool ?? [])
  return [...new Set([own, ...asked])]
}

/**
 * Refuses pools of children that would not know what to load.
 * @throws LovageError `OPTION_INVALID`
 */
export function assertModules(kinds: readonly PoolKind[], modules: readonly string[] = []): void {
  const kind = kinds.find((one) => one !== 'async')
  if (kind === undefined || modules.length > 0) return
  const problem = `is missing: pool ${kind} must know what its ${kind} load`
  const fix = 'Write module: import.meta.url where app and tasks are defined, or name the modules that define them'
  throw new LovageError('OPTION_INVALID', { option: 'module', where: 'the worker', problem, fix })
}
