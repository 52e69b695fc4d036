import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { checkAll, type Checks, type Complaints, duration, shown, Unfit } from './check.ts'

/** How long to wait for a result. */
export interface GetOptions {
  /** Longest wait. Default: until the task expires, or as long as results are kept (`resultExpires`). */
  readonly timeout?: Duration
  /** Ends the wait early, with its reason. The task goes on. */
  readonly signal?: AbortSignal
}

const GET_CHECKS: Checks<{ timeout: number; signal: AbortSignal }> = {
  timeout: duration,
  signal: (value) => {
    if (value instanceof AbortSignal) return value
    throw new Unfit(`must be an AbortSignal, and is ${shown(value)}`, 'Give the signal of an AbortController')
  },
}

const COMPLAINTS: Complaints = { unknown: (option, fix) => invalid(option, 'does not exist', fix), invalid }

/** @throws LovageError `OPTION_INVALID` */
export function checkGetOptions(options: GetOptions): { timeout?: number; signal?: AbortSignal } {
  if (typeof options !== 'object' || options === null) {
    throw invalid('options', `must be an object, and is ${shown(options)}`, "Write { timeout: '5s' }")
  }
  return checkAll(options, GET_CHECKS, COMPLAINTS)
}

function invalid(option: string, problem: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option, where: 'get()', problem, fix })
}
