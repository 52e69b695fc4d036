import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LovageError } from '../base/errors.ts'
import { didYouMean } from './check.ts'

/** Any function that can be a task. */
export type TaskFunction = (...args: any[]) => unknown

/** How the arguments of a message reach the function. */
export interface Taking {
  readonly fn: TaskFunction
  /** Names of the positions, for arguments that come by name. `'y?'` may be left out. */
  readonly params?: readonly string[] | undefined
  /** Takes one object, which comes as named arguments and is checked by this. */
  readonly input?: StandardSchemaV1 | undefined
}

/** Brings arguments to the positions of the function. Throws `ARGUMENTS_INVALID`; a promise where the schema is asynchronous. */
export type Placing = (
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
) => readonly unknown[] | Promise<readonly unknown[]>

/** Makes the {@link Placing} of a task once, so that a call costs little. */
export function placing(task: string, { fn, params, input }: Taking): Placing {
  if (input) return (args, kwargs) => placeInput(task, input, args, kwargs)
  const names = params?.map((name) => name.replace(/\?$/, ''))
  const optional = new Set(params?.flatMap((name, index) => (name.endsWith('?') ? [index] : [])))
  const bounds = boundsOf(fn)
  const most = names?.length ?? bounds.most
  const needed = [...Array(bounds.least).keys()].filter((index) => !optional.has(index))
  const takes = countText(needed.length, most, names)
  return (args, kwargs) => {
    const given = Object.keys(kwargs)
    const placed = given.length === 0 ? args : placeNamed(task, names, args, kwargs, given)
    if (placed.length > most) throw invalid(task, `it takes ${takes}, and got ${placed.length}`)
    for (const index of needed) {
      if (index < placed.length && placed[index] !== MISSING) continue
      const which = names ? `${names[index]} is missing` : `got ${placed.length}`
      throw invalid(task, `it takes ${takes}, and ${which}`)
    }
    return placed.includes(MISSING) ? placed.map((value) => (value === MISSING ? undefined : value)) : placed
  }
}

const MISSING = Symbol('missing')

function placeNamed(
  task: string,
  names: readonly string[] | undefined,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  given: readonly string[],
): readonly unknown[] {
  if (!names) {
    throw invalid(
      task,
      `it takes no named arguments, and got ${given.join(', ')}; declare params: ['...'] to take them`,
    )
  }
  const placed = [...args]
  for (const name of given) {
    const index = names.indexOf(name)
    if (index < 0) throw invalid(task, `it has no parameter ${name}. ${didYouMean(name, names)}`)
    if (index < args.length) throw invalid(task, `it got ${name} twice, by position and by name`)
    while (placed.length < index) placed.push(MISSING)
    placed[index] = kwargs[name]
  }
  return placed
}

function placeInput(
  task: string,
  input: StandardSchemaV1,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): readonly unknown[] | Promise<readonly unknown[]> {
  if (args.length > 0)
    throw invalid(task, `it takes one object, sent as named arguments, and got ${args.length} positional`)
  const take = (result: StandardSchemaV1.Result<unknown>): readonly unknown[] => {
    if (result.issues) throw invalid(task, result.issues.map(issueText).join('; '))
    return [result.value]
  }
  const checked = input['~standard'].validate(kwargs)
  return checked instanceof Promise ? checked.then(take) : take(checked)
}

function issueText({ message, path }: StandardSchemaV1.Issue): string {
  const at = path?.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return at ? `${at}: ${message}` : message
}

function invalid(task: string, problem: string): LovageError {
  return new LovageError('ARGUMENTS_INVALID', { task, problem })
}

function countText(least: number, most: number, names: readonly string[] | undefined): string {
  const list = names?.length ? ` (${names.join(', ')})` : ''
  if (most === Infinity) return `at least ${least} arguments${list}`
  if (least === most) return `${most} argument${most === 1 ? '' : 's'}${list}`
  return `${least} to ${most} arguments${list}`
}

/** How many arguments a function takes. `most` is read from its source, as JavaScript keeps no count of it. */
export function boundsOf(fn: TaskFunction): { least: number; most: number } {
  const list = parameterList(Function.prototype.toString.call(fn))
  const open = list === undefined || list.some((part) => part.startsWith('...'))
  return { least: fn.length, most: open ? Infinity : Math.max(list.length, fn.length) }
}

/** The parameters in a function's source; undefined where they cannot be told, as in native or compiled-down code. */
function parameterList(source: string): string[] | undefined {
  if (/\barguments\b|\[native code\]/.test(source)) return undefined
  const parts: string[] = ['']
  let depth = 0
  let isInside = false
  for (let index = 0; index < source.length; index++) {
    const char = source[index] as string
    if (/["'`/]/.test(char)) {
      index = skipped(source, index)
      if (index < 0) return undefined
      continue
    }
    // One parameter without brackets.
    if (depth === 0 && source.startsWith('=>', index)) return ['']
    const wasInside = isInside
    if ('([{'.includes(char) && depth++ === 0 && char === '(') isInside = true
    if (')]}'.includes(char) && --depth === 0 && isInside) return parts.map((part) => part.trim()).filter(Boolean)
    if (char === ',' && depth === 1 && isInside) parts.push('')
    else if (wasInside) parts[parts.length - 1] += char
  }
  return undefined
}

/** Index of the last character of the text or comment that begins at `start`; -1 where it cannot be told. */
function skipped(source: string, start: number): number {
  const quote = source[start] as string
  if (quote === '/') {
    const isLine = source[start + 1] === '/'
    // A regular expression may hold any bracket.
    if (!isLine && source[start + 1] !== '*') return -1
    const end = source.indexOf(isLine ? '\n' : '*/', start + 2)
    return end < 0 || isLine ? end : end + 1
  }
  for (let index = start + 1; index < source.length; index++) {
    if (source[index] === '\\') index++
    else if (source[index] === quote) return index
    else if (quote === '`' && source.startsWith('${', index)) return -1
  }
  return -1
}
