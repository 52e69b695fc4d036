import { boundedMatch } from '../base/bounded-match.ts'
import { LovageError } from '../base/errors.ts'
import { bodyText, type ContentLimits, JSON_TYPE } from './content.ts'
import { globSource } from './glob.ts'
import { plainHeader } from './headers.ts'
import { decodeJson, encodeJson } from './json.ts'
import type { Message } from './message.ts'
import { isRecord } from './signature.ts'

/** A command to one, some or all nodes (kombu/pidbox.py, celery/app/control.py). */
export interface ControlRequest {
  /** `ping`, `revoke`, `rate_limit`, ... */
  readonly method: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Names of the nodes it is for; null: see `pattern`. */
  readonly destination: readonly string[] | null
  /** With `matcher`: the nodes whose name it matches; null: all. */
  readonly pattern: string | null
  readonly matcher: string | null
  /** Lamport clock of who asks. */
  readonly clock: number
  /** Set where an answer is wanted. */
  readonly reply?: ControlAddress
}

/** Where an answer goes, and which question it is to. */
export interface ControlAddress {
  readonly ticket: string
  readonly exchange: string
  readonly routingKey: string
}

/** What one node answered. */
export interface ControlReply {
  readonly ticket: string
  readonly hostname: string
  /** `{ ok: ... }`, `{ error: ... }`, or a value of the command's own. */
  readonly value: unknown
  readonly clock: number
}

/**
 * A command as a message for the fanout exchange `celery.pidbox`.
 * @param expiresS until when it may be answered, in seconds since 1970; 0: for ever
 * @throws LovageError `ENCODE_FAILED`
 */
export function encodeControl(request: ControlRequest, expiresS = 0): Message {
  const { method, arguments: given, destination, pattern, matcher, reply, clock } = request
  const body = {
    method,
    arguments: given,
    destination,
    pattern,
    matcher,
    ...(reply && {
      ticket: reply.ticket,
      reply_to: { exchange: reply.exchange, routing_key: reply.routingKey },
    }),
  }
  return messageOf({ clock, expires: expiresS }, encodeJson(body), 2)
}

/**
 * Reads a command.
 * @throws LovageError `CONTENT_REFUSED`, `BODY_UNDECODABLE`, `MESSAGE_INVALID`
 */
export function readControl(
  message: Pick<Message, 'contentType' | 'body' | 'headers'>,
  limits?: ContentLimits,
): ControlRequest {
  const read = readObject(message, limits)
  const { method, arguments: given, destination, pattern, matcher, ticket, reply_to: replyTo } = read
  if (typeof method !== 'string' || method === '') throw invalid('it names no method')
  if (given !== undefined && given !== null && !isRecord(given)) throw invalid('its arguments are no object')
  const reply = addressOf(ticket, replyTo)
  return {
    method,
    arguments: isRecord(given) ? given : {},
    destination: destinationOf(destination),
    pattern: typeof pattern === 'string' ? pattern : null,
    matcher: typeof matcher === 'string' ? matcher : null,
    clock: clockOf(message),
    ...(reply && { reply }),
  }
}

/**
 * Whether a command is for a node: as Celery's Mailbox decides it (kombu/pidbox.py). A `pcre` pattern is matched from the
 * beginning of the name, as Python's `re.match` does; one that JavaScript cannot read, or that takes too long, matches
 * nobody.
 */
export function isFor({ destination, pattern, matcher }: ControlRequest, hostname: string): boolean {
  // An empty list names nobody, and to Python that is as if there were none.
  if (destination && destination.length > 0) return destination.includes(hostname)
  if (!pattern || !matcher) return true
  const expression = matcher === 'glob' ? globSource(pattern) : matcher === 'pcre' ? `(?:${pattern})` : undefined
  return expression !== undefined && pattern.length <= MAX_PATTERN && boundedMatch(`^${expression}`, hostname)
}

/**
 * An answer as a message for the exchange that the command named.
 * @throws LovageError `ENCODE_FAILED`
 */
export function encodeReply({ ticket, hostname, value, clock }: ControlReply): Message {
  return messageOf({ ticket, clock }, encodeJson({ [hostname]: value }, { path: '$.reply' }), 1)
}

/**
 * Reads an answer: that of one node.
 * @throws LovageError `CONTENT_REFUSED`, `BODY_UNDECODABLE`, `MESSAGE_INVALID`
 */
export function readReply(
  message: Pick<Message, 'contentType' | 'body' | 'headers'>,
  limits?: ContentLimits,
): ControlReply {
  const read = readObject(message, limits)
  const [first] = Object.entries(read)
  const ticket = plainHeader(message.headers.ticket)
  if (!first) throw invalid('it names no node')
  if (typeof ticket !== 'string') throw invalid('it has no ticket')
  return { ticket, hostname: first[0], value: first[1], clock: clockOf(message) }
}

/** Longest pattern of names that is tried: they come from whoever can reach the broker. */
const MAX_PATTERN = 1000

function readObject(message: Pick<Message, 'contentType' | 'body'>, limits?: ContentLimits): Record<string, unknown> {
  const { contentType, body } = message
  const read = decodeJson(bodyText({ contentType: contentType || JSON_TYPE, body }, limits))
  if (!isRecord(read)) throw invalid('it is not an object')
  return read
}

function destinationOf(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return null
  // Celery's own client sends a list; a single name is what people write by hand.
  const names = typeof value === 'string' ? [value] : value
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names
  throw invalid('its destination is no list of names')
}

function addressOf(ticket: unknown, replyTo: unknown): ControlAddress | undefined {
  if (!isRecord(replyTo)) return undefined
  const { exchange, routing_key: routingKey } = replyTo
  if (typeof exchange !== 'string' || typeof routingKey !== 'string') throw invalid('its reply_to is no address')
  return { ticket: typeof ticket === 'string' ? ticket : '', exchange, routingKey }
}

function clockOf({ headers }: Pick<Message, 'headers'>): number {
  const clock = plainHeader(headers.clock)
  return typeof clock === 'number' && Number.isFinite(clock) ? clock : 0
}

function messageOf(headers: Message['headers'], text: string, deliveryMode: 1 | 2): Message {
  const body = Buffer.from(text)
  return { headers, body, contentType: JSON_TYPE, contentEncoding: 'utf-8', deliveryMode, priority: 0 }
}

function invalid(problem: string): LovageError {
  return new LovageError('MESSAGE_INVALID', { problem: `${problem}, so it is no command` })
}
