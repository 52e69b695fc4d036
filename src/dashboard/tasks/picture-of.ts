import type { TaskPicture } from '../../fleet/task-picture.ts'
import { formatIso } from '../../protocol/iso-time.ts'
import { ENDS } from './take-event.ts'
import { stateText } from './states.ts'
import type { TaskTable } from './task-table.ts'

/** A task in the words of its events. */
export function pictureOf(table: TaskTable, slot: number): TaskPicture {
  const { columns } = table
  const number = (value: number | undefined): number | undefined =>
    value === undefined || Number.isNaN(value) ? undefined : value
  const seconds = (value: number | undefined): number | undefined => {
    const ms = number(value)
    return ms === undefined ? undefined : ms / 1000
  }
  const iso = (value: number | undefined): string | undefined => {
    const ms = number(value)
    return ms === undefined ? undefined : formatIso(ms)
  }
  const state = stateText(columns.state[slot] as number)
  const ended = seconds(columns.endedMs[slot])
  const moments = [
    ['sent', seconds(columns.sentMs[slot])],
    ['received', seconds(columns.receivedMs[slot])],
    ['started', seconds(columns.startedMs[slot])],
    [ENDS[state]?.slice('task-'.length), ended],
  ] as const
  const at = Object.fromEntries(moments.filter(([name, value]) => name !== undefined && value !== undefined))
  return {
    uuid: columns.id[slot] as string,
    state,
    name: table.nameText('name', slot) ?? undefined,
    args: columns.args[slot],
    kwargs: columns.kwargs[slot],
    result: columns.result[slot],
    exception: columns.error[slot],
    traceback: columns.traceback[slot],
    runtime: seconds(columns.runMs[slot]),
    retries: columns.retries[slot],
    eta: iso(columns.etaMs[slot]),
    expires: iso(columns.expiresMs[slot]),
    rootId: columns.rootId[slot] ?? (columns.id[slot] as string),
    parentId: columns.parentId[slot],
    queue: table.nameText('queue', slot) ?? undefined,
    exchange: table.nameText('exchange', slot) ?? undefined,
    routingKey: table.nameText('routingKey', slot) ?? undefined,
    worker: table.nameText('worker', slot) ?? undefined,
    client: table.nameText('client', slot) ?? undefined,
    clock: 0,
    at,
    timestamp: ended ?? Math.max(...moments.map(([, value]) => value ?? 0)),
  }
}
