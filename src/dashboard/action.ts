import { checkAll, type Check, type Checks, shown, Unfit } from '../app/check.ts'
import { LovageError } from '../base/errors.ts'
import type { ActionInputs, ActionName } from './action-api.ts'
import type { ActionAnswer } from './api.ts'
import type { DashboardContext } from './context.ts'
import type { Jobs } from './jobs.ts'

/** What actions stand on. */
export interface ActionGround {
  readonly context: DashboardContext
  readonly jobs: Jobs
  /** Who wants it. */
  readonly by: string
  /** Tells, once it is over, what came of what goes on behind the answer. */
  readonly told: (ok: boolean, text: string) => void
}

/** One thing that can be done from here. */
export interface Action {
  /** @throws Unfit */
  readonly read: (body: unknown) => unknown
  readonly run: (ground: ActionGround, input: never) => Promise<ActionAnswer>
}

/** Makes an action of a check for each member of what it takes; those that `check` marks are not needed. */
export function action<Name extends ActionName>(
  checks: Checks<ActionInputs[Name]>,
  run: (ground: ActionGround, input: ActionInputs[Name]) => Promise<ActionAnswer>,
): Action {
  const needed = Object.keys(checks).filter((member) => !optional.has(checks[member as keyof ActionInputs[Name]]))
  return {
    read: (body) => {
      if (typeof body !== 'object' || body === null || Array.isArray(body)) {
        throw new Unfit(`takes an object, and was given ${shown(body)}`, 'Send { "target": ... }')
      }
      const read = checkAll<ActionInputs[Name]>(body, checks, {
        unknown: (member, fix) => new Unfit(`takes no ${member}`, fix),
        invalid: (member, problem, fix) => new Unfit(`was given a ${member} that ${problem}`, fix),
      })
      const missing = needed.find((member) => !(member in read))
      if (missing !== undefined) throw new Unfit(`needs ${missing}`, `Send it as a member of the JSON`)
      return read
    },
    run: run as Action['run'],
  }
}

const optional = new WeakSet<object>()

/** Marks a check of what may be left out. */
export function maybe<T>(check: Check<T>): Check<T> {
  const marked: Check<T> = (value) => check(value)
  optional.add(marked)
  return marked
}

/** Longest name of anything, and most things that one request names. */
const MOST_NAME = 1_000
const MOST_TARGETS = 10_000

/** The name of one thing. */
export const name: Check<string> = (value) => {
  if (typeof value === 'string' && value !== '' && value.length <= MOST_NAME) return value
  throw new Unfit(`must be a name, and is ${shown(value)}`, 'Send a text that is not empty')
}

/** One name or several. */
export const nameOrNames: Check<string | readonly string[]> = (value) => {
  if (!Array.isArray(value)) return name(value)
  if (value.length > 0 && value.length <= MOST_TARGETS) return value.map(name)
  throw new Unfit(`has ${value.length} names`, `Send 1 to ${MOST_TARGETS}`)
}

/** Each once. */
export function listOfNames(target: string | readonly string[]): readonly string[] {
  return [...new Set(typeof target === 'string' ? [target] : target)]
}

/** Of several: all went well, or how many did. */
export function answerOf(
  what: string,
  each: Readonly<Record<string, { readonly ok: boolean; readonly text: string }>>,
): ActionAnswer {
  const all = Object.values(each)
  const failed = all.filter(({ ok }) => !ok)
  if (all.length === 1) return { ok: failed.length === 0, text: `${what}: ${all[0]?.text}`, each }
  const text = failed.length === 0 ? `${what}: ${all.length} done` : `${what}: ${failed.length} of ${all.length} failed`
  return { ok: failed.length === 0, text, each }
}

/** Why an action is not begun. */
export function refused(action: string, problem: string, fix: string): LovageError {
  return new LovageError('ACTION_REFUSED', { action, problem, fix })
}
