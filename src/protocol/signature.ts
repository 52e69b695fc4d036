import { LovageError } from '../base/errors.ts'
import { JSON_TYPE } from './content.ts'

/**
 * What to ask: a call that has not been sent, as Celery writes it into messages (celery.canvas.Signature). Key order and
 * names are Celery's, because Python reads them.
 */
export interface Signature {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** Anything `apply_async` takes, in Celery's own names (`task_id`, `reply_to`, `link`, `queue`, ...). */
  readonly options: Readonly<Record<string, unknown>>
  readonly subtask_type: string | null
  /** The previous result is not put in front of `args`. */
  readonly immutable: boolean
}

/** What follows a task: the third element of a protocol 2 body. */
export interface Embed {
  readonly callbacks: readonly Signature[] | null
  readonly errbacks: readonly Signature[] | null
  /** In reverse: the next task is the last element. */
  readonly chain: readonly Signature[] | null
  readonly chord: Signature | null
}

/** Nothing follows. */
export const NO_EMBED: Embed = { callbacks: null, errbacks: null, chain: null, chord: null }

/** Whether nothing follows. */
export function isBare({ callbacks, errbacks, chain, chord }: Embed): boolean {
  return !callbacks?.length && !errbacks?.length && !chain?.length && !chord
}

/** A signature of one task. `options` are `apply_async`'s, in Celery's names. */
export function signature(
  task: string,
  args: readonly unknown[] = [],
  kwargs: Readonly<Record<string, unknown>> = {},
  options: Readonly<Record<string, unknown>> = {},
  { immutable = false }: { immutable?: boolean } = {},
): Signature {
  return { task, args, kwargs, options, subtask_type: null, immutable }
}

/**
 * Reads an embed out of a decoded body. What is missing is null; one signature in place of a list is a list of one;
 * members of signatures that Celery may add are kept.
 * @throws LovageError `BODY_UNDECODABLE` for what is no embed
 */
export function readEmbed(value: unknown): Embed {
  if (value === undefined || value === null) return NO_EMBED
  if (!isRecord(value)) throw undecodable('the embed is not an object')
  return {
    callbacks: readSignatures(value.callbacks, 'callbacks'),
    errbacks: readSignatures(value.errbacks, 'errbacks'),
    chain: readSignatures(value.chain, 'chain'),
    chord: isMissing(value.chord) ? null : readSignature(value.chord, 'chord'),
  }
}

function readSignatures(value: unknown, where: string): readonly Signature[] | null {
  if (isMissing(value)) return null
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.map((item, at) => readSignature(item, `${where}[${at}]`))
}

/**
 * Reads a signature out of a decoded value; members that Celery may add are kept. `where` says which one it is, for errors.
 * @throws LovageError `BODY_UNDECODABLE` for what is no signature
 */
export function readSignature(value: unknown, where: string): Signature {
  if (!isRecord(value) || typeof value.task !== 'string') throw undecodable(`${where} is not a signature`)
  const { task, args, kwargs, options, subtask_type: subtaskType, immutable, ...others } = value
  if (!isMissing(args) && !Array.isArray(args)) throw undecodable(`args of ${where} is not a list`)
  if (!isMissing(kwargs) && !isRecord(kwargs)) throw undecodable(`kwargs of ${where} is not an object`)
  if (!isMissing(options) && !isRecord(options)) throw undecodable(`options of ${where} is not an object`)
  return {
    task,
    args: (args as readonly unknown[] | null | undefined) ?? [],
    kwargs: (kwargs as Readonly<Record<string, unknown>> | null | undefined) ?? {},
    options: (options as Readonly<Record<string, unknown>> | null | undefined) ?? {},
    subtask_type: typeof subtaskType === 'string' ? subtaskType : null,
    immutable: immutable === true,
    ...others,
  }
}

/** Whether the value is an object with members, as JSON has it: no list, no date, no bytes. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function undecodable(problem: string): LovageError {
  return new LovageError('BODY_UNDECODABLE', { contentType: JSON_TYPE, problem })
}
