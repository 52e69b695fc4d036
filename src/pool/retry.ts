import { backoffMs } from '../base/backoff.ts'
import { isLovageError } from '../base/errors.ts'
import type { Retry } from '../app/control-flow.ts'
import type { ErrorMatch, ResolvedTaskOptions } from '../app/task-options.ts'
import { TaskError } from '../protocol/failure.ts'

/** What of a task's options says how it is retried. */
export type RetryOptions = Pick<
  ResolvedTaskOptions,
  'dontRetryOn' | 'maxRetries' | 'retryBackoffMaxMs' | 'retryBackoffMs' | 'retryDelayMs' | 'retryJitter' | 'retryOn'
>

/** Whether the task's options ask for another try after this error. */
export function isRetried(thrown: unknown, { retryOn, dontRetryOn }: RetryOptions): boolean {
  if (retryOn.length === 0) return false
  // Arguments that do not fit now will not fit later.
  if (isLovageError(thrown, 'ARGUMENTS_INVALID')) return false
  const names = namesOf(thrown)
  const matches = (match: ErrorMatch): boolean =>
    typeof match === 'string' ? names.includes(match) : thrown instanceof match
  return retryOn.some(matches) && !dontRetryOn.some(matches)
}

/**
 * How long to wait before the next try, in milliseconds; undefined when there have been enough.
 * @param retries how often the task has been retried so far
 * @param random from 0 to 1
 */
export function retryDelayMs(
  retries: number,
  options: RetryOptions,
  asked: Pick<Retry, 'delayMs' | 'maxRetries'> | undefined,
  random: number,
): number | undefined {
  if (retries + 1 > (asked?.maxRetries ?? options.maxRetries)) return undefined
  if (asked?.delayMs !== undefined) return asked.delayMs
  if (options.retryBackoffMs === undefined) return options.retryDelayMs
  const { retryBackoffMs: baseMs, retryBackoffMaxMs: maxMs, retryJitter: jitter } = options
  return backoffMs(retries, { baseMs, maxMs, jitter }, random)
}

/** The names by which an error may be meant: its own, those of its classes, and those it had where it came from. */
function namesOf(thrown: unknown): string[] {
  if (typeof thrown !== 'object' || thrown === null) return []
  const names: string[] = []
  if (isLovageError(thrown)) names.push(thrown.code)
  if ('name' in thrown && typeof thrown.name === 'string') names.push(thrown.name)
  if (thrown instanceof TaskError) names.push(thrown.excType, `${thrown.excModule}.${thrown.excType}`)
  for (let type: unknown = Object.getPrototypeOf(thrown); type && type !== Object.prototype;) {
    names.push(String((type as { constructor?: { name?: unknown } }).constructor?.name))
    type = Object.getPrototypeOf(type)
  }
  return names
}
