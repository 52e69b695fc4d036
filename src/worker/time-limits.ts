import type { RegisteredTask, Registry } from '../app/registry.ts'
import { LovageError } from '../base/errors.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { Work } from './work.ts'

/** Milliseconds; undefined: none. */
export interface Limits {
  readonly timeLimitMs: number | undefined
  readonly softTimeLimitMs: number | undefined
}

type Told = readonly [hardMs: number | undefined, softMs: number | undefined]

/** How long tasks may take: as their messages or they themselves say, as the worker was told since, or as its options say. */
export class TimeLimits {
  readonly #registry: Pick<Registry, 'get'>
  readonly #options: Limits
  /** By name of task: none that is not registered. */
  readonly #told = new Map<string, Told>()

  constructor(registry: Pick<Registry, 'get'>, options: Limits) {
    this.#registry = registry
    this.#options = options
  }

  /**
   * Takes the place of the task's own.
   * @throws LovageError `TASK_UNKNOWN`, `OPTION_INVALID` for limits of which the soft one is no shorter
   */
  set(name: string, { timeLimitMs, softTimeLimitMs }: Limits): void {
    if (!this.#registry.get(name)) throw new LovageError('TASK_UNKNOWN', { task: name })
    if (timeLimitMs !== undefined && softTimeLimitMs !== undefined && softTimeLimitMs >= timeLimitMs) {
      const problem = 'is not shorter than the hard one'
      const fix = 'Make the soft limit the shorter one'
      throw new LovageError('OPTION_INVALID', { option: 'softTimeLimit', where: `task ${name}`, problem, fix })
    }
    this.#told.set(name, [timeLimitMs, softTimeLimitMs])
  }

  /** Those of a task itself, as the worker was told since, or as it was defined with. */
  ofTask({ name, options }: RegisteredTask): Limits {
    const told = this.#told.get(name)
    return told ? { timeLimitMs: told[0], softTimeLimitMs: told[1] } : options
  }

  /** The limits of a run in seconds, hard first; undefined: those of its message and its task stand. */
  of({ request, task }: Work): TaskRequest['timelimit'] | undefined {
    const { timeLimitMs, softTimeLimitMs } = this.#options
    const told = this.#told.size > 0 ? this.#told.get(request.task) : undefined
    if (!told && timeLimitMs === undefined && softTimeLimitMs === undefined) return undefined
    const own = [task?.options.timeLimitMs, task?.options.softTimeLimitMs] as const
    const [hardMs, softMs] = told ?? own
    const [hard, soft] = request.timelimit.map((seconds, at) =>
      // Who sends a task writes the task's own limits into the message: that is no wish of the call.
      told && seconds !== null && seconds * 1000 === own[at] ? null : seconds,
    )
    return [hard ?? secondsOf(hardMs ?? timeLimitMs), soft ?? secondsOf(softMs ?? softTimeLimitMs)]
  }
}

function secondsOf(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000
}
