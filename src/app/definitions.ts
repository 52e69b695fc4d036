import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LovageError } from '../base/errors.ts'
import { boundsOf, placing } from './arguments.ts'
import { assertStore } from './capabilities.ts'
import { shown } from './check.ts'
import { sendable, type Sendable } from './outgoing.ts'
import type { RegisteredTask } from './registry.ts'
import type { Sends } from './send.ts'
import type { Settings } from './settings.ts'
import type { RemoteTask } from './task.ts'
import { partials } from './partials.ts'
import { resolveStreamOptions } from './stream-options.ts'
import { isStream, isStreaming, runStream, type StreamTask } from './stream-run.ts'
import { runnableOf } from './task-class.ts'
import { resolveTaskOptions, type TaskOptions } from './task-options.ts'

type Kwargs = Readonly<Record<string, unknown>>

/**
 * A task of a function or class of this process: what is registered, and what the user holds.
 * @throws LovageError `OPTION_INVALID`
 */
export function localTask(
  name: string,
  options: unknown,
  given: unknown,
  settings: Settings,
  sender: Sends,
): { registered: RegisteredTask; task: RemoteTask } {
  nameOf(name)
  const { params, input, stream, ...own } = definitionOptions(name, options)
  const { fn, run, handlers } = runnableOf(name, given)
  if (isStreaming(fn)) assertStore(settings, `Task ${name}, which yields parts,`)
  const place = placing(name, { fn, params, input })
  const resolved = resolveTaskOptions(name, own, settings)
  const streaming: StreamTask = {
    name,
    options: resolveStreamOptions(name, stream),
    isAbandonable: resolved.abandonable,
    types: settings.jsonTypes,
  }
  const begin = (placed: readonly unknown[]): unknown => {
    const value = run(...placed)
    return isStream(value) ? runStream(streaming, value, sender.stream) : value
  }
  const registered: RegisteredTask = {
    name,
    options: resolved,
    params,
    input,
    arity: input ? 1 : (params?.length ?? boundsOf(fn).most),
    call(args, kwargs) {
      const placed = place(args, kwargs)
      return placed instanceof Promise ? placed.then(begin) : begin(placed)
    },
    check(args, kwargs) {
      const placed = place(args, kwargs)
      return placed instanceof Promise ? placed.then(() => undefined) : undefined
    },
    handlers,
  }
  const send = sendable(name, registered.options, settings, (args, kwargs) => registered.check(args, kwargs))
  const here = input
    ? async (given: unknown) => registered.call([], given as Kwargs)
    : (...args: readonly unknown[]) => run(...args)
  return { registered, task: callable(here, send, sender, input !== undefined) }
}

/** A task that is defined elsewhere. */
export function remoteTask(name: string, options: TaskOptions, settings: Settings, sender: Sends): RemoteTask {
  nameOf(name)
  const here = (): never => {
    throw new LovageError('TASK_LOCAL_MISSING', { task: name })
  }
  const send = sendable(name, resolveTaskOptions(name, options, settings), settings)
  return callable(here, send, sender, false)
}

/** The function with `name`, `delay` and `applyAsync`. `isInput`: its one argument travels as named arguments. */
function callable(here: (...args: never[]) => unknown, task: Sendable, sender: Sends, isInput: boolean): RemoteTask {
  const applyAsync = (args: readonly unknown[], options?: object): unknown => {
    if (!isInput || args.length === 0) return sender.send(task, args, undefined, options)
    const [given, ...rest] = args
    // What is no object is left where it stands, for the check of the arguments to tell of it.
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
    return isObject ? sender.send(task, rest, given as Kwargs, options) : sender.send(task, args, undefined, options)
  }
  const delay = (...args: readonly unknown[]): unknown => applyAsync(args)
  Object.defineProperty(here, 'name', { value: task.name })
  const canvas = partials(task, sender, isInput)
  return Object.assign(here, { delay, applyAsync, ...canvas }) as unknown as RemoteTask
}

interface DefinitionOptions extends TaskOptions {
  readonly params?: readonly string[]
  readonly input?: StandardSchemaV1
  readonly stream?: unknown
}

function definitionOptions(name: string, options: unknown): DefinitionOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(name, 'options', `must be an object, and is ${shown(options)}`, "Write { queue: 'images' }")
  }
  const { params, input } = options as { params?: unknown; input?: unknown }
  if (params !== undefined && input !== undefined) {
    throw invalid(name, 'params', 'cannot stand beside input', 'Give one of the two')
  }
  if (params !== undefined) checkParams(name, params)
  if (input !== undefined && !isSchema(input)) {
    const fix = 'Give a schema of zod, valibot, arktype or another that has a ~standard member'
    throw invalid(name, 'input', `must be a Standard Schema, and is ${shown(input)}`, fix)
  }
  return options
}

function checkParams(name: string, params: unknown): void {
  const fix = "Write the names of the parameters in order: params: ['x', 'y?']"
  if (!Array.isArray(params)) throw invalid(name, 'params', `must be a list, and is ${shown(params)}`, fix)
  const seen = new Set<string>()
  for (const param of params as unknown[]) {
    if (typeof param !== 'string' || !/^[^\s?]+\??$/.test(param)) {
      throw invalid(name, 'params', `has ${shown(param)}, which is no name`, fix)
    }
    const bare = param.replace(/\?$/, '')
    if (seen.has(bare)) throw invalid(name, 'params', `has ${bare} twice`, fix)
    seen.add(bare)
  }
}

function isSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || !('~standard' in value))
    return false
  const standard = value['~standard'] as { validate?: unknown } | undefined
  return typeof standard?.validate === 'function'
}

function nameOf(name: unknown): void {
  if (typeof name === 'string' && name !== '') return
  throw invalid(shown(name), 'name', 'must be a text that is not empty', "Write app.task('shop.add', ...)")
}

function invalid(task: string, option: string, problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option, where: `task ${task}`, problem, fix })
}
