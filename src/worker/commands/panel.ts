import type { App } from '../../app/app.ts'
import { messageOf } from '../../base/errors.ts'
import type { Clock } from '../../base/clock.ts'
import { kwargsRepr, pythonRepr } from '../../protocol/python-repr.ts'
import type { StopStep } from '../ending.ts'
import type { WorkerEvents } from '../events.ts'
import type { ResolvedWorkerOptions } from '../options.ts'
import type { Steering } from '../steering.ts'
import type { Tally } from '../tally.ts'

/** What commands act on. */
export interface Panel {
  readonly app: App
  readonly options: ResolvedWorkerOptions
  readonly clock: Clock
  readonly steering: Steering
  readonly tally: Tally
  readonly events: Pick<WorkerEvents, 'tellTasks' | 'beat'>
  /** Ends the worker. */
  readonly shutdown: (how: StopStep) => void
  /** Replaces the children of its pools. */
  readonly reload: () => Promise<void>
}

/** Arguments of a command, as they came. */
export type Given = Readonly<Record<string, unknown>>

/** A command: does what it says, and gives the answer. */
export interface Command {
  readonly run: (panel: Panel, given: Given) => unknown
  /** Names of the arguments that must be there. */
  readonly needs?: readonly string[]
  /** Names of all arguments, where others are refused. */
  readonly takes?: readonly string[]
}

/** Commands by their names on the wire. */
export type Commands = Readonly<Record<string, Command>>

/** It is done, and this is said of it. */
export function ok<T>(text: T): { readonly ok: T } {
  return { ok: text }
}

/** It is not done, and this is why. */
export function nok(problem: string): { readonly error: string } {
  return { error: problem }
}

/** The same, as an exception of Python's. */
export function raised(type: string, ...args: readonly unknown[]): { readonly error: string } {
  return nok(`${type}(${args.map((arg) => pythonRepr(arg)).join(', ')})`)
}

/** The same for an argument that is none. */
export function unfit(error: unknown): { readonly error: string } {
  return raised('ValueError', messageOf(error))
}

/** Texts, or one text; others than texts are left out. Undefined: it is neither. */
export function texts(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return [value]
  if (!Array.isArray(value)) return undefined
  return value.filter((one): one is string => typeof one === 'string')
}

/** A whole number, also as text; undefined: it is none. */
export function count(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

/** As Python shows a dict. */
export const dict: (value: Given) => string = kwargsRepr
