import { types } from 'node:util'
import { isLovageError, messageOf } from '../base/errors.ts'
import { argsRepr, pythonRepr } from './python-repr.ts'
import { isRecord } from './signature.ts'

/** An exception as Celery writes it into results. The message of an error of ours is always the first argument. */
export interface Failure {
  /** Name of the class, `ValueError` or `Outer.Inner`. */
  readonly exc_type: string
  /** The arguments of the exception. */
  readonly exc_message: readonly unknown[]
  /** Python module of the class; `builtins` revives as Python's own, an unknown one as a class made for it. */
  readonly exc_module: string
}

/** The module of errors that have no class in Python. */
const OUR_MODULE = 'lovage'

/** What JavaScript's own errors are in Python. */
const PYTHON_NAMES: ReadonlyMap<string, string> = new Map([
  ['RangeError', 'ValueError'],
  ['ReferenceError', 'NameError'],
  ['URIError', 'ValueError'],
  ['AggregateError', 'Exception'],
])

/** Python's own exceptions that can be made from one text; an error that bears such a name is meant as that. */
const BUILTINS: ReadonlySet<string> = new Set([
  ...['ArithmeticError', 'AssertionError', 'AttributeError', 'BufferError', 'ConnectionError', 'EOFError', 'Exception'],
  ...['FileExistsError', 'FileNotFoundError', 'FloatingPointError', 'ImportError', 'IndexError', 'InterruptedError'],
  ...['KeyError', 'LookupError', 'MemoryError', 'ModuleNotFoundError', 'NameError', 'NotADirectoryError'],
  ...['NotImplementedError', 'OSError', 'OverflowError', 'PermissionError', 'RecursionError'],
  ...['RuntimeError', 'SyntaxError', 'TimeoutError', 'TypeError', 'ValueError', 'ZeroDivisionError'],
])

/** Longest message of a failure: a result that is too large to be sent would be no result. */
const MAX_MESSAGE = 100_000

/** Causes of causes that a traceback shows. */
const MAX_CAUSES = 8

/**
 * What was thrown, as Celery writes exceptions. JavaScript's own errors become Python's (`RangeError` is a `ValueError`),
 * errors named like Python's own are those, all others are classes of module `lovage`. A {@link TaskError} stays what it
 * was where it came from; a LovageError has its code as second argument. Never throws.
 */
export function failureOf(thrown: unknown): Failure {
  if (attempt(() => thrown instanceof TaskError) === true) return (thrown as TaskError).failure
  const message = cut(attempt(() => String(textOf(thrown))) ?? '')
  if (attempt(() => isLovageError(thrown)) === true) {
    return {
      exc_type: 'LovageError',
      exc_message: [message, (thrown as { code: string }).code],
      exc_module: OUR_MODULE,
    }
  }
  const name = nameOf(thrown)
  const pythonName = PYTHON_NAMES.get(name) ?? name
  return {
    exc_type: pythonName,
    exc_message: [message],
    exc_module: BUILTINS.has(pythonName) ? 'builtins' : OUR_MODULE,
  }
}

/** The stack of what was thrown and of its causes, as free text, or null where there is none. Never throws. */
export function tracebackOf(thrown: unknown): string | null {
  const parts: string[] = []
  let error = thrown
  while (parts.length < MAX_CAUSES && typeof error === 'object' && error !== null) {
    const { stack, cause } = stackOf(error)
    if (typeof stack !== 'string') break
    parts.push(stack)
    error = cause
  }
  return parts.length === 0 ? null : cut(parts.join('\ncaused by: '))
}

function stackOf(error: object): { stack?: unknown; cause?: unknown } {
  return attempt(() => ({ stack: (error as Error).stack, cause: (error as Error).cause })) ?? {}
}

function textOf(thrown: unknown): string {
  if (types.isNativeError(thrown)) return messageOf(thrown)
  if (typeof thrown === 'object' && thrown !== null) {
    return 'message' in thrown && typeof thrown.message === 'string' ? thrown.message : pythonRepr(thrown)
  }
  return typeof thrown === 'function' ? `function ${thrown.name}` : String(thrown)
}

function nameOf(thrown: unknown): string {
  const given = attempt(() => {
    if (typeof thrown !== 'object' || thrown === null) return 'Error'
    const name: unknown = 'name' in thrown ? thrown.name : undefined
    // A class that extends Error and sets no name of its own.
    return name === 'Error' || typeof name !== 'string' ? thrown.constructor.name : name
  })
  return given !== undefined && /^[\w$.]{1,200}$/.test(given) && given !== 'Object' ? given : 'Error'
}

function cut(text: string): string {
  return text.length <= MAX_MESSAGE ? text : `${text.slice(0, MAX_MESSAGE)}... (${text.length} characters)`
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/**
 * Reads an encoded exception out of a result, whatever it looks like. A text in place of the list of arguments is the one
 * argument, as Celery has it; what is no encoded exception at all is a `builtins.Exception` with its repr.
 */
export function readFailure(value: unknown): Failure {
  if (!isRecord(value) || typeof value.exc_type !== 'string' || value.exc_type === '') {
    return { exc_type: 'Exception', exc_message: [pythonRepr(value)], exc_module: 'builtins' }
  }
  const { exc_type: excType, exc_message: args, exc_module: excModule } = value
  return {
    exc_type: excType,
    exc_message: Array.isArray(args) ? args : args === undefined || args === null ? [] : [args],
    exc_module: typeof excModule === 'string' ? excModule : '',
  }
}

/** What of the task is told with its error. */
export interface FailureContext {
  readonly id: string
  readonly task?: string | undefined
  readonly traceback?: string | null | undefined
}

/** A task failed. Thrown to whoever waits for its result, wherever the task ran. */
export class TaskError extends Error {
  /** The exception's class there: `ValueError`, say. Also the `name` of this error. */
  readonly excType: string
  /** Its module there: `builtins`, say. */
  readonly excModule: string
  /** Its arguments; the first is the message. */
  readonly excArgs: readonly unknown[]
  readonly taskId: string
  /** Name of the task, where it is known. */
  readonly task: string | undefined
  /** The traceback or stack from where the task ran, as text. */
  readonly traceback: string | null
  /** As it was in the result. */
  readonly failure: Failure

  constructor(failure: Failure, context: FailureContext) {
    super(failureText(failure))
    this.name = failure.exc_type
    this.excType = failure.exc_type
    this.excModule = failure.exc_module
    this.excArgs = failure.exc_message
    this.taskId = context.id
    this.task = context.task
    this.traceback = context.traceback ?? null
    this.failure = failure
  }
}

/** The error for whoever waits for the result of a task that failed. */
export function reviveFailure(failure: Failure, context: FailureContext): TaskError {
  return new TaskError(failure, context)
}

/** The text of the exception, as Python's `str()` gives it: its one argument, or all of them as a tuple. */
export function failureText({ exc_type: excType, exc_message: args, exc_module: excModule }: Failure): string {
  // Of an error of ours the rest is for programs.
  const shown = excModule === OUR_MODULE && excType === 'LovageError' ? args.slice(0, 1) : args
  if (shown.length === 0) return ''
  if (shown.length > 1) return argsRepr(shown)
  return typeof shown[0] === 'string' ? shown[0] : pythonRepr(shown[0])
}

/** The exception as Python's `repr()` gives it: `ValueError('no such value')`. */
export function failureRepr({ exc_type: excType, exc_message: args }: Failure): string {
  // Of one argument: a tuple of one has a comma more.
  return excType + (args.length === 1 ? `(${pythonRepr(args[0])})` : argsRepr(args))
}

const CELERY = 'celery.exceptions'
const BILLIARD = 'billiard.exceptions'

/** The soft time limit was reached and the task did not handle it. */
export function softTimeLimitExceeded(): Failure {
  return { exc_type: 'SoftTimeLimitExceeded', exc_message: [], exc_module: BILLIARD }
}

/** The hard time limit, in seconds, was reached. */
export function timeLimitExceeded(seconds: number): Failure {
  return { exc_type: 'TimeLimitExceeded', exc_message: [seconds], exc_module: BILLIARD }
}

/** What ran the task died. */
export function workerLostError(message: string): Failure {
  return { exc_type: 'WorkerLostError', exc_message: [message], exc_module: BILLIARD }
}

/** No such task in the worker. */
export function notRegistered(task: string): Failure {
  return { exc_type: 'NotRegistered', exc_message: [task], exc_module: CELERY }
}

/** The task was given up before it was done. */
export function taskRevokedError(reason: 'revoked' | 'expired' | 'terminated' | 'abandoned'): Failure {
  return { exc_type: 'TaskRevokedError', exc_message: [reason], exc_module: CELERY }
}

/** The task asked for one retry too many and gave no error of its own. */
export function maxRetriesExceededError(request: {
  task: string
  id: string
  argsrepr: string
  kwargsrepr: string
}): Failure {
  const { task, id, argsrepr, kwargsrepr } = request
  const message = `Can't retry ${task}[${id}] args:${argsrepr} kwargs:${kwargsrepr}`
  return { exc_type: 'MaxRetriesExceededError', exc_message: [message], exc_module: CELERY }
}

/** The result cannot be written. */
export function encodeError(message: string): Failure {
  return { exc_type: 'EncodeError', exc_message: [message], exc_module: 'kombu.exceptions' }
}
