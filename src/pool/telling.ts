import type { CurrentTask } from '../app/current-task.ts'
import { contain, type HookEvents, type Hooks, type TaskEvent } from '../app/hooks.ts'
import type { RegisteredTask } from '../app/registry.ts'
import type { TaskHandlers } from '../app/task-class.ts'
import type { Clock } from '../base/clock.ts'
import type { Outcome } from '../protocol/outcome.ts'

/** What a function came to, before it was encoded. */
export interface Came {
  readonly result?: unknown
  readonly error?: unknown
}

/** Tells the hooks of the application, and the handlers of a task's class, of one run. */
export class Telling {
  readonly #hooks: Hooks | undefined
  readonly #handlers: TaskHandlers | undefined
  readonly #clock: Clock
  readonly #event: TaskEvent
  #isOver = false

  private constructor(
    hooks: Hooks | undefined,
    handlers: TaskHandlers | undefined,
    clock: Clock,
    { name, id, args, kwargs, retries }: CurrentTask,
  ) {
    this.#hooks = hooks
    this.#handlers = handlers
    this.#clock = clock
    this.#event = { task: name, id, args, kwargs, retries }
  }

  /** Undefined where nobody wants to be told. May throw what the constructor of the task's class throws. */
  static of(task: RegisteredTask, hooks: Hooks | undefined, clock: Clock, current: CurrentTask): Telling | undefined {
    const watching = hooks?.watchesRuns ? hooks : undefined
    if (!watching && !task.handlers) return undefined
    return new Telling(watching, task.handlers?.(), clock, current)
  }

  /** Before the run. Rejects with what the task's own `beforeStart` throws. */
  async begins(): Promise<void> {
    if (this.#hooks?.has('taskPrerun')) await this.#hooks.run('taskPrerun', this.#event)
    await this.#handlers?.beforeStart?.(this.#event)
  }

  /** After the run; the second time it does nothing. Never rejects. */
  async ended({ state, retry }: Outcome, { result, error }: Came): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    const event = this.#event
    if (state === 'SUCCESS') await this.#tell('onSuccess', 'taskSuccess', { ...event, result })
    else if (state === 'FAILURE') await this.#tell('onFailure', 'taskFailure', { ...event, error })
    else if (state === 'RETRY')
      await this.#tell('onRetry', 'taskRetry', { ...event, error, delayMs: retry?.delayMs ?? 0 })
    const came = state === 'SUCCESS' ? { result } : { error }
    await this.#tell('afterReturn', 'taskPostrun', { ...event, state, ...came })
  }

  async #tell<Name extends 'taskSuccess' | 'taskFailure' | 'taskRetry' | 'taskPostrun'>(
    method: Exclude<keyof TaskHandlers, 'beforeStart'>,
    hook: Name,
    event: HookEvents[Name],
  ): Promise<void> {
    const handlers = this.#handlers
    if (handlers?.[method]) {
      const { task, id } = this.#event
      const named = `${handlers.constructor.name}.${method}`
      await contain(this.#clock, { hook: named, task, id }, () => handlers[method]?.(event as never))
    }
    if (this.#hooks?.has(hook)) await this.#hooks.run(hook, event)
  }
}
