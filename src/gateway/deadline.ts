import type { IncomingHttpHeaders } from 'node:http'
import { type Duration, milliseconds } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { checkAll, shown, text, Unfit, wait, type Check, type Checks } from '../app/check.ts'

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

/** The option, checked. */
export interface DeadlineRule {
  /** Undefined: none. */
  readonly ms: number | undefined
  /** In lower case. */
  readonly header: string | undefined
}

const MEMBERS: Checks<{ header: string; max: number }> = { header: (value) => text(value).toLowerCase(), max: wait }

const unfit = (option: string, problem: string, fix: string): Unfit =>
  new Unfit(`has a member ${option} that ${problem}`, fix)

/** Checks the option `deadline` of a route. */
export const deadlineOption: Check<{ ms: number | undefined; header: string | undefined } | false> = (value) => {
  if (value === false) return false
  if (typeof value !== 'object' || value === null) return { ms: wait(value), header: undefined }
  const { header, max } = checkAll<{ header: string; max: number }>(value, MEMBERS, {
    unknown: (option, fix) => unfit(option, 'does not exist', fix),
    invalid: unfit,
  })
  if (header === undefined) throw new Unfit(`is ${shown(value)}, without a header`, "Write { header: 'x-timeout' }")
  return { ms: max, header }
}

/** What holds for a route: callers that wait for the result need it as long as they wait. */
export function deadlineRule(
  given: ReturnType<typeof deadlineOption> | undefined,
  { accept, timeoutMs }: { readonly accept: boolean; readonly timeoutMs: number },
): DeadlineRule {
  if (given === false) return { ms: undefined, header: undefined }
  return { ms: given?.ms ?? (accept ? undefined : timeoutMs), header: given?.header }
}

/**
 * Milliseconds for which the caller needs the answer; undefined: for ever.
 * @throws LovageError `HEADER_INVALID`
 */
export function remainingOf({ ms, header }: DeadlineRule, headers: IncomingHttpHeaders): number | undefined {
  const given = header === undefined ? undefined : headers[header]
  if (header === undefined || given === undefined) return ms
  const asked = readLength(String(given).trim())
  if (asked === undefined) {
    const problem = `is ${shown(given)}, which is no length of time`
    throw new LovageError('HEADER_INVALID', { header, problem, fix: 'Write milliseconds, or 5s' })
  }
  return Math.min(asked, ms ?? Infinity)
}

function readLength(given: string): number | undefined {
  try {
    const lengthMs = milliseconds(/^\d+(\.\d+)?$/.test(given) ? Number(given) : (given as Duration))
    return lengthMs > 0 ? lengthMs : undefined
  } catch {
    return undefined
  }
}
