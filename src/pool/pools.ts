import type { Registry } from '../app/registry.ts'
import { LovageError } from '../base/errors.ts'
import type { Service } from '../base/service.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { openPool } from './open.ts'
import type { Job, JobReport, Pool, PoolKind, PoolOptions } from './pool.ts'

/** How {@link Pools} are made. */
export interface PoolsOptions extends Omit<PoolOptions, 'size'> {
  /** Where tasks run that name no pool. */
  readonly kind: PoolKind
  /** Most jobs at once of each pool there may be. */
  readonly sizes: Readonly<Record<PoolKind, number>>
}

/** The pools of one worker: the one of its own, and those that tasks ask for. */
export class Pools implements Service {
  /** The worker's own first. */
  readonly all: readonly Pool[]
  readonly #options: PoolsOptions
  readonly #byKind = new Map<PoolKind, Pool>()

  /** @throws LovageError `OPTION_INVALID` where a pool of children has no modules to load */
  constructor({ kind, sizes, ...options }: PoolsOptions) {
    this.#options = { kind, sizes, ...options }
    const kinds = poolsOf(kind, options.app.registry)
    assertModules(kinds, options.modules)
    for (const needed of kinds) {
      this.#byKind.set(needed, openPool(needed, { ...options, size: sizes[needed] }))
    }
    this.all = [...this.#byKind.values()]
  }

  /** Where a task of that name runs. */
  poolFor(task: string): Pool {
    const { app, kind } = this.#options
    const asked = app.registry.get(task)?.options.pool ?? kind
    // One that was defined after the start may ask for a pool that is not there.
    return this.#byKind.get(asked) ?? (this.#byKind.get(kind) as Pool)
  }

  /** Jobs that run now, in all pools. */
  get running(): number {
    return sum(this.all, 'running')
  }

  /** Most jobs at once, in all pools. */
  get size(): number {
    return sum(this.all, 'size')
  }

  /** @see Pool.abandoned */
  get abandoned(): number {
    return sum(this.all, 'abandoned')
  }

  async start(): Promise<void> {
    try {
      await Promise.all(this.all.map((pool) => pool.start()))
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((pool) => pool.stop()))
  }

  /** @see Pool.run */
  run(job: Job, report: JobReport): Promise<Outcome> {
    return this.poolFor(job.request.task).run(job, report)
  }

  /** @see Pool.abort */
  abort(job: Job, reason: Error): boolean {
    return this.poolFor(job.request.task).abort(job, reason)
  }

  /** @see Pool.end */
  end(job: Job, outcome: Outcome, reason: Error): boolean {
    return this.poolFor(job.request.task).end(job, outcome, reason)
  }
}

/** The pools that a worker needs: its own, and those that its tasks ask for. */
export function poolsOf(own: PoolKind, registry: Pick<Registry, 'get' | 'names'>): readonly PoolKind[] {
  const asked = registry.names().flatMap((name) => registry.get(name)?.options.pool ?? [])
  return [...new Set([own, ...asked])]
}

function sum(pools: readonly Pool[], what: 'running' | 'size' | 'abandoned'): number {
  return pools.reduce((total, pool) => total + pool[what], 0)
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
