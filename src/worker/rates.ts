import type { RegisteredTask, Registry } from '../app/registry.ts'
import { checkRate } from '../app/task-options.ts'
import { LovageError } from '../base/errors.ts'

/** How often tasks may start, as they say themselves, or as the worker was told since. */
export class Rates {
  readonly #registry: Pick<Registry, 'get'>
  /** Starts a second; `Infinity`: any number. By name of task: none that is not registered. */
  readonly #told = new Map<string, number>()

  constructor(registry: Pick<Registry, 'get'>) {
    this.#registry = registry
  }

  /** Most starts a second; undefined: any number. */
  of(task: RegisteredTask): number | undefined {
    const told = this.#told.size > 0 ? this.#told.get(task.name) : undefined
    return told ?? task.options.rateLimitPerSecond
  }

  /**
   * Takes the place of the task's own; 0 or null: no limit.
   * @throws LovageError `TASK_UNKNOWN`, `OPTION_INVALID` for what is no rate
   */
  set(name: string, rate: string | number | null): void {
    if (!this.#registry.get(name)) throw new LovageError('TASK_UNKNOWN', { task: name })
    this.#told.set(name, checkRate(rate, `task ${name}`) ?? Infinity)
  }
}
