import { redactUrl } from '../../base/redact.ts'

/** A value of a celeryconfig, as Python has it or as its text says: JSON, and objects for what JSON has none of. */
export type PythonValue = null | boolean | number | string | readonly PythonValue[] | PythonThing

/** What is not a plain value. */
export type PythonThing =
  | { readonly $: 'dict'; readonly items: readonly (readonly [PythonValue, PythonValue])[] }
  /** An object whose class is known: kombu's `Queue`, `Exchange`, `Broadcast`; `crontab`. */
  | { readonly $: 'object'; readonly type: string; readonly fields: Readonly<Record<string, PythonValue>> }
  | { readonly $: 'timedelta'; readonly seconds: number }
  /** A number of the cores of the machine it runs on: `times` of them and `plus`. */
  | { readonly $: 'cores'; readonly times: number; readonly plus: number }
  /** What it would be is not known; `text` is how it is written, or shown. */
  | { readonly $: 'unknown'; readonly text: string; readonly isCode?: boolean }

/** What is in a configuration. */
export interface CeleryConfig {
  /** How it was read, for people. */
  readonly how: string
  /** By the names in the file. */
  readonly values: ReadonlyMap<string, PythonValue>
  /** What was not understood beside single values. */
  readonly notes: readonly string[]
}

/** Why an expression has no value here. */
export class NotUnderstood extends Error {}

export function isThing(value: PythonValue): value is PythonThing {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isList(value: PythonValue): value is readonly PythonValue[] {
  return Array.isArray(value)
}

/** The part of a value that is not known, if there is one. */
export function unknownIn(value: PythonValue): string | undefined {
  if (isList(value)) return firstUnknown(value)
  if (!isThing(value)) return undefined
  if (value.$ === 'unknown') return value.text
  if (value.$ === 'dict') return firstUnknown(value.items.flat())
  return value.$ === 'object' ? firstUnknown(Object.values(value.fields)) : undefined
}

function firstUnknown(values: readonly PythonValue[]): string | undefined {
  for (const value of values) {
    const found = unknownIn(value)
    if (found !== undefined) return found
  }
  return undefined
}

/** The members of a dict whose keys are all text; undefined for anything else. */
export function membersOf(value: PythonValue | undefined): Map<string, PythonValue> | undefined {
  if (value === undefined || !isThing(value) || value.$ !== 'dict') return undefined
  if (value.items.some(([key]) => typeof key !== 'string')) return undefined
  return new Map(value.items as readonly (readonly [string, PythonValue])[])
}

/** The value in Python's words, cut short, without passwords: it is for notes, which are shown and kept. */
export function shownInPython(value: PythonValue): string {
  const text = shown(value)
  return text.length > 70 ? `${text.slice(0, 67)}...` : text
}

function shown(value: PythonValue): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return `'${redactUrl(value)}'`
  if (typeof value === 'number') return String(value)
  if (isList(value)) return `[${value.map(shown).join(', ')}]`
  const { $: kind } = value as PythonThing
  const thing = value as PythonThing
  if (thing.$ === 'dict') return `{${thing.items.map(shownMember).join(', ')}}`
  if (thing.$ === 'object') return `${thing.type}(...)`
  if (thing.$ === 'timedelta') return `timedelta(seconds=${thing.seconds})`
  return thing.$ === 'unknown' ? thing.text : kind
}

function shownMember([key, member]: readonly [PythonValue, PythonValue]): string {
  return `${shown(key)}: ${isSecret(key) ? "'***'" : shown(member)}`
}

/** Whether what has this name is to be kept from notes. */
export function isSecret(name: PythonValue): boolean {
  return typeof name === 'string' && /pass(?:w|phrase)|secret|token/i.test(name)
}
