import type { HeardEvent } from '../fleet/listener.ts'
import type { TaskPicture } from '../fleet/task-picture.ts'
import { pythonRepr } from '../protocol/python-repr.ts'
import { harmless, pad, type Paint, shownMs } from './paint.ts'
import { clockTime } from './log-lines.ts'

/** Columns that are wider than this stand out of line. */
const WIDEST = 40

/** Texts that are longer are cut where lines are for people. */
const LONGEST = 200

const COLORS: Readonly<Record<string, Parameters<Paint>[0]>> = {
  'task-succeeded': 'green',
  'task-failed': 'red',
  'task-retried': 'yellow',
  'task-rejected': 'yellow',
  'task-revoked': 'magenta',
  'task-started': 'cyan',
  'worker-online': 'green',
  'worker-offline': 'yellow',
}

/** Writes events as lines for people: time, worker, event, task, id, state, and what it says. */
export class LiveLines {
  readonly #paint: Paint
  readonly #widths = [0, 0, 0]

  constructor(paint: Paint) {
    this.#paint = paint
  }

  line(event: HeardEvent, task: TaskPicture | undefined): string {
    const { type, hostname, timestamp, fields } = event
    const paint = this.#paint
    const uuid = typeof fields['uuid'] === 'string' ? fields['uuid'] : ''
    const [worker, what, name] = [hostname, type, task?.name ?? ''].map((text, at) => this.#column(text, at))
    const parts = [
      paint('dim', clockTime(timestamp * 1000)),
      worker,
      paint(COLORS[type] ?? 'dim', what as string),
      ...(type.startsWith('task-') ? [name, paint('dim', harmless(uuid)), task?.state ?? ''] : []),
      harmless(detailOf(event)).slice(0, LONGEST),
    ]
    return parts.join('  ').trimEnd()
  }

  #column(text: string, at: number): string {
    const shown = harmless(text)
    const width = Math.max(this.#widths[at] as number, Math.min(WIDEST, shown.length))
    this.#widths[at] = width
    return pad(shown, width)
  }
}

/** What Celery's program calls some events. */
const HUMAN: Readonly<Record<string, string>> = {
  'worker-offline': 'shutdown',
  'worker-online': 'started',
  'worker-heartbeat': 'heartbeat',
}

/** An event as a line of `celery events --dump`; of a task of which more is known, with its name and arguments. */
export function dumpLine(event: HeardEvent, task: TaskPicture | undefined): string {
  const { hostname, timestamp, utcoffset, pid, clock, heardAtMs } = event
  const type = event.type.toLowerCase()
  const isTask = type.startsWith('task-')
  const { uuid, ...fields } = event.fields
  const rest: Record<string, unknown> = { ...fields, utcoffset, pid, clock, local_received: heardAtMs / 1000 }
  if (!isTask && uuid !== undefined) rest['uuid'] = uuid
  let named = ''
  if (isTask && task) named = `${task.name ?? ''}(${task.uuid}) args=${task.args ?? ''} kwargs=${task.kwargs ?? ''}`
  if (type === 'task-received' || type === 'task-sent') for (const name of ['name', 'args', 'kwargs']) delete rest[name]
  const shown = Object.keys(rest)
    .toSorted()
    .map((name) => `${name}=${asText(rest[name])}`)
    .join(', ')
  const what = HUMAN[type] ?? type.replaceAll('-', ' ')
  return harmless(`${hostname} [${pythonTime(timestamp)}] ${what}: ${isTask ? `${named} ` : ''}${shown}`)
}

/** An event as one line of JSON, in Celery's order. */
export function jsonLine({ hostname, utcoffset, pid, clock, fields, timestamp, type }: HeardEvent): string {
  const flat = { hostname, utcoffset, pid, clock, ...fields, timestamp, type }
  // Integers that JavaScript cannot hold go as they came.
  return JSON.stringify(flat, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

function detailOf({ type, fields }: HeardEvent): string {
  const { args = '', kwargs = '', result, exception, runtime } = fields
  switch (type) {
    case 'task-sent':
    case 'task-received':
      return `${asText(args)} ${asText(kwargs)}`
    case 'task-succeeded':
      return `${typeof runtime === 'number' ? `in ${shownMs(runtime * 1000)}: ` : ''}${asText(result)}`
    case 'task-failed':
    case 'task-retried':
      return asText(exception)
    case 'worker-online':
    case 'worker-heartbeat':
    case 'worker-offline': {
      const { active, processed, loadavg, sw_ident: ident, sw_ver: version } = fields
      const load = Array.isArray(loadavg) ? loadavg.join(' ') : ''
      return `${asText(active)} active, ${asText(processed)} processed, load ${load}, ${asText(ident)} ${asText(version)}`
    }
    default: {
      const { uuid: _uuid, traceback: _traceback, ...rest } = fields
      const shown = Object.entries(rest).map(([name, value]) => `${name}=${asText(value)}`)
      return shown.join(' ')
    }
  }
}

/** As Python's `str()` has it. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : pythonRepr(value)
}

/** As Python's `str(datetime)` has it, in UTC. */
function pythonTime(seconds: number): string {
  const micros = Math.round(seconds * 1e6)
  const date = new Date(Math.floor(micros / 1000))
  if (Number.isNaN(date.getTime())) return String(seconds)
  const fraction = micros % 1_000_000
  const whole = date.toISOString().slice(0, 19).replace('T', ' ')
  return fraction === 0 ? whole : `${whole}.${String(fraction).padStart(6, '0')}`
}
