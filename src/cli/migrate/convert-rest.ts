import { contentTypeOf } from '../../protocol/content.ts'
import { durationText, secondsOf } from './convert-times.ts'
import type { Converter, Migration } from './migration.ts'
import { isList, isThing, membersOf, shownInPython, type PythonValue } from './python-value.ts'
import { Code } from './typescript.ts'

/** Settings that take over what they are, by kind of value. */
const text =
  (ours: string): Converter =>
  (to, value, name) =>
    typeof value === 'string' && value !== '' ? void to.settings.set(ours, value) : to.unfit(name, value, 'a text')

const flag =
  (ours: string): Converter =>
  (to, value, name) =>
    typeof value === 'boolean' || value === 0 || value === 1
      ? void to.settings.set(ours, Boolean(value))
      : to.unfit(name, value, 'True or False')

const whole =
  (ours: string): Converter =>
  (to, value, name) =>
    Number.isInteger(value) ? void to.settings.set(ours, value) : to.unfit(name, value, 'a whole number')

const time =
  (set: (to: Migration, text: string) => void): Converter =>
  (to, value, name) => {
    const seconds = secondsOf(value)
    if (seconds === undefined) to.unfit(name, value, 'a number of seconds or a timedelta')
    else set(to, durationText(seconds))
  }

const ofWorker =
  (ours: string, convert: (value: PythonValue) => unknown): Converter =>
  (to, value, name) => {
    const made = convert(value)
    if (made === undefined) to.unfit(name, value, 'a number')
    else to.worker.set(ours, made)
  }

const workerFlag =
  (ours: string): Converter =>
  (to, value, name) =>
    typeof value === 'boolean' ? void to.worker.set(ours, value) : to.unfit(name, value, 'True or False')

const serializer =
  (ours: string): Converter =>
  (to, value, name) => {
    if (value === 'json' || value === 'msgpack' || value === 'yaml') to.settings.set(ours, value)
    else if (value === 'pickle' || value === 'application/x-python-serialize') {
      to.note(name, 'is pickle, which is neither read nor written here: make it json on both sides first')
    } else to.note(name, `is ${shownInPython(value)}: json, msgpack and yaml are there`)
  }

const accepted =
  (ours: string): Converter =>
  (to, value, name) => {
    if (!isList(value)) return to.unfit(name, value, 'a list of names')
    const known = value.filter((one): one is string => typeof one === 'string' && contentTypeOf(one) !== undefined)
    for (const one of value) {
      if (!known.includes(one as string))
        to.note(name, `has ${shownInPython(one)}, which is never read here: it is left out`)
    }
    if (known.length > 0) to.settings.set(ours, known)
  }

/** How long Celery goes on trying: the pauses between its tries. Ours has pauses of its own, and the same end. */
const publishPolicy: Converter = (to, value, name) => {
  const members = membersOf(value)
  if (!members) return to.unfit(name, value, 'a dict')
  const number = (member: string, otherwise: number): number => {
    const given = members.get(member)
    return typeof given === 'number' ? given : otherwise
  }
  // A policy that leaves a member out has that of kombu, whose own tries have no end.
  const retries = members.get('max_retries')
  if (typeof retries !== 'number') {
    return to.note(
      name,
      'has no max_retries, so that Celery would try for ever: set `publishTimeout` to the longest that a call may wait',
    )
  }
  const [start, step, max] = [number('interval_start', 2), number('interval_step', 2), number('interval_max', 30)]
  let seconds = 0
  for (let n = 0; n < retries; n++) seconds += Math.min(start + n * step, max + start)
  if (seconds > 0) to.settings.set('publishTimeout', durationText(seconds))
  const how = `${retries} retries, pauses from ${start} s by ${step} s up to ${max} s`
  to.note(
    name,
    `(${how}) becomes publishTimeout ${seconds > 0 ? durationText(seconds) : 'as it is'}: as long as Celery's pauses are together. Within it a publish is tried again as soon as the broker is back`,
  )
}

const retry: Converter = (to, value, name) => {
  if (value === false) to.note(name, 'is off: here a publish is tried again until `publishTimeout` in any case')
}

const concurrency: Converter = (to, value, name) => {
  const made = coresCode(value)
  if (made === undefined) return to.unfit(name, value, 'a number')
  to.worker.set('concurrency', made)
  if (to.value('worker_pool') === undefined) {
    to.note(
      name,
      "counts processes in Celery. Here it counts tasks at once in the pool 'async', which is the default; with pool: 'processes' it counts processes",
    )
  }
}

function coresCode(value: PythonValue): unknown {
  if (typeof value === 'number' && value >= 1) return Math.floor(value)
  if (!isThing(value) || value.$ !== 'cores') return undefined
  const by = 1 / value.times
  const part =
    value.times === 1
      ? 'availableParallelism()'
      : Number.isInteger(Math.round(by * 1e6) / 1e6)
        ? `availableParallelism() / ${Math.round(by)}`
        : `availableParallelism() * ${value.times}`
  const plus = value.plus === 0 ? '' : value.plus > 0 ? ` + ${value.plus}` : ` - ${-value.plus}`
  if (value.times === 1 && plus === '') return new Code(part)
  return new Code(`Math.max(1, Math.floor(${part}${plus}))`)
}

const number = (value: PythonValue): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) ? value : undefined

/** All settings that carry over but for URLs. Each may say what it does not take. */
export const CONVERTERS: Readonly<Record<string, Converter>> = {
  broker_connection_timeout: time((to, wait) => to.settings.set('connectTimeout', wait)),
  accept_content: accepted('acceptContent'),
  result_accept_content: accepted('resultAcceptContent'),
  result_serializer: serializer('resultSerializer'),
  result_expires: time((to, wait) => to.settings.set('resultExpires', wait)),
  result_persistent: flag('resultPersistent'),
  enable_utc: flag('enableUtc'),
  timezone: text('timezone'),
  task_acks_late: flag('acksLate'),
  task_compression: (to, value, name) =>
    ['gzip', 'zlib', 'brotli', 'zstd'].includes(String(value))
      ? void to.settings.set('taskCompression', value)
      : to.note(name, `is ${shownInPython(value)}: gzip, zlib, brotli and zstd are there`),
  task_create_missing_queues: flag('createMissingQueues'),
  task_default_delivery_mode: (to, value, name) => {
    const mode = value === 'persistent' ? 2 : value === 'transient' ? 1 : value
    if (mode === 1 || mode === 2) to.settings.set('defaultDeliveryMode', mode)
    else to.unfit(name, value, '1 or 2')
  },
  task_default_queue: text('defaultQueue'),
  task_default_exchange: text('defaultExchange'),
  task_default_exchange_type: text('defaultExchangeType'),
  task_default_routing_key: text('defaultRoutingKey'),
  task_default_priority: whole('defaultPriority'),
  task_publish_retry: retry,
  task_publish_retry_policy: publishPolicy,
  task_queue_max_priority: whole('queueMaxPriority'),
  task_send_sent_event: flag('sendSentEvent'),
  task_serializer: serializer('taskSerializer'),
  task_soft_time_limit: time((to, wait) => to.worker.set('softTimeLimit', wait)),
  task_time_limit: time((to, wait) => to.worker.set('timeLimit', wait)),
  worker_concurrency: concurrency,
  worker_disable_rate_limits: workerFlag('disableRateLimits'),
  worker_enable_remote_control: workerFlag('remoteControl'),
  worker_send_task_events: workerFlag('events'),
  worker_max_memory_per_child: ofWorker('maxMemoryPerChild', (kib) => {
    const count = number(kib)
    return count === undefined ? undefined : count * 1024
  }),
  worker_max_tasks_per_child: ofWorker('maxTasksPerChild', number),
  worker_pool: (to, value, name) =>
    typeof value === 'string' && !value.includes(':')
      ? void to.worker.set('pool', value)
      : to.unfit(name, value, 'the name of a pool'),
  worker_pool_restarts: workerFlag('poolRestarts'),
  worker_prefetch_multiplier: ofWorker('prefetchMultiplier', number),
  worker_soft_shutdown_timeout: time((to, wait) => to.worker.set('softShutdownTimeout', wait)),
}
