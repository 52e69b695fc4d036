import type { Stretch, TaskDetail, TaskRow } from '../api-tasks.ts'
import { stateText } from './states.ts'
import { eventsOf } from './take-event.ts'
import type { KeptEvent, TaskTable } from './task-table.ts'

/** Longest texts of a row; the page of the task has the whole. */
const MOST_ROW_TEXT = 200

/** Tasks of one family that are told of. */
const MOST_FAMILY = 500

/** A task as a row of the list. */
export function rowOf(table: TaskTable, slot: number): TaskRow {
  return row(table, slot, MOST_ROW_TEXT)
}

function row(table: TaskTable, slot: number, most: number): TaskRow {
  const { columns } = table
  const [sentMs, receivedMs] = [known(columns.sentMs[slot]), known(columns.receivedMs[slot])]
  const [startedMs, endedMs] = [known(columns.startedMs[slot]), known(columns.endedMs[slot])]
  const waitedFrom = sentMs ?? receivedMs
  const text = (value: string | undefined): string | null =>
    value === undefined ? null : value.length > most ? `${value.slice(0, most)}…` : value
  return {
    id: columns.id[slot] as string,
    name: table.nameText('name', slot),
    state: stateText(columns.state[slot] as number),
    queue: table.nameText('queue', slot),
    worker: table.nameText('worker', slot),
    args: text(columns.args[slot]),
    kwargs: text(columns.kwargs[slot]),
    error: text(columns.error[slot]?.split('\n', 1)[0]),
    retries: columns.retries[slot] as number,
    sentMs,
    receivedMs,
    startedMs,
    endedMs,
    runMs: runOf(table, slot),
    // A machine whose clock is behind starts what was not sent yet.
    waitMs: startedMs !== null && waitedFrom !== null ? Math.max(0, startedMs - waitedFrom) : null,
    updatedMs: columns.updatedMs[slot] as number,
  }
}

/** From start to end, in milliseconds. */
export function runOf({ columns }: TaskTable, slot: number): number | null {
  const told = known(columns.runMs[slot])
  if (told !== null) return told
  const [startedMs, endedMs] = [columns.startedMs[slot] as number, columns.endedMs[slot] as number]
  const ranMs = endedMs - startedMs
  return Number.isNaN(ranMs) ? null : Math.max(0, ranMs)
}

/** All that is known of a task here. */
export function detailOf(table: TaskTable, slot: number): Omit<TaskDetail, 'asOfMs' | 'actions'> {
  const { columns } = table
  const events = table.events(slot) ?? eventsOf(table, slot)
  const error = columns.error[slot]
  return {
    ...row(table, slot, Infinity),
    error: error ?? null,
    stretches: stretchesOf(events),
    result: columns.result[slot] ?? null,
    traceback: columns.traceback[slot] ?? null,
    exceptionType: /^[\w.]+(?=\(|:|$)/.exec(error ?? '')?.[0] ?? null,
    etaMs: known(columns.etaMs[slot]),
    expiresMs: known(columns.expiresMs[slot]),
    client: table.nameText('client', slot),
    exchange: table.nameText('exchange', slot),
    routingKey: table.nameText('routingKey', slot),
    rootId: columns.rootId[slot] ?? (columns.id[slot] as string),
    parentId: columns.parentId[slot] ?? null,
    family: familyOf(table, slot),
    progress: null,
    events,
  }
}

/** What the time between events was. */
export function stretchesOf(events: readonly KeptEvent[]): Stretch[] {
  const all: Stretch[] = []
  let attempt = 0
  let open: { kind: Stretch['kind']; fromMs: number } | undefined
  const close = (toMs: number | null): void => {
    if (open) all.push({ ...open, toMs: toMs === null ? null : Math.max(toMs, open.fromMs), attempt })
    open = undefined
  }
  for (const { type, atMs } of inOrder(events)) {
    const kind = BEGINS[type]
    if (kind === undefined && !ENDINGS.has(type)) continue
    close(atMs)
    if (type === 'task-retried') attempt++
    if (kind !== undefined) open = { kind, fromMs: atMs }
  }
  close(null)
  return all
}

/**
 * By time; but a worker may have a message before its sender knows that the broker has it, and only then tells that it was
 * sent.
 */
function inOrder(events: readonly KeptEvent[]): KeptEvent[] {
  const sorted = events.toSorted((a, b) => a.atMs - b.atMs)
  for (const [at, event] of sorted.entries()) {
    if (event.type !== 'task-sent') continue
    const before = sorted.slice(0, at)
    const since = before.findLastIndex(({ type }) => type === 'task-retried') + 1
    const received = before.findIndex(({ type }, nth) => nth >= since && type === 'task-received')
    if (received < 0) continue
    sorted.splice(at, 1)
    sorted.splice(received, 0, { ...event, atMs: (before[received] as KeptEvent).atMs })
  }
  return sorted
}

const BEGINS: Readonly<Record<string, Stretch['kind']>> = {
  'task-sent': 'queued',
  'task-received': 'prefetched',
  'task-started': 'running',
  'task-retried': 'waiting',
}

const ENDINGS: ReadonlySet<string> = new Set(['task-succeeded', 'task-failed', 'task-revoked', 'task-rejected'])

/** Those with the same root, root first. */
function familyOf(table: TaskTable, slot: number): TaskDetail['family'] {
  const { columns } = table
  const root = columns.rootId[slot] ?? (columns.id[slot] as string)
  const rootSlot = table.find(root)
  const family = [...(rootSlot === undefined ? [] : [rootSlot]), ...table.kinOf(root, MOST_FAMILY - 1)]
  return family.map((each) => ({
    id: columns.id[each] as string,
    parentId: columns.parentId[each] ?? null,
    name: table.nameText('name', each),
    state: stateText(columns.state[each] as number),
  }))
}

/** A number of a column; null: it is not known. */
export function known(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value
}
