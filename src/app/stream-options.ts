import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import { checkAll, duration, oneOf, shown, wait, whole, type Checks } from './check.ts'

/** How the parts of a task whose function is an async generator are kept, and how far it runs ahead of its readers. */
export interface StreamOptions {
  /** Most parts that it is ahead of its slowest reader. Default 256, and never more than 1 MiB of them. */
  readonly window?: number
  /** Most parts that are kept for readers who come late or again. Default 10,000, and never more than 16 MiB of them. */
  readonly keep?: number
  /** How long they are kept after the end. Default `'10m'`. */
  readonly keepFor?: Duration
  /**
   * While nobody reads: `'wait'` stops it at the end of the window until somebody does, for `patience` at most;
   * `'run'` does not. Default `'wait'`.
   */
  readonly unread?: 'wait' | 'run'
  /** How long it waits for a reader, then it runs on without. Default `'1m'`. */
  readonly patience?: Duration
  /** How long after its last reader has left a task that is `abandonable` is stopped. Default `'5s'`. */
  readonly grace?: Duration
}

/** The same, complete, times in milliseconds. */
export interface ResolvedStreamOptions {
  readonly window: number
  readonly keep: number
  readonly keepForMs: number
  readonly unread: 'wait' | 'run'
  readonly patienceMs: number
  readonly graceMs: number
}

interface Checked {
  window: number
  keep: number
  keepFor: number
  unread: 'wait' | 'run'
  patience: number
  grace: number
}

const CHECKS: Checks<Checked> = {
  window: whole(1, 100_000),
  keep: whole(1, 100_000),
  keepFor: wait,
  unread: oneOf('wait', 'run'),
  patience: duration,
  grace: duration,
}

/**
 * The option `stream` of a task with its defaults.
 * @throws LovageError `OPTION_INVALID`
 */
export function resolveStreamOptions(task: string, given: unknown = {}): ResolvedStreamOptions {
  const invalid = (option: string, problem: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', { option: `stream.${option}`, where: `task ${task}`, problem, fix })
  if (typeof given !== 'object' || given === null) {
    const problem = `must be an object, and is ${shown(given)}`
    throw new LovageError('OPTION_INVALID', {
      option: 'stream',
      where: `task ${task}`,
      problem,
      fix: 'Write { window: 256 }',
    })
  }
  const checked = checkAll<Checked>(given, CHECKS, {
    unknown: (option, fix) => invalid(option, 'does not exist', fix),
    invalid,
  })
  const { window = 256, keep = Math.max(10_000, window) } = checked
  if (keep < window) throw invalid('keep', `is less than the window of ${window}`, 'Keep what may be unread')
  return {
    window,
    keep,
    keepForMs: checked.keepFor ?? 600_000,
    unread: checked.unread ?? 'wait',
    patienceMs: checked.patience ?? 60_000,
    graceMs: checked.grace ?? 5_000,
  }
}
