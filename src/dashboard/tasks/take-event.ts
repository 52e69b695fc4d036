import type { HeardEvent } from '../../fleet/listener.ts'
import { parseIso } from '../../protocol/iso-time.ts'
import type { NameColumn, TextColumn } from './columns.ts'
import {
  FAILURE,
  isLate,
  RECEIVED,
  REJECTED,
  RETRY,
  REVOKED,
  STARTED,
  stateAfter,
  stateText,
  SUCCESS,
} from './states.ts'
import type { KeptEvent, TaskTable } from './task-table.ts'

/** Takes what nobody may read out of a text, before anything keeps it. */
export type Redact = (field: TextColumn, text: string, task: string | null) => string

/** What an event has come to. */
export interface Taken {
  readonly slot: number
  /** `sent`, `received`, ... */
  readonly what: string
}

/** Of longer texts the beginning is kept. */
const MOST_TEXT = 4096
const MOST_TRACEBACK = 16 * 1024

/** Longest id, and longest name: what a short string of AMQP can hold. */
const MOST_NAME = 255

/** So that what a name of a type means is found without cutting it. */
const kinds = new Map<string, { readonly what: string; readonly state: number }>()

/** Types of tasks' own that are remembered. */
const MOST_KINDS = 1000

function kindOf(type: string): { readonly what: string; readonly state: number } | undefined {
  const known = kinds.get(type)
  if (known || !type.startsWith('task-')) return known
  const what = type.slice('task-'.length)
  const kind = { what, state: what === 'sent' ? 0 : stateAfter(what) }
  if (kinds.size < MOST_KINDS) kinds.set(type, kind)
  return kind
}

/** Takes an event into the table. Undefined: it is not of a task. `queueOf` says what queue a worker reads, if it is one. */
export function takeEvent(
  table: TaskTable,
  event: HeardEvent,
  queueOf: (worker: string) => string | undefined,
  redact?: Redact,
): Taken | undefined {
  const { type, hostname, timestamp, heardAtMs, fields } = event
  const kind = kindOf(type)
  if (!kind) return undefined
  const { uuid } = fields
  if (typeof uuid !== 'string' || uuid === '' || uuid.length > MOST_NAME || hostname.length > MOST_NAME)
    return undefined
  const { what, state } = kind
  const isNew = table.find(uuid) === undefined
  const slot = table.touch(uuid, heardAtMs)
  const { columns } = table
  const now = columns.state[slot] as number
  const atMs = timestamp > 0 ? timestamp * 1000 : heardAtMs
  if (!isNew && (isRepeated(table, slot, state, what) || table.events(slot) !== undefined)) {
    const before = table.events(slot) ?? eventsOf(table, slot)
    const worker = what === 'sent' ? null : hostname
    const next: KeptEvent = { type, atMs, worker }
    table.keepEvents(slot, table.events(slot) ? [next] : [...before, next])
  }
  const late = isLate(state, now)
  if (!late) columns.state[slot] = state
  table.setName(what === 'sent' ? 'client' : 'worker', slot, hostname)
  stamp(table, slot, state, atMs, late)
  takeFields(table, slot, fields, redact)
  if (state === RECEIVED && columns.queue[slot] === -1) {
    const queue = queueOf(hostname)
    if (queue !== undefined) table.setName('queue', slot, queue)
  }
  return { slot, what }
}

/** The columns have room for one event of each kind. */
function isRepeated(table: TaskTable, slot: number, state: number, what: string): boolean {
  const { columns } = table
  switch (state) {
    case 0:
      return what !== 'sent' || !Number.isNaN(columns.sentMs[slot])
    case RECEIVED:
      return !Number.isNaN(columns.receivedMs[slot])
    case STARTED:
      return !Number.isNaN(columns.startedMs[slot])
    case SUCCESS:
    case FAILURE:
    case REVOKED:
    case REJECTED:
    case RETRY:
      return !Number.isNaN(columns.endedMs[slot])
    default:
      return true
  }
}

function stamp(table: TaskTable, slot: number, state: number, atMs: number, late: boolean): void {
  const { columns } = table
  switch (state) {
    case 0:
      columns.sentMs[slot] = atMs
      return
    case RECEIVED:
      if (late && !Number.isNaN(columns.receivedMs[slot])) return
      columns.receivedMs[slot] = atMs
      // Another try: what the one before has come to is in the events.
      if (!late) columns.startedMs[slot] = columns.endedMs[slot] = columns.runMs[slot] = NaN
      return
    case STARTED:
      if (late && !Number.isNaN(columns.startedMs[slot])) return
      columns.startedMs[slot] = atMs
      if (!late) columns.endedMs[slot] = NaN
      return
    case SUCCESS:
    case FAILURE:
    case RETRY:
    case REVOKED:
    case REJECTED:
      if (!late) columns.endedMs[slot] = atMs
  }
}

function takeFields(
  table: TaskTable,
  slot: number,
  fields: Readonly<Record<string, unknown>>,
  redact: Redact | undefined,
): void {
  const { columns } = table
  // What may be shown of the texts depends on it, wherever it stands among them.
  if (fields['name'] !== undefined) putName(table, 'name', slot, fields['name'])
  for (const field in fields) {
    const value = fields[field]
    if (value === null || value === undefined) continue
    switch (field) {
      case 'queue':
      case 'exchange':
        putName(table, field, slot, value)
        break
      case 'routing_key':
        putName(table, 'routingKey', slot, value)
        break
      case 'args':
      case 'kwargs':
      case 'result':
        putText(table, field, slot, value, MOST_TEXT, redact)
        break
      case 'exception':
        putText(table, 'error', slot, value, MOST_TEXT, redact)
        break
      case 'traceback':
        putText(table, 'traceback', slot, value, MOST_TRACEBACK, redact)
        break
      case 'root_id':
        if (value !== columns.id[slot]) putText(table, 'rootId', slot, value, MOST_NAME, undefined)
        break
      case 'parent_id':
        putText(table, 'parentId', slot, value, MOST_NAME, undefined)
        break
      case 'runtime':
        if (typeof value === 'number') columns.runMs[slot] = value * 1000
        break
      case 'retries':
        if (typeof value === 'number') columns.retries[slot] = value
        break
      case 'eta':
        columns.etaMs[slot] = timeOf(value)
        break
      case 'expires':
        columns.expiresMs[slot] = timeOf(value)
    }
  }
}

function putName(table: TaskTable, column: NameColumn, slot: number, value: unknown): void {
  if (typeof value === 'string') table.setName(column, slot, value.length > MOST_NAME ? cut(value, MOST_NAME) : value)
}

function putText(
  table: TaskTable,
  column: TextColumn,
  slot: number,
  value: unknown,
  most: number,
  redact: Redact | undefined,
): void {
  if (typeof value !== 'string') return
  const told = redact ? redact(column, value, table.nameText('name', slot)) : value
  table.setText(column, slot, told.length > most ? cut(told, most) : told)
}

/** A part of a text keeps the whole of it in memory, unless it is made anew. */
function cut(text: string, most: number): string {
  return Buffer.from(`${text.slice(0, most - 1)}…`).toString()
}

function timeOf(value: unknown): number {
  if (typeof value === 'number') return value * 1000
  if (typeof value !== 'string') return NaN
  try {
    return parseIso(value)
  } catch {
    return NaN
  }
}

/** The events of a task that the columns tell, the oldest first. */
export function eventsOf(table: TaskTable, slot: number): KeptEvent[] {
  const { columns } = table
  const worker = table.nameText('worker', slot)
  const ended = stateText(columns.state[slot] as number)
  const all: KeptEvent[] = [
    { type: 'task-sent', atMs: columns.sentMs[slot] as number, worker: null },
    { type: 'task-received', atMs: columns.receivedMs[slot] as number, worker },
    { type: 'task-started', atMs: columns.startedMs[slot] as number, worker },
    { type: ENDS[ended] ?? 'task-ended', atMs: columns.endedMs[slot] as number, worker },
  ]
  return all.filter(({ atMs }) => !Number.isNaN(atMs))
}

/** The event that each state ends with. */
export const ENDS: Readonly<Record<string, string>> = {
  SUCCESS: 'task-succeeded',
  FAILURE: 'task-failed',
  RETRY: 'task-retried',
  REVOKED: 'task-revoked',
  REJECTED: 'task-rejected',
}
