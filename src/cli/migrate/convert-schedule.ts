import { isLovageError } from '../../base/errors.ts'
import { crontab, every, solar, type Entry } from '../../beat/entry.ts'
import type { CronFields } from '../../beat/cron-fields.ts'
import type { SolarEvent } from '../../beat/solar.ts'
import { readEntry } from '../../beat/timetable.ts'
import { durationText, secondsOf } from './convert-times.ts'
import type { Converter, Migration } from './migration.ts'
import {
  isList,
  isThing,
  membersOf,
  NotUnderstood,
  shownInPython,
  unknownIn,
  type PythonValue,
} from './python-value.ts'
import { Code, typescriptOf } from './typescript.ts'

/** Longer calls stand on several lines. */
const WIDTH = 100

type Members = ReadonlyMap<string, PythonValue>

const CRON_FIELDS: Readonly<Record<string, keyof CronFields>> = {
  minute: 'minute',
  hour: 'hour',
  day_of_week: 'dayOfWeek',
  day_of_month: 'dayOfMonth',
  month_of_year: 'monthOfYear',
}

/** Options of `apply_async` that only have another name here. */
const SAME: Readonly<Record<string, string>> = {
  queue: 'queue',
  exchange: 'exchange',
  routing_key: 'routingKey',
  priority: 'priority',
  serializer: 'serializer',
  compression: 'compression',
  headers: 'headers',
  ignore_result: 'ignoreResult',
  shadow: 'shadow',
}

/** Options of `apply_async` that are numbers of seconds. */
const TIMES: Readonly<Record<string, string>> = {
  countdown: 'countdown',
  time_limit: 'timeLimit',
  soft_time_limit: 'softTimeLimit',
}

/** `beat_schedule`: each entry by itself, and one that does not carry over keeps no other from it. */
export const convertSchedule: Converter = (to, value, name) => {
  const all = isThing(value) && value.$ === 'dict' ? value.items : undefined
  if (!all) return to.unfit(name, value, 'a dict of entries')
  let hasInterval = false
  for (const [key, given] of all) {
    const say = (text: string): void => to.note(name, `${String(key)}: ${text}`)
    try {
      const members = membersOf(given)
      const task = members?.get('task')
      if (typeof key !== 'string' || !members || typeof task !== 'string') {
        throw new NotUnderstood(`${shownInPython(given)} is no entry with a task`)
      }
      const schedule = scheduleOf(key, members)
      hasInterval ||= schedule.kind === 'every' && !schedule.isRelative && members.get('relative') !== true
      to.entries.set(key, entryCode(members, task, schedule, say))
      to.beatKinds.add(schedule.kind)
    } catch (error) {
      if (!(error instanceof NotUnderstood) && !isLovageError(error)) throw error
      say(`is left out: ${error.message}`)
    }
  }
  if (hasInterval) sayOrigin(to, name)
}

function sayOrigin(to: Migration, name: string): void {
  to.note(
    name,
    'has intervals. Here they are counted from 1970, UTC, whenever a beat is started; Celery counts from the last run, or with relative=True as here',
  )
}

interface ReadSchedule {
  readonly kind: 'crontab' | 'every' | 'solar'
  /** Celery counts it from round times too. */
  readonly isRelative?: boolean
  /** What stands in front of the task. */
  readonly first: readonly unknown[]
}

/** @throws NotUnderstood, LovageError `SCHEDULE_INVALID` */
function scheduleOf(name: string, members: Members): ReadSchedule {
  const given = members.get('schedule') ?? null
  const unknown = unknownIn(given)
  if (unknown !== undefined) throw new NotUnderstood(`its schedule is not understood: ${unknown}`)
  const fields = isThing(given) && given.$ === 'object' ? given.fields : {}
  const type = isThing(given) && given.$ === 'object' ? given.type : undefined
  if ((fields['nowfun'] ?? null) !== null) throw new NotUnderstood('its schedule has a clock of its own (nowfun)')
  if (type === 'crontab') {
    const times = cronOf(fields)
    return checked(name, crontab(times, 'task'), { kind: 'crontab', first: [times] })
  }
  if (type === 'solar') {
    const { event, lat, lon } = fields
    const entry = solar(event as SolarEvent, lat as number, lon as number, 'task')
    return checked(name, entry, { kind: 'solar', first: [event, lat, lon] })
  }
  const seconds = secondsOf(type === 'schedule' ? (fields['run_every'] ?? null) : given)
  if (seconds === undefined) throw new NotUnderstood(`its schedule is ${shownInPython(given)}`)
  const interval = durationText(seconds)
  return checked(name, every(interval as '1s', 'task'), {
    kind: 'every',
    isRelative: fields['relative'] === true,
    first: [interval],
  })
}

function checked(name: string, entry: Entry<string>, schedule: ReadSchedule): ReadSchedule {
  readEntry(name, entry, 'UTC')
  return schedule
}

function cronOf(fields: Readonly<Record<string, PythonValue>>): CronFields {
  const times: Record<string, unknown> = {}
  for (const [theirs, ours] of Object.entries(CRON_FIELDS)) {
    const value = fields[theirs] ?? '*'
    if (value !== '*') times[ours] = plain(value)
  }
  return times
}

function entryCode(members: Members, task: string, schedule: ReadSchedule, say: (text: string) => void): Code {
  const set: Record<string, unknown> = {}
  const options: Record<string, unknown> = {}
  const kwargs = membersOf(members.get('kwargs') ?? null)
  if (kwargs && kwargs.size > 0) set['kwargs'] = plain(members.get('kwargs') as PythonValue)
  const args = members.get('args') ?? []
  if (!isList(args)) throw new NotUnderstood(`its args are ${shownInPython(args)}`)
  for (const [option, value] of membersOf(members.get('options') ?? null) ?? []) {
    if (value === null) continue
    const [same, time] = [SAME[option], TIMES[option]]
    const seconds = secondsOf(value)
    if (same !== undefined) set[same] = plain(nameOf(value))
    else if (time !== undefined && seconds !== undefined) set[time] = durationText(seconds)
    else if (option === 'expires' && seconds !== undefined) options['expires'] = durationText(seconds)
    else say(`its option ${option} is left out: ${shownInPython(value)}`)
  }
  for (const member of members.keys()) {
    if (!['task', 'schedule', 'args', 'kwargs', 'options', 'relative'].includes(member))
      say(`its member ${member} is left out`)
  }
  const indent = '    '
  const calls = [
    `app.remote(${typescriptOf(task)})`,
    `s(${args.map((arg) => typescriptOf(plain(arg), indent)).join(', ')})`,
    ...(Object.keys(set).length > 0 ? [`set(${typescriptOf(set, indent)})`] : []),
  ]
  const rest = Object.keys(options).length > 0 ? [options] : []
  const code = (value: unknown): string => typescriptOf(value, indent)
  const parts = [...schedule.first.map(code), calls.join('.'), ...rest.map(code)]
  const line = parts.join(', ')
  const isShort = line.length < WIDTH && !line.includes('\n')
  return new Code(`${schedule.kind}(${isShort ? line : `\n${parts.map((part) => `${indent}${part},\n`).join('')}  `})`)
}

/** A queue or exchange as an object is its name: that it is there is for `task_queues` to say. */
function nameOf(value: PythonValue): PythonValue {
  if (!isThing(value) || value.$ !== 'object' || !['Queue', 'Exchange'].includes(value.type)) return value
  return value.fields['name'] ?? null
}

/** A value that JSON has. @throws NotUnderstood */
function plain(value: PythonValue): unknown {
  if (isList(value)) return value.map(plain)
  if (!isThing(value)) return value
  const members = membersOf(value)
  if (!members) throw new NotUnderstood(`${shownInPython(value)} is nothing that JSON has`)
  return Object.fromEntries([...members].map(([name, member]) => [name, plain(member)]))
}
