import { LovageError } from '../base/errors.ts'
import { checkHeaders } from './check-headers.ts'
import { queueArguments } from './queue-arguments.ts'
import type { Message } from '../protocol/message.ts'
import type { Destination, QueueSpec, Topology } from './broker.ts'

/** A short text of AMQP has its length in one byte. */
const MOST_TEXT_BYTES = 255

const TEXTS = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'messageId',
  'type',
  'appId',
  'userId',
] as const satisfies readonly (keyof Message)[]

/**
 * Refuses what has no form on the wire, headers excepted: for every kind of broker alike, so that what one takes the
 * other takes too.
 * @throws LovageError `MESSAGE_TOO_LARGE`, `ENCODE_FAILED`
 */
export function checkMessage(message: Message, to: Destination, limit: number): void {
  const size = message.body.byteLength
  if (size > limit) throw new LovageError('MESSAGE_TOO_LARGE', { size, limit })
  const { priority, timestamp, expirationMs, deliveryMode } = message
  if (priority !== undefined && !isInteger(priority, 255)) throw refused('priority', 'is not an integer from 0 to 255')
  if (timestamp !== undefined && !isInteger(timestamp)) throw refused('timestamp', 'is not a whole number of seconds')
  if (expirationMs !== undefined && !(expirationMs >= 0)) throw refused('expirationMs', 'is not a number from 0 up')
  if (deliveryMode !== 1 && deliveryMode !== 2) throw refused('deliveryMode', 'is neither 1 nor 2')
  for (const name of TEXTS) {
    const text = message[name]
    if (text !== undefined) checkName(text, name)
  }
  checkName(to.exchange, 'exchange')
  checkName(to.routingKey, 'routingKey')
}

/**
 * A message as it waits for its time: without its expiration, which would count from now.
 * @throws LovageError `ENCODE_FAILED` for a time that is none
 */
export function delayedMessage(message: Message, atMs: number): Message {
  if (!Number.isFinite(atMs)) throw refused('atMs', 'is not a time in milliseconds')
  const { expirationMs: _, ...rest } = message
  return rest
}

/** @throws LovageError `ENCODE_FAILED` when a short text is too long, or none */
function checkName(text: string, name: string): void {
  if (typeof text !== 'string') throw refused(name, 'is not a text')
  // No character of a text takes more than three bytes of UTF-8.
  if (text.length * 3 <= MOST_TEXT_BYTES || Buffer.byteLength(text) <= MOST_TEXT_BYTES) return
  throw refused(name, `is longer than ${MOST_TEXT_BYTES} bytes`)
}

/** @throws LovageError `ENCODE_FAILED` */
export function checkNames({ exchanges = [], queues = [], bindings = [] }: Topology): void {
  for (const { name } of exchanges) checkName(name, 'exchange')
  for (const { name } of queues) checkName(name, 'queue')
  for (const { routingKey } of bindings) checkName(routingKey, 'routingKey')
}

/**
 * Refuses a queue whose limits or arguments have no form on the wire.
 * @throws LovageError `ENCODE_FAILED`
 */
export function checkQueue(spec: QueueSpec): void {
  checkName(spec.name, 'queue')
  checkHeaders(queueArguments(spec), '$.arguments')
  for (const name of ['expiresMs', 'messageTtlMs', 'maxLength'] as const) {
    const limit = spec[name]
    if (limit === undefined || (typeof limit === 'number' && limit >= 0)) continue
    throw new LovageError('ENCODE_FAILED', { path: `$.${name}`, problem: 'it is not a number from 0 up' })
  }
  const { maxPriority } = spec
  if (maxPriority === undefined || isInteger(maxPriority, 255)) return
  throw refused('maxPriority', 'is not an integer from 0 to 255')
}

function isInteger(value: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= most
}

function refused(name: string, problem: string): LovageError {
  return new LovageError('ENCODE_FAILED', { path: `$.${name}`, problem: `it ${problem}` })
}
