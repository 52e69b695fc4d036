import { createHash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { isLovageError, LovageError } from '../base/errors.ts'
import {
  type HeaderValue,
  type Headers,
  LEASE_HEADER,
  plainHeader,
  STARTS_HEADER,
  UNKNOWN_HEADER,
} from '../protocol/headers.ts'
import { formatIso, isoTime } from '../protocol/iso-time.ts'
import type { Message } from '../protocol/message.ts'
import type { Broker, BrokerAdmin, Delivery } from './broker.ts'

/** How the headers that we add begin. */
const PREFIX = 'x-lovage-dead-'

/** Version of those headers. */
const VERSION = 1

/** Longest message of a reason that is kept. */
const REASON_CHARACTERS = 1000

const DAY_MS = 86_400_000

/** Why a message was put aside. */
export interface DeadReason {
  /** Stable, made to be compared: a code of the error table. */
  readonly code: string
  readonly message: string
}

/** What a queue of dead letters keeps; beyond it the oldest go. */
export interface DeadLimits {
  /** Default 10,000. */
  readonly maxLength?: number
  /** Default 14 days. */
  readonly ageMs?: number
  /** What the queue is called whose dead letter it is. Default: the one that it was read from. */
  readonly queue?: string
}

/** One message that was put aside. */
export interface DeadLetter {
  /** Its id and reason: what {@link requeueDead} and {@link dropDead} take. */
  readonly key: string
  /** Of the task; of a message that has none, a fingerprint. */
  readonly id: string
  /** Undefined when no task header could be read. */
  readonly task: string | undefined
  readonly reason: DeadReason
  /** Where it came from. */
  readonly queue: string
  /** Milliseconds since 1970; undefined when unknown. */
  readonly atMs: number | undefined
  /** As it was before it was put aside. */
  readonly message: Message
}

/** The queue that takes what `queue` cannot deal with. */
export function deadQueueOf(queue: string): string {
  return `${queue}.dead`
}

/** Where each broker is known to have its dead letters. */
const known = new WeakMap<Broker, Set<string>>()

/**
 * Puts a message aside: publishes a copy to the dead letters of its queue, waits for the confirmation, then acks. When
 * this rejects, the delivery is still unsettled. A process that dies in between leaves the message in both places; both
 * copies have the same key.
 * @returns what `ack` returned
 * @throws LovageError as `declare` and `publish` do
 */
export async function deadLetter(
  broker: Broker,
  delivery: Delivery,
  reason: DeadReason,
  clock: Clock,
  limits: DeadLimits = {},
): Promise<boolean> {
  const { queue: from = delivery.queue } = limits
  const queue = deadQueueOf(from)
  const atMs = clock.now()
  try {
    await put(broker, queue, deadMessage(delivery, from, reason, atMs), limits)
  } catch (error) {
    if (!isLovageError(error, 'ENCODE_FAILED')) throw error
    // It was read with headers that cannot be written with ours beside them: those that tell what it is must do.
    await put(broker, queue, deadMessage(delivery, from, reason, atMs, essential(delivery.message.headers)), limits)
  }
  return delivery.ack()
}

/**
 * The dead letters of a queue, oldest first, each key once.
 * @throws LovageError `CAPABILITY_MISSING`
 */
export async function listDead(broker: Broker, queue: string, limit = 100): Promise<DeadLetter[]> {
  const found = new Map<string, DeadLetter>()
  await visitDead(broker, queue, (letter) => {
    if (found.size < limit && !found.has(letter.key)) found.set(letter.key, letter)
  })
  return [...found.values()]
}

/**
 * Sends dead letters back to the queues they came from, as new: without their count of deaths. Returns how many.
 * @throws LovageError as `publish` does; what was not sent by then stays
 */
export async function requeueDead(broker: Broker, queue: string, keys: 'all' | readonly string[]): Promise<number> {
  const done = new Set<string>()
  await visitDead(broker, queue, async (letter, delivery) => {
    if (keys !== 'all' && !keys.includes(letter.key)) return
    // A second copy of the same was put aside by a process that died before its ack.
    if (!done.has(letter.key)) {
      await broker.publish(letter.message, { exchange: '', routingKey: letter.queue }, { isPassedOn: true })
    }
    done.add(letter.key)
    delivery.ack()
  })
  return done.size
}

/** Throws dead letters away. Returns how many. */
export async function dropDead(broker: Broker, queue: string, keys: 'all' | readonly string[]): Promise<number> {
  const done = new Set<string>()
  await visitDead(broker, queue, (letter, delivery) => {
    if (keys !== 'all' && !keys.includes(letter.key)) return
    done.add(letter.key)
    delivery.ack()
  })
  return done.size
}

async function visitDead(
  broker: Broker,
  queue: string,
  visit: (letter: DeadLetter, delivery: Delivery) => void | Promise<void>,
): Promise<void> {
  const admin = adminOf(broker)
  const dead = deadQueueOf(queue)
  const depth = await admin.depth(dead)
  // No more than are there now: one that is sent back may come here again while this goes on.
  if (depth && depth.messages > 0) await admin.visit(dead, depth.messages, (one) => visit(readDead(one, queue), one))
}

function adminOf(broker: Broker): BrokerAdmin {
  if (broker.admin) return broker.admin
  throw new LovageError('CAPABILITY_MISSING', {
    what: 'Reading dead letters',
    needs: 'a broker that can look into queues',
    kind: broker.kind,
    fix: 'Use RabbitMQ or the embedded broker',
  })
}

async function put(broker: Broker, queue: string, message: Message, limits: DeadLimits): Promise<void> {
  const there = known.get(broker) ?? new Set<string>()
  known.set(broker, there)
  const to = { exchange: '', routingKey: queue }
  if (!there.has(queue)) await declareDead(broker, queue, limits)
  there.add(queue)
  try {
    await broker.publish(message, to, { isPassedOn: true })
  } catch (error) {
    if (!isLovageError(error, 'UNROUTABLE')) throw error
    // Somebody deleted it since.
    await declareDead(broker, queue, limits)
    await broker.publish(message, to, { isPassedOn: true })
  }
}

async function declareDead(broker: Broker, name: string, limits: DeadLimits): Promise<void> {
  const { maxLength = 10_000, ageMs: messageTtlMs = 14 * DAY_MS } = limits
  try {
    await broker.declare({ queues: [{ name, maxLength, messageTtlMs }] })
  } catch (error) {
    // There with the limits of another configuration: it takes dead letters all the same.
    if (!isLovageError(error, 'TOPOLOGY_MISMATCH')) throw error
  }
}

function deadMessage(
  { message }: Delivery,
  queue: string,
  reason: DeadReason,
  atMs: number,
  headers: Headers = message.headers,
): Message {
  // Kept would be: an expiration, which would drop it here unread, and a user that RabbitMQ would not take from us.
  const { expirationMs: _, userId: __, ...rest } = message
  const added: Record<string, HeaderValue> = {
    [`${PREFIX}version`]: VERSION,
    [`${PREFIX}code`]: reason.code,
    [`${PREFIX}message`]: reason.message.slice(0, REASON_CHARACTERS),
    [`${PREFIX}queue`]: queue,
    [`${PREFIX}at`]: formatIso(atMs),
    [`${PREFIX}id`]: idOf(message),
  }
  return { ...rest, deliveryMode: 2, headers: { ...withoutOurs(headers), ...added } }
}

function readDead({ message }: Delivery, queue: string): DeadLetter {
  const text = (name: string): string | undefined => {
    const value = plainHeader(message.headers[name])
    return typeof value === 'string' ? value : undefined
  }
  // A message that somebody else put here has none of these.
  const reason = { code: text(`${PREFIX}code`) ?? 'UNKNOWN', message: text(`${PREFIX}message`) ?? '' }
  const id = text(`${PREFIX}id`) ?? idOf(message)
  return {
    key: `${id}:${reason.code}`,
    id,
    task: text('task'),
    reason,
    queue: text(`${PREFIX}queue`) ?? queue,
    atMs: isoTime(text(`${PREFIX}at`) ?? ''),
    message: { ...message, headers: withoutOurs(message.headers, [STARTS_HEADER, LEASE_HEADER, UNKNOWN_HEADER]) },
  }
}

/** The same for every delivery of the same message. */
function idOf({ headers, correlationId, messageId, body }: Message): string {
  const id = plainHeader(headers.id)
  if (typeof id === 'string' && id !== '') return id
  return correlationId || messageId || createHash('sha256').update(body).digest('hex').slice(0, 32)
}

function withoutOurs(headers: Headers, others: readonly string[] = []): Headers {
  const kept = Object.entries(headers).filter(([name]) => !name.startsWith(PREFIX) && !others.includes(name))
  return Object.fromEntries(kept)
}

function essential(headers: Headers): Headers {
  const kept = Object.entries(headers).filter(
    ([name, value]) => ['task', 'id', 'lang'].includes(name) && typeof value === 'string' && value.length < 1000,
  )
  const lost = Object.keys(headers).filter((name) => kept.every(([other]) => other !== name))
  return { ...Object.fromEntries(kept), 'x-lovage-headers-lost': lost.join(' ').slice(0, REASON_CHARACTERS) }
}
