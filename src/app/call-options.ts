import type { Duration } from '../base/duration.ts'
import { LovageError } from '../base/errors.ts'
import type { Check, Checks } from './check.ts'
import { date, duration, flag, shown, text, Unfit } from './check.ts'
import { checkOptions, moment, SEND_CHECKS, type CheckedSendOptions, type SendOptions } from './task-options.ts'

/** What `applyAsync(args, options)` takes. What is not given comes from the options of the task. */
export interface CallOptions extends SendOptions {
  /** Run it this long from now. */
  readonly countdown?: Duration
  /** Run it at this moment, in place of `countdown`. */
  readonly eta?: Date
  /**
   * How long, or until when, somebody needs the answer: nobody starts it afterwards, and one marked `abandonable` is told
   * to stop. What it sends has the same deadline, or a sooner one of its own. False: it is to be done however late, and so
   * is what it sends. Default: that of the task it is called in.
   */
  readonly deadline?: Duration | Date | false
  /** Id of the task. Default: a random UUID. */
  readonly taskId?: string
  /**
   * However often it is sent under this `taskId`, it is run once: for who cannot know whether the message before has got
   * through. Needs a store that the workers share. Default false.
   */
  readonly once?: boolean
  /** Queue that takes the result. Default: the result backend's own; `''`: nobody's. */
  readonly replyTo?: string
}

/** Arguments by name, for tasks that take them: Python's keyword arguments. */
export interface NamedArguments {
  readonly kwargs: Readonly<Record<string, unknown>>
}

/** Options of a call, checked; durations in milliseconds. */
export interface CheckedCallOptions extends CheckedSendOptions {
  countdown: number
  eta: Date
  deadline: number | Date | false
  taskId: string
  once: boolean
  replyTo: string
  kwargs: Readonly<Record<string, unknown>>
}

const object: Check<Readonly<Record<string, unknown>>> = (value) => {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Unfit(`must be an object, and is ${shown(value)}`, 'Write { name: value }')
}

const maybeEmpty: Check<string> = (value) => (value === '' ? '' : text(value))

const CALL_CHECKS: Checks<CheckedCallOptions> = {
  ...SEND_CHECKS,
  countdown: duration,
  eta: date,
  deadline: (value) => (value === false ? false : moment(value)),
  taskId: text,
  once: flag,
  replyTo: maybeEmpty,
  kwargs: object,
}

const NONE: Partial<CheckedCallOptions> = Object.freeze({})

/**
 * Checks the options of a call of `task`.
 * @throws LovageError `OPTION_INVALID`
 */
export function checkCallOptions(task: string, given: object | undefined): Partial<CheckedCallOptions> {
  if (given === undefined) return NONE
  const where = `a call of ${task}`
  if (typeof given !== 'object' || given === null) {
    const fix = "Write an object: { countdown: '10s' }"
    throw new LovageError('OPTION_INVALID', {
      option: 'options',
      where,
      problem: `must be an object, and is ${shown(given)}`,
      fix,
    })
  }
  const checked = checkOptions(given, CALL_CHECKS, where)
  if (checked.countdown !== undefined && checked.eta !== undefined) {
    throw new LovageError('OPTION_INVALID', {
      option: 'eta',
      where,
      problem: 'cannot stand beside countdown',
      fix: 'Give one of the two',
    })
  }
  return checked
}
