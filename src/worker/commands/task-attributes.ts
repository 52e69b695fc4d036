import type { RegisteredTask } from '../../app/registry.ts'
import type { ResolvedTaskOptions } from '../../app/task-options.ts'
import type { Steering } from '../steering.ts'
import type { Panel } from './panel.ts'

const DEFAULT_ITEMS = ['exchange', 'routing_key', 'rate_limit']

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000)

/** What Celery calls our options, of those that stay as they were defined. */
const ATTRIBUTES: Readonly<Record<string, (options: ResolvedTaskOptions) => unknown>> = {
  queue: ({ queue }) => queue,
  exchange: ({ exchange }) => exchange,
  routing_key: ({ routingKey }) => routingKey,
  priority: ({ priority }) => priority,
  max_retries: ({ maxRetries }) => (maxRetries === Infinity ? undefined : maxRetries),
  default_retry_delay: ({ retryDelayMs }) => seconds(retryDelayMs),
  acks_late: ({ acksLate }) => acksLate,
  ignore_result: ({ ignoreResult }) => ignoreResult,
  track_started: ({ trackStarted }) => trackStarted,
  compression: ({ compression }) => compression,
  serializer: () => 'json',
}

/** Of those that workers can be told: as it is now. */
const STEERED: Readonly<Record<string, (steering: Steering, task: RegisteredTask) => unknown>> = {
  rate_limit: ({ rates }, task) => rateText(rates.of(task)),
  time_limit: ({ timeLimits }, task) => seconds(timeLimits.ofTask(task).timeLimitMs),
  soft_time_limit: ({ timeLimits }, task) => seconds(timeLimits.ofTask(task).softTimeLimitMs),
}

/** The name of a task, and those of its options that were asked for and are set: `shop.add [rate_limit=2/s]`. */
export function describedTask({ steering }: Panel, task: RegisteredTask, items: readonly string[]): string {
  const wanted = items.length > 0 ? items : DEFAULT_ITEMS
  const told = wanted.flatMap((item) => {
    const value = Object.hasOwn(STEERED, item) ? STEERED[item]?.(steering, task) : attributeOf(task, item)
    return value === undefined ? [] : [`${item}=${pythonText(value)}`]
  })
  return told.length > 0 ? `${task.name} [${told.join(' ')}]` : task.name
}

function attributeOf({ options }: RegisteredTask, item: string): unknown {
  return Object.hasOwn(ATTRIBUTES, item) ? ATTRIBUTES[item]?.(options) : undefined
}

function pythonText(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)
}

/** In the largest unit in which it is a whole number. */
function rateText(perSecond: number | undefined): string | undefined {
  if (perSecond === undefined || perSecond === Infinity) return undefined
  for (const [unit, length] of [
    ['s', 1],
    ['m', 60],
    ['h', 3600],
  ] as const) {
    const rate = Math.round(perSecond * length * 1e6) / 1e6
    if (Number.isInteger(rate)) return `${rate}/${unit}`
  }
  return `${perSecond}/s`
}
