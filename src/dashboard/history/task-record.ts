import { isRecord } from '../../protocol/signature.ts'
import { NAME_COLUMNS, TEXT_COLUMNS, TIME_COLUMNS } from '../tasks/columns.ts'
import { stateNumber, stateText } from '../tasks/states.ts'
import type { Redact } from '../tasks/take-event.ts'
import type { KeptEvent, TaskTable } from '../tasks/task-table.ts'

/** What an event that came first tells, and the live ones that were heard since do not tell again. */
const EARLY_NAMES = ['name', 'queue', 'client', 'exchange', 'routingKey'] as const
const EARLY_TEXTS = ['args', 'kwargs', 'rootId', 'parentId'] as const
const EARLY_TIMES = ['sentMs', 'receivedMs'] as const

/** A task as one line: what is not known is left out. */
export function recordOf(table: TaskTable, slot: number): string {
  const { columns } = table
  const record: Record<string, unknown> = {
    id: columns.id[slot],
    state: stateText(columns.state[slot] as number),
    retries: columns.retries[slot],
  }
  for (const column of TIME_COLUMNS) {
    const value = columns[column][slot] as number
    if (!Number.isNaN(value)) record[column] = value
  }
  for (const column of NAME_COLUMNS) record[column] = table.nameText(column, slot) ?? undefined
  for (const column of TEXT_COLUMNS) record[column] = columns[column][slot]
  const events = table.events(slot)
  if (events) record['events'] = events
  return JSON.stringify(record)
}

/**
 * Puts a task of another run behind all that are held, or adds to one that has been heard of since what only its earlier
 * events told. `full`: there is no room for it. Lines must come the newest first. They were written by the rules of their
 * day: `redact` takes out what those of today hide.
 */
export function restoreRecord(table: TaskTable, line: string, redact?: Redact): 'taken' | 'known' | 'full' {
  const record = parse(line)
  const id = record?.['id']
  if (!record || typeof id !== 'string' || id === '' || id.length > 255) return 'known'
  const held = table.find(id)
  if (held !== undefined) {
    table.rewrite()
    fill(table, held, record, redact)
    return 'known'
  }
  const slot = table.addOldest(id)
  if (slot === undefined) return 'full'
  const { columns } = table
  if (typeof record['state'] === 'string') columns.state[slot] = stateNumber(record['state'])
  columns.retries[slot] = numberOf(record['retries']) ?? 0
  for (const column of TIME_COLUMNS) columns[column][slot] = numberOf(record[column]) ?? NaN
  columns.updatedMs[slot] = numberOf(record['updatedMs']) ?? 0
  for (const column of NAME_COLUMNS) putName(table, column, slot, record)
  for (const column of TEXT_COLUMNS) putText(table, column, slot, record, redact)
  const events = Array.isArray(record['events']) ? (record['events'] as unknown[]).filter(isEvent) : []
  if (events.length > 0) table.keepEvents(slot, events)
  return 'taken'
}

function fill(
  table: TaskTable,
  slot: number,
  record: Readonly<Record<string, unknown>>,
  redact: Redact | undefined,
): void {
  const { columns } = table
  for (const column of EARLY_NAMES) if ((columns[column][slot] as number) < 0) putName(table, column, slot, record)
  for (const column of EARLY_TEXTS) {
    if (columns[column][slot] === undefined) putText(table, column, slot, record, redact)
  }
  for (const column of EARLY_TIMES) {
    if (Number.isNaN(columns[column][slot])) columns[column][slot] = numberOf(record[column]) ?? NaN
  }
}

function putName(
  table: TaskTable,
  column: (typeof NAME_COLUMNS)[number],
  slot: number,
  record: Readonly<Record<string, unknown>>,
): void {
  const value = record[column]
  if (typeof value === 'string') table.setName(column, slot, value)
}

function putText(
  table: TaskTable,
  column: (typeof TEXT_COLUMNS)[number],
  slot: number,
  record: Readonly<Record<string, unknown>>,
  redact: Redact | undefined,
): void {
  const value = record[column]
  if (typeof value !== 'string') return
  const isOfTask = column !== 'rootId' && column !== 'parentId'
  table.setText(column, slot, redact && isOfTask ? redact(column, value, table.nameText('name', slot)) : value)
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isEvent(value: unknown): value is KeptEvent {
  if (!isRecord(value)) return false
  const { type, atMs, worker } = value
  return typeof type === 'string' && typeof atMs === 'number' && (worker === null || typeof worker === 'string')
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
