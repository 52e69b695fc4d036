import { LovageError } from '../base/errors.ts'
import { bodyText, type ContentLimits, JSON_TYPE } from './content.ts'
import { decodeJson, encodeJson } from './json.ts'
import { pythonNumber } from './json-write.ts'
import type { Message } from './message.ts'
import { isRecord } from './signature.ts'

/** One thing that happened (celery/events/event.py): `task-succeeded`, `worker-heartbeat`, or a type of somebody's own. */
export interface CeleryEvent {
  readonly type: string
  /** Name of the node that tells it: `celery@host`; `gen<pid>@host` is a client. */
  readonly hostname: string
  /** Hours that the node's local time is behind UTC (Python's `time.altzone`). */
  readonly utcoffset: number
  readonly pid: number
  /** Lamport clock. */
  readonly clock: number
  /** Seconds since 1970. */
  readonly timestamp: number
  /** What its type has beside these: `uuid`, `result`, `freq`, ... */
  readonly fields: Readonly<Record<string, unknown>>
}

/** Most events of one message that are read. */
const MAX_BATCH = 10_000

/** The routing key of an event: `worker-online` goes as `worker.online`. */
export function eventKey(type: string): string {
  return type.replaceAll('-', '.')
}

/** The exchange of events. */
export const EVENT_EXCHANGE = 'celeryev'

/** Under this key go events of tasks, many in one message. */
export const TASK_BATCH_KEY = 'task.multi'

/**
 * One event as a message: its body is the event itself.
 * @throws LovageError `ENCODE_FAILED`
 */
export function encodeEvent(event: CeleryEvent): Message {
  return messageOf(event.hostname, eventText(event))
}

/**
 * Events of one node as a message, which goes under the routing key `task.multi`: its body is a list.
 * @throws LovageError `ENCODE_FAILED`
 */
export function encodeEvents(hostname: string, events: readonly CeleryEvent[]): Message {
  return joinEvents(hostname, events.map(eventText))
}

/** The same of events that are text already. */
export function joinEvents(hostname: string, texts: readonly string[]): Message {
  return messageOf(hostname, `[${texts.join(', ')}]`)
}

/**
 * The events of a message, one or many. What lacks a type, or is no event at all, is left out, and counted in `refused`.
 * @throws LovageError `CONTENT_REFUSED`, `BODY_UNDECODABLE`
 */
export function readEvents(
  message: Pick<Message, 'contentType' | 'body'>,
  limits?: ContentLimits,
): { readonly events: readonly CeleryEvent[]; readonly refused: number } {
  const { contentType, body } = message
  const read = decodeJson(bodyText({ contentType: contentType || JSON_TYPE, body }, limits))
  const all = Array.isArray(read) ? read : [read]
  if (all.length > MAX_BATCH) {
    const problem = `it holds ${all.length} events, more than ${MAX_BATCH}`
    throw new LovageError('BODY_UNDECODABLE', { contentType: JSON_TYPE, problem })
  }
  const events = all.map(eventOf).filter((event) => event !== undefined)
  return { events, refused: all.length - events.length }
}

/**
 * An event as JSON.
 * @throws LovageError `ENCODE_FAILED`
 */
export function eventText(event: CeleryEvent): string {
  const { hostname, utcoffset, pid, clock, fields, timestamp, type } = event
  // In Celery's order, so that a captured event and ours can be laid side by side. There are three for each task, so what
  // most of them hold is written without the machinery that finds the place of what cannot be.
  let text = `{"hostname": ${textOf(hostname, 'hostname')}, "utcoffset": ${textOf(utcoffset, 'utcoffset')}, `
  text += `"pid": ${textOf(pid, 'pid')}, "clock": ${textOf(clock, 'clock')}, `
  for (const name of Object.keys(fields)) {
    const value = fields[name]
    if (value !== undefined && !OWN.has(name)) text += `${textOf(name, name)}: ${textOf(value, name)}, `
  }
  return `${text}"timestamp": ${textOf(timestamp, 'timestamp')}, "type": ${textOf(type, 'type')}}`
}

/** No field takes the place of one of these. */
const OWN: ReadonlySet<string> = new Set(['hostname', 'utcoffset', 'pid', 'clock', 'timestamp', 'type'])

/** Nothing in it is escaped. */
const PLAIN = /^[ !#-[\]-~]*$/

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string' && PLAIN.test(value)) return `"${value}"`
  if (typeof value === 'number' && Number.isFinite(value)) return pythonNumber(value)
  return value === null ? 'null' : encodeJson(value, { path: `$.event.${name}` })
}

function messageOf(hostname: string, text: string): Message {
  return {
    headers: { hostname },
    body: Buffer.from(text),
    contentType: JSON_TYPE,
    contentEncoding: 'utf-8',
    deliveryMode: 1,
    priority: 0,
  }
}

/** A node that leaves out what only its display needs is heard all the same. */
function eventOf(value: unknown): CeleryEvent | undefined {
  if (!isRecord(value)) return undefined
  const { type, hostname, utcoffset, pid, clock, timestamp, ...fields } = value
  if (typeof type !== 'string' || type === '' || typeof hostname !== 'string' || hostname === '') return undefined
  return {
    type,
    hostname,
    utcoffset: numberOr(utcoffset, 0),
    pid: numberOr(pid, 0),
    clock: numberOr(clock, 0),
    timestamp: numberOr(timestamp, 0),
    fields,
  }
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
}
