import type { Options } from '../canvas/forms.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { HeaderValue, Headers } from '../protocol/headers.ts'
import { formatIso, isoTime } from '../protocol/iso-time.ts'
import { isRecord } from '../protocol/signature.ts'
import type { CheckedCallOptions } from './call-options.ts'
import { flag, Unfit } from './check.ts'
import type { Place } from './outgoing.ts'
import { SEND_CHECKS } from './task-options.ts'

/** Options of a call in Celery's names and units, as they stand in a signature. */
export function celeryOptions(call: Partial<CheckedCallOptions>): Options {
  const { countdown, eta, expires, priority, queue, exchange, routingKey, timeLimit, softTimeLimit } = call
  const { headers, ignoreResult, shadow, compression, taskId, replyTo, serializer, deadline, once } = call
  const options: Record<string, unknown> = {
    countdown: countdown === undefined ? undefined : countdown / 1000,
    eta: eta === undefined ? undefined : formatIso(eta.getTime()),
    expires: momentOption(expires),
    deadline: deadline === false ? false : momentOption(deadline),
    ...{ priority, queue, exchange, shadow, compression, headers, serializer, once },
    routing_key: routingKey,
    time_limit: timeLimit === undefined ? undefined : timeLimit / 1000,
    soft_time_limit: softTimeLimit === undefined ? undefined : softTimeLimit / 1000,
    ignore_result: ignoreResult,
    task_id: taskId,
    reply_to: replyTo,
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/**
 * Options of a signature as those of a call. Python may write anything into them: what we have no use for is left out,
 * and what does not fit is told of in the log, because the task is to run all the same.
 */
export function readCallOptions(options: Options, task: string): Partial<CheckedCallOptions> {
  const call: Partial<CheckedCallOptions> = {}
  const take = <Name extends keyof CheckedCallOptions>(
    name: Name,
    from: string,
    read: (value: unknown) => CheckedCallOptions[Name] | undefined,
  ): void => {
    const value = options[from]
    if (value === undefined || value === null) return
    try {
      const taken = read(value)
      if (taken !== undefined) call[name] = taken
    } catch (error) {
      const problem = error instanceof Unfit ? error.message : messageOf(error)
      log('warn', 'app', 'option of a signature is left out', { task, option: from, problem })
    }
  }
  take('countdown', 'countdown', ms)
  take('eta', 'eta', date)
  take('expires', 'expires', moment)
  take('deadline', 'deadline', (value) => (value === false ? false : moment(value)))
  take('timeLimit', 'time_limit', ms)
  take('softTimeLimit', 'soft_time_limit', ms)
  take('priority', 'priority', SEND_CHECKS.priority)
  take('queue', 'queue', (value) => SEND_CHECKS.queue(isRecord(value) ? value['name'] : value))
  take('exchange', 'exchange', (value) =>
    value === '' ? undefined : SEND_CHECKS.exchange(isRecord(value) ? value['name'] : value),
  )
  take('routingKey', 'routing_key', SEND_CHECKS.routingKey)
  take('ignoreResult', 'ignore_result', SEND_CHECKS.ignoreResult)
  take('once', 'once', flag)
  take('shadow', 'shadow', SEND_CHECKS.shadow)
  take('compression', 'compression', SEND_CHECKS.compression)
  take('serializer', 'serializer', SEND_CHECKS.serializer)
  take('headers', 'headers', SEND_CHECKS.headers)
  // Python names both beside each other, and means the queue.
  if (call.queue !== undefined) delete call.exchange
  return call
}

/** The stamps that a task of a canvas carries: its own, and those of the task that it follows. */
export function stampsOf(
  options: Options,
  { stamps = {}, stampedHeaders = null, replacedTaskNesting = 0 }: Partial<Place>,
): Pick<Place, 'stamps' | 'stampedHeaders' | 'replacedTaskNesting'> {
  const nesting = options['replaced_task_nesting']
  const replaced = typeof nesting === 'number' ? nesting : replacedTaskNesting
  const names = Array.isArray(options['stamped_headers'])
    ? (options['stamped_headers'] as unknown[]).filter((name) => typeof name === 'string')
    : []
  if (names.length === 0) return { stamps, stampedHeaders, replacedTaskNesting: replaced }
  const own: Headers = Object.fromEntries(
    names.filter((name) => options[name] !== undefined).map((name) => [name, options[name] as HeaderValue]),
  )
  const all = [...new Set([...(stampedHeaders ?? []), ...names])]
  return { stamps: { ...stamps, ...own }, stampedHeaders: all, replacedTaskNesting: replaced }
}

function momentOption(moment: number | Date | undefined): number | string | undefined {
  return moment instanceof Date ? formatIso(moment.getTime()) : moment === undefined ? undefined : moment / 1000
}

function moment(value: unknown): number | Date | undefined {
  return typeof value === 'number' ? value * 1000 : date(value)
}

function ms(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value * 1000 : undefined
}

function date(value: unknown): Date | undefined {
  if (value instanceof Date) return value
  const atMs = typeof value === 'string' ? isoTime(value) : undefined
  return atMs === undefined ? undefined : new Date(atMs)
}
