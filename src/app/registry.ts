import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LovageError } from '../base/errors.ts'
import type { TaskHandlers } from './task-class.ts'
import type { ResolvedTaskOptions } from './task-options.ts'

/** A task that can run here. */
export interface RegisteredTask {
  readonly name: string
  readonly options: ResolvedTaskOptions
  /** Names of the parameters in order, `'y?'` may be left out; undefined where the task does not tell. */
  readonly params?: readonly string[] | undefined
  /** Most arguments by position; `Infinity` where it takes any number, or cannot be told. Default 1. */
  readonly arity?: number
  /** What checks the one object that the task takes. */
  readonly input?: StandardSchemaV1 | undefined
  /**
   * Brings the arguments to their places, checks them, and calls the function: its value, or a promise of it.
   * @throws LovageError `ARGUMENTS_INVALID`, at once or as a rejection
   */
  call(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): unknown
  /** As `call`, without the call: whether the arguments fit. */
  check(args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>): void | Promise<void>
  /** The object of a task's class, where that wants to be told of its runs. */
  readonly handlers?: (() => TaskHandlers) | undefined
}

/** The tasks of an application, by name. */
export class Registry {
  readonly #tasks = new Map<string, RegisteredTask>()
  readonly #builtIn: ReadonlyMap<string, RegisteredTask>

  /** `builtIn` are there in each application, and in no list of its tasks. */
  constructor(builtIn: ReadonlyMap<string, RegisteredTask> = new Map()) {
    this.#builtIn = builtIn
  }

  /** @throws LovageError `TASK_DUPLICATE` */
  add(task: RegisteredTask): void {
    if (this.#tasks.has(task.name)) throw new LovageError('TASK_DUPLICATE', { task: task.name })
    this.#tasks.set(task.name, task)
  }

  get(name: string): RegisteredTask | undefined {
    return this.#tasks.get(name) ?? this.#builtIn.get(name)
  }

  /** In the order of definition. */
  names(): string[] {
    return [...this.#tasks.keys()]
  }
}
