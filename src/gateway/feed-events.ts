import { readEntry } from '../app/stream-log.ts'
import type { LogEntry, LogPage } from '../store/store.ts'
import { webJson } from './web-json.ts'

/** How far somebody has read. */
export interface Cursor {
  /** Position in the stream's log, and how many of the parts of that entry. */
  readonly position: number
  readonly index: number
  /** Number of the last part. */
  readonly count: number
}

/** One thing that a stream tells its readers. */
export interface FeedEvent extends Cursor {
  /** As it goes out; undefined: it is told to nobody. */
  readonly text: Buffer | undefined
  /** With a restart: the first part that is void. Who has not got it need not be told. */
  readonly voidFrom?: number
}

/** `id:` of the end: who has got it has got all. */
export const END_ID = 'end'

/** One event as it stands on the wire. `id` is what a client sends in `Last-Event-ID` to go on behind it. */
export function eventText(event: string, data: unknown, id?: string): Buffer {
  // JSON has no line ends of its own.
  return Buffer.from(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${webJson(data)}\n\n`)
}

/** A cursor as an `id:`. */
function idOf({ position, index, count }: Cursor): string {
  return `${position}.${index}.${count}`
}

/** What a client has sent as `Last-Event-ID`; undefined: it is none of ours. */
export function readCursor(id: string): Cursor | undefined {
  const match = /^(\d{1,16})\.(\d{1,6})\.(\d{1,15})$/.exec(id)
  if (!match) return undefined
  const [position = 0, index = 0, count = 0] = match.slice(1).map(Number)
  return Number.isSafeInteger(position) && position > 0 ? { position, index, count } : undefined
}

/** Whether `one` is behind `other`. */
export function isBehind(one: Cursor, other: Cursor): boolean {
  return one.position < other.position || (one.position === other.position && one.index < other.index)
}

/** What a page of a stream's log tells who has read up to `from`. */
export function eventsOf({ entries, isGapped }: LogPage, from: Cursor): FeedEvent[] {
  const events: FeedEvent[] = []
  let { count } = from
  let mayBeGapped = isGapped
  for (const entry of entries) {
    const read = readEntry(entry.value)
    if (read?.kind === 'parts') {
      if (mayBeGapped && read.from > count + 1) events.push(gap(entry, read.from - 1))
      mayBeGapped = false
      for (const [at, part] of read.parts.entries()) {
        const cursor = { position: entry.position, index: at + 1, count: read.from + at }
        if (isBehind(from, cursor)) events.push({ ...cursor, text: eventText('part', part, idOf(cursor)) })
        count = cursor.count
      }
    } else if (read?.kind === 'restart') {
      count = read.from - 1
      const cursor = { position: entry.position, index: 1, count }
      const text = eventText('restart', { from: read.from }, idOf(cursor))
      if (isBehind(from, cursor)) events.push({ ...cursor, text, voidFrom: read.from })
    } else {
      events.push({ position: entry.position, index: 1, count, text: undefined })
    }
  }
  return events
}

function gap({ position }: LogEntry, through: number): FeedEvent {
  return { position, index: 0, count: through, text: eventText('gap', { through }) }
}
