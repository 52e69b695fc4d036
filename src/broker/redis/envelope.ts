import { isLovageError } from '../../base/errors.ts'
import { decodeRawJson, encodeJson } from '../../protocol/json.ts'
import { quoteJson } from '../../protocol/json-write.ts'
import type { Message } from '../../protocol/message.ts'
import type { Destination } from '../broker.ts'
import { readHeaders } from './header-forms.ts'
import { endOfValue, memberOf, withMember } from './json-text.ts'
import { type KnownHeaders, writeFully } from './known-headers.ts'

/** What our property of an envelope is called, and which version of it this is. */
const OURS = 'x-lovage'
const VERSION = 1

/** How kombu begins one, so that a body need not be read as JSON. */
const KOMBU_BEGINS = '{"body": "'

/** The parts of an envelope between which the script that publishes puts the priority and the delivery tag. */
export interface EnvelopeParts {
  readonly head: string
  readonly tail: string
}

/** What an element of a list says. */
export interface Envelope {
  readonly message: Message
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  /** As Redis has it: 0 is served first. */
  readonly wirePriority: number
}

/**
 * A message as kombu writes it, until the priority, and from behind the delivery tag. Our own property is there only where
 * kombu's form cannot tell what the message was.
 * @param known of the messages before it that went the same way
 * @throws LovageError `ENCODE_FAILED`
 */
export function writeEnvelope(message: Message, to: Destination, known?: KnownHeaders): EnvelopeParts {
  const { body, headers, contentType, contentEncoding, deliveryMode, priority, expirationMs } = message
  const { text: headersText, exact } = known ? known.write(headers) : writeFully(headers)
  const { correlationId, replyTo, messageId, appId, type, timestamp, userId } = message
  const expiration = expirationMs === undefined ? undefined : String(Math.ceil(expirationMs))
  // Member by member: each message passes here, and as an object it would cost twice as much.
  const properties =
    member('correlation_id', correlationId) +
    member('reply_to', replyTo) +
    member('message_id', messageId) +
    member('app_id', appId) +
    member('type', type) +
    (timestamp === undefined ? '' : `"timestamp": ${timestamp}, `) +
    member('user_id', userId) +
    `"delivery_mode": ${deliveryMode}, ` +
    member('expiration', expiration) +
    `"delivery_info": {"exchange": ${quoteJson(to.exchange)}, "routing_key": ${quoteJson(to.routingKey)}}`
  const base64 = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64')
  const content = `"content-encoding": ${textOrNull(contentEncoding)}, "content-type": ${textOrNull(contentType)}`
  const head = `${KOMBU_BEGINS}${base64}", ${content}, "headers": ${headersText}, "properties": {${properties}, "priority": `
  if (priority === 0 && !exact) return { head, tail: '}}' }
  const ours = {
    ...(priority !== 0 && { priority: priority ?? null }),
    ...(exact && { headers: exact }),
  }
  return { head, tail: `, "${OURS}": ${encodeJson({ version: VERSION, ...ours })}}}` }
}

function member(name: string, text: string | undefined): string {
  return text === undefined ? '' : `"${name}": ${quoteJson(text)}, `
}

function textOrNull(text: string): string {
  return text === '' ? 'null' : quoteJson(text)
}

/**
 * Reads an element of a list. `highest` is the queue's own highest priority, where one was declared. What is no envelope
 * comes as a message of no content type, so that whoever reads it sees it, and can put it aside.
 */
export function readEnvelope(text: string, queue: string, highest: number | undefined): Envelope {
  const fields = fieldsOf(text)
  if (!fields) return strange(text, queue)
  const { body, headers, properties } = fields
  const info = objectOf(properties['delivery_info'])
  const ours = objectOf(properties[OURS])
  const redelivered = info['redelivered'] === true || headers['redelivered'] === true
  // kombu's mark of a redelivery: kept, it would go along when the message is sent on.
  if (headers['redelivered'] === true) delete headers['redelivered']
  const wirePriority = wireOf(properties['priority'])
  const encoding = properties['body_encoding']
  const message = {
    headers: readHeaders(headers, ours['headers']),
    body: Buffer.from(body, encoding === 'base64' ? 'base64' : 'utf8'),
    contentType: textOf(fields.contentType) ?? '',
    contentEncoding: textOf(fields.contentEncoding) ?? '',
    deliveryMode: properties['delivery_mode'] === 1 ? (1 as const) : (2 as const),
    ...present('priority', priorityOf(ours, wirePriority, highest)),
    ...present('correlationId', textOf(properties['correlation_id'])),
    ...present('replyTo', textOf(properties['reply_to'])),
    ...present('expirationMs', numberOf(properties['expiration'])),
    ...present('messageId', textOf(properties['message_id'])),
    ...present('type', textOf(properties['type'])),
    ...present('appId', textOf(properties['app_id'])),
    ...present('timestamp', numberOf(properties['timestamp'])),
    ...present('userId', textOf(properties['user_id'])),
  }
  return {
    message,
    exchange: textOf(info['exchange']) ?? '',
    routingKey: textOf(info['routing_key']) ?? queue,
    redelivered,
    wirePriority,
  }
}

/** The envelope with kombu's marks of a redelivery, and nothing else changed. */
export function markRedelivered(text: string): string {
  const headers = memberOf(text, 0, 'headers')
  const marked = headers ? withMember(text, headers.start, 'redelivered', 'true') : text
  const properties = memberOf(marked, 0, 'properties')
  const info = properties && memberOf(marked, properties.start, 'delivery_info')
  return info ? withMember(marked, info.start, 'redelivered', 'true') : marked
}

/** What kombu keeps of a message that is in somebody's hands: `[envelope, exchange, routing key]`. */
export function readEntry(entry: string): { text: string; exchange: string; routingKey: string } | undefined {
  const end = entry.startsWith('[') ? endOfValue(entry, 1) : 0
  if (end <= 1) return undefined
  try {
    const [, exchange, routingKey] = JSON.parse(`[0${entry.slice(end)}`) as [number, unknown, unknown]
    return { text: entry.slice(1, end), exchange: textOf(exchange) ?? '', routingKey: textOf(routingKey) ?? '' }
  } catch {
    return undefined
  }
}

/** Which of the four lists of a queue a priority of Redis has: 0 to 3. */
export function stepOf(wirePriority: number): number {
  return Math.min(3, Math.floor(wirePriority / 3))
}

interface Fields {
  readonly body: string
  readonly headers: Record<string, unknown>
  readonly properties: Record<string, unknown>
  readonly contentType: unknown
  readonly contentEncoding: unknown
}

function fieldsOf(text: string): Fields | undefined {
  let body: string | undefined
  let rest = text
  if (text.startsWith(KOMBU_BEGINS)) {
    const end = text.indexOf('"', KOMBU_BEGINS.length)
    const inner = text.slice(KOMBU_BEGINS.length, end)
    if (text.startsWith('", ', end) && !inner.includes('\\')) {
      body = inner
      rest = `{${text.slice(end + 3)}`
    }
  }
  let value: unknown
  try {
    value = decodeRawJson(rest)
  } catch (error) {
    if (isLovageError(error)) return undefined
    throw error
  }
  const envelope = objectOf(value)
  body ??= textOf(envelope['body']) ?? ''
  if (envelope['properties'] === undefined) return undefined
  return {
    body,
    headers: objectOf(envelope['headers']),
    properties: objectOf(envelope['properties']),
    contentType: envelope['content-type'],
    contentEncoding: envelope['content-encoding'],
  }
}

function strange(text: string, queue: string): Envelope {
  const message: Message = {
    headers: {},
    body: Buffer.from(text),
    contentType: '',
    contentEncoding: '',
    deliveryMode: 2,
  }
  return { message, exchange: '', routingKey: queue, redelivered: false, wirePriority: 0 }
}

/** RabbitMQ's direction: the highest is served first. */
function priorityOf(
  ours: Record<string, unknown>,
  wirePriority: number,
  highest: number | undefined,
): number | undefined {
  if (typeof ours['priority'] === 'number') return ours['priority']
  if (ours['priority'] === null) return undefined
  if (highest) return Math.round(((9 - wirePriority) * highest) / 9)
  // Where no highest was declared, 0 is the default of both directions.
  return wirePriority === 0 ? 0 : 9 - wirePriority
}

function wireOf(value: unknown): number {
  const number = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : 0
  return Number.isFinite(number) ? Math.max(0, Math.min(9, Math.trunc(number))) : 0
}

function present<K extends string, T>(name: K, value: T | undefined): { [name in K]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]?: T })
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : undefined
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}
