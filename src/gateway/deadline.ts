import type { IncomingHttpHeaders } from 'node:http'
import { type Duration, milliseconds } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { checkAll, duration, flag, shown, text, Unfit, wait, type Check, type Checks } from '../app/check.ts'
import type { ResolvedTaskOptions } from '../app/task-options.ts'
import type { Patience } from './prefer.ts'

/** How long a caller of a route needs its answer. */
export type DeadlineOption =
  | Duration
  | false
  | {
      /** Header in which clients say how long they wait: milliseconds, or `5s`, `250ms`. */
      readonly header: string
      /** The most that one may ask for, and what holds without the header. Default: the timeout of the route. */
      readonly max?: Duration
    }

/** What a route says of the callers it works for. */
export interface CallerOptions {
  /**
   * How long the caller needs the answer. It travels with the task and with all that this sends: past it nobody starts it,
   * and one marked `abandonable` is told to stop. False: for ever. Default: as long as the caller waits; for ever where it
   * is answered with the place of the result instead, and where retries are joined.
   */
  readonly deadline?: DeadlineOption
  /** The task may be stopped when nobody waits for it any more. Default: what the task says, where it is defined here. */
  readonly abandonable?: boolean
  /** How long nobody must have waited for an abandonable task before it is stopped. Default `'1s'`. */
  readonly abandonAfter?: Duration
}

/** The options, checked. */
export interface CheckedCaller {
  deadline: { ms: number | undefined; header: string | undefined } | false
  abandonable: boolean
  abandonAfter: number
}

/** The same, as the relay reads it. */
export interface CallerRules {
  readonly deadline: DeadlineRule
  /** Undefined: the task is not abandonable. */
  readonly abandonAfterMs: number | undefined
}

/** How long callers of a route need their answers. */
export interface DeadlineRule {
  /** `'wait'`: as long as they wait. Undefined: for ever. */
  readonly ms: number | 'wait' | undefined
  /** In lower case. */
  readonly header: string | undefined
}

const MEMBERS: Checks<{ header: string; max: number }> = { header: (value) => text(value).toLowerCase(), max: wait }

const unfit = (option: string, problem: string, fix: string): Unfit =>
  new Unfit(`has a member ${option} that ${problem}`, fix)

/** Checks the option `deadline` of a route. */
const deadlineOption: Check<CheckedCaller['deadline']> = (value) => {
  if (value === false) return false
  if (typeof value !== 'object' || value === null) return { ms: wait(value), header: undefined }
  const { header, max } = checkAll<{ header: string; max: number }>(value, MEMBERS, {
    unknown: (option, fix) => unfit(option, 'does not exist', fix),
    invalid: unfit,
  })
  if (header === undefined) throw new Unfit(`is ${shown(value)}, without a header`, "Write { header: 'x-timeout' }")
  return { ms: max, header }
}

/** The checks of {@link CallerOptions}. */
export const CALLER_CHECKS: Checks<CheckedCaller> = {
  deadline: deadlineOption,
  abandonable: flag,
  abandonAfter: duration,
}

/** What holds for a route, bound to a task of these options. */
export function callerRules(
  { deadline, abandonable, abandonAfter = 1_000, join }: Partial<CheckedCaller> & { readonly join?: object },
  task: Pick<ResolvedTaskOptions, 'abandonable'> | undefined,
): CallerRules {
  // Who tries again waits longer than one try.
  const rule: DeadlineRule =
    deadline === false
      ? { ms: undefined, header: undefined }
      : { ms: deadline?.ms ?? (join ? undefined : 'wait'), header: deadline?.header }
  return { deadline: rule, abandonAfterMs: (abandonable ?? task?.abandonable) ? abandonAfter : undefined }
}

/**
 * Milliseconds for which the caller needs the answer; undefined: for ever.
 * @throws LovageError `HEADER_INVALID`
 */
export function remainingOf(
  { ms, header }: DeadlineRule,
  headers: IncomingHttpHeaders,
  { waitMs, thenAccept }: Patience,
): number | undefined {
  const most = ms !== 'wait' ? ms : thenAccept ? undefined : waitMs
  const given = header === undefined ? undefined : headers[header]
  if (header === undefined || given === undefined) return most
  const asked = readLength(String(given).trim())
  if (asked === undefined) {
    const problem = `is ${shown(given)}, which is no length of time`
    throw new LovageError('HEADER_INVALID', { header, problem, fix: 'Write milliseconds, or 5s' })
  }
  return Math.min(asked, most ?? Infinity)
}

/** A century: what is added to today must be a day of the calendar still. */
const LONGEST_MS = 100 * 365 * 86_400_000

function readLength(given: string): number | undefined {
  try {
    const lengthMs = milliseconds(/^\d+(\.\d+)?$/.test(given) ? Number(given) : (given as Duration))
    return lengthMs > 0 ? Math.min(lengthMs, LONGEST_MS) : undefined
  } catch {
    return undefined
  }
}
