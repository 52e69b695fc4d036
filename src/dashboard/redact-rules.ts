import { type Check, didYouMean, flag, listOf, shown, text, Unfit, whole } from '../app/check.ts'

/** What of a task's arguments and outcome nobody sees. */
export interface TaskRedaction {
  /** Positional arguments: all, or those at these places, from 0. */
  readonly args?: boolean | readonly number[]
  /** Named arguments: all, or those of these names, beside the secrets of every task. */
  readonly kwargs?: boolean | readonly string[]
  /** What it returned, and what it told of its progress. */
  readonly result?: boolean
  /** Its exception and traceback. */
  readonly error?: boolean
}

/** What is never shown, told or exported. */
export interface RedactOptions {
  /** Names of secrets beside the usual ones; `*` is any text, upper and lower case are the same. */
  readonly keys?: readonly string[]
  /** By the name of the task, with `*` for any text: `true` is all of it. */
  readonly tasks?: Readonly<Record<string, true | TaskRedaction>>
}

const object = (value: unknown, fix: string): Record<string, unknown> => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Unfit(`must be an object, and is ${shown(value)}`, fix)
}

const known = (given: object, names: readonly string[]): void => {
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Unfit(`has the member ${unknown}, which is none`, didYouMean(unknown, names))
}

/** Rules of what is not shown. */
export const redactOptions: Check<RedactOptions> = (value) => {
  const given = object(value, "Write { keys: ['iban'], tasks: { 'auth.*': true } }")
  known(given, ['keys', 'tasks'])
  const { keys, tasks } = given
  return {
    ...(keys !== undefined && { keys: listOf(text)(keys) }),
    ...(tasks !== undefined && {
      tasks: Object.fromEntries(
        Object.entries(object(tasks, "Write { 'auth.*': true }")).map(([name, rule]) => [name, taskRule(rule)]),
      ),
    }),
  }
}

const taskRule: Check<true | TaskRedaction> = (value) => {
  if (value === true) return true
  const rule = object(value, 'Write true, or { args: [0], kwargs: true, result: true, error: true }')
  known(rule, ['args', 'kwargs', 'result', 'error'])
  const { args, kwargs, result, error } = rule
  return {
    ...(args !== undefined && { args: typeof args === 'boolean' ? args : listOf(whole(0))(args) }),
    ...(kwargs !== undefined && { kwargs: typeof kwargs === 'boolean' ? kwargs : listOf(text)(kwargs) }),
    ...(result !== undefined && { result: flag(result) }),
    ...(error !== undefined && { error: flag(error) }),
  }
}
