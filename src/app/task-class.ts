import { LovageError } from '../base/errors.ts'
import type { TaskFunction } from './arguments.ts'
import { shown } from './check.ts'
import type { HookEvents, TaskEvent } from './hooks.ts'

/**
 * What a class of a task may have beside `run`, as Celery's `Task` does. Promises are awaited. What `beforeStart` throws is
 * thrown by the task; what the others throw is logged, and changes nothing.
 */
export interface TaskHandlers {
  /** Before `run`. */
  beforeStart?(event: TaskEvent): unknown
  onSuccess?(event: HookEvents['taskSuccess']): unknown
  onFailure?(event: HookEvents['taskFailure']): unknown
  onRetry?(event: HookEvents['taskRetry']): unknown
  /** After `run`, however it ended. */
  afterReturn?(event: HookEvents['taskPostrun']): unknown
}

/** An object that can be a task. */
export interface TaskObject extends TaskHandlers {
  run: TaskFunction
}

/** A class whose one object in each process, or each child of a pool, is a task. */
export type TaskClass<Instance extends TaskObject> = new () => Instance

/** What is run for a task. */
export interface Runnable {
  /** Its parameters are those of the task. */
  readonly fn: TaskFunction
  readonly run: (...args: readonly unknown[]) => unknown
  /** The object of the class that has handlers; undefined where there are none. */
  readonly handlers: (() => TaskHandlers) | undefined
}

const HANDLERS = ['beforeStart', 'onSuccess', 'onFailure', 'onRetry', 'afterReturn'] as const

/**
 * What is run for the function or the class that a task is defined with. The object of a class is made when it is first
 * needed: who only sends tasks needs none.
 * @throws LovageError `OPTION_INVALID`
 */
export function runnableOf(task: string, given: unknown): Runnable {
  const invalid = (problem: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', { option: 'fn', where: `task ${task}`, problem, fix })
  if (typeof given !== 'function') {
    throw invalid(`must be a function, and is ${shown(given)}`, "Write app.task('add', (x, y) => x + y)")
  }
  const prototype = given.prototype as Partial<TaskObject> | undefined
  if (typeof prototype?.run !== 'function') {
    if (!/^class\b/.test(Function.prototype.toString.call(given))) {
      return { fn: given as TaskFunction, run: given as TaskFunction, handlers: undefined }
    }
    throw invalid('is a class without a method run', 'Write class Add { run(x, y) { return x + y } }')
  }
  let made: TaskObject | undefined
  const object = (): TaskObject => (made ??= new (given as TaskClass<TaskObject>)())
  return {
    fn: prototype.run,
    run: (...args) => object().run(...args),
    handlers: HANDLERS.some((name) => typeof prototype[name] === 'function') ? object : undefined,
  }
}
