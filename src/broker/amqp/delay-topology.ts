import type { Headers, HeaderValue } from '../../protocol/headers.ts'
import { plainHeader } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'
import type { LinkChannel } from './link.ts'

const LEVEL_PREFIX = 'celery_delayed_'

/** Celery's: two to this power of seconds is the longest wait in one go, more than eight years. */
const LEVELS = 28

/** Celery's: what is due goes through it to its queue. */
export const DELIVERY_EXCHANGE = 'celery_delayed_delivery'

/** Celery's: where the wait of a message begins. */
export const FIRST_EXCHANGE = levelName(LEVELS - 1)

/** Longest wait in one go; who reads the message then has it wait again. */
export const LONGEST_S = 2 ** LEVELS - 1

/** How the queues are kept in which messages wait. */
export type DelayQueueType = 'quorum' | 'classic'

/** No routing key is longer, in bytes. */
const MOST_KEY_BYTES = 255

/** One after the other, highest level first: each declares a level's exchange and queue, and binds them. */
export const DELAY_LEVELS = Array.from({ length: LEVELS }, (_, i) => LEVELS - 1 - i)

/** What is needed to declare all this. */
type Declaring = Pick<LinkChannel, 'declareExchange' | 'declareQueue' | 'bindQueue' | 'bindExchange'>

function levelName(level: number): string {
  return LEVEL_PREFIX + level
}

/** Matches the keys of which the bit of this level is so, of the bits before it all. */
function patternOf(level: number, bit: 0 | 1): string {
  return `${'*.'.repeat(LEVELS - 1 - level)}${bit}.#`
}

/** Declares a level as Celery does: its queue holds a message for two to the power of the level of seconds. */
export async function declareLevel(channel: Declaring, level: number, type: DelayQueueType): Promise<void> {
  const name = levelName(level)
  await channel.declareExchange({ name, type: 'topic', durable: true })
  const table: Headers = {
    'x-queue-type': type,
    'x-overflow': 'reject-publish',
    'x-message-ttl': 2 ** level * 1000,
    'x-dead-letter-exchange': level > 0 ? levelName(level - 1) : DELIVERY_EXCHANGE,
    ...(type === 'quorum' && { 'x-dead-letter-strategy': 'at-least-once' }),
  }
  await channel.declareQueue({ name, durable: true, autoDelete: false, exclusive: false, arguments: table })
  await channel.bindQueue(name, name, patternOf(level, 1))
}

/**
 * Joins the levels: a message passes by those whose bit is 0. The exchange of what is due comes last, as with Celery:
 * where that is, all the rest is.
 */
export async function joinLevels(channel: Declaring): Promise<void> {
  for (const level of DELAY_LEVELS) {
    if (level > 0) await channel.bindExchange(levelName(level - 1), levelName(level), patternOf(level, 0))
  }
  await channel.declareExchange({ name: DELIVERY_EXCHANGE, type: 'topic', durable: true })
  await joinDelivery(channel)
}

/** Joins the last level to the exchange of what is due. Fails where that is not there. */
export async function joinDelivery(channel: Declaring): Promise<void> {
  await channel.bindExchange(DELIVERY_EXCHANGE, levelName(0), patternOf(0, 0))
}

/** Where a copy of all that is due is dropped. */
const SINK = `${DELIVERY_EXCHANGE}_sink`

/**
 * Declares a queue of length 0 for all that is due. Where a quorum queue passes on what nobody takes any more, because its
 * queue was deleted while it waited, it keeps it, and after 32 of them passes on nothing at all: so somebody takes it.
 */
export async function declareSink(channel: Declaring, type: DelayQueueType): Promise<void> {
  const table: Headers = { 'x-queue-type': type, 'x-max-length': 0 }
  await channel.declareQueue({ name: SINK, durable: true, autoDelete: false, exclusive: false, arguments: table })
  await channel.bindQueue(SINK, DELIVERY_EXCHANGE, '#')
}

/** Declares all of it at once, where nothing is in the way. */
export async function declareDelays(channel: Declaring, type: DelayQueueType): Promise<void> {
  for (const level of DELAY_LEVELS) await declareLevel(channel, level, type)
  await joinLevels(channel)
  await declareSink(channel, type)
}

/** The key by which a message for a queue waits so many seconds; undefined where its name cannot be part of one. */
export function delayKey(seconds: number, queue: string): string | undefined {
  const bits = Math.min(seconds, LONGEST_S).toString(2).padStart(LEVELS, '0')
  const key = `${bits.split('').join('.')}.${queue}`
  // Bound by a pattern, a queue with such a word would take what is for others.
  const isPattern = queue.split('.').some((word) => word === '*' || word === '#')
  return isPattern || queue === '' || Buffer.byteLength(key) > MOST_KEY_BYTES ? undefined : key
}

/** Matches what is for this queue, and nothing that is for another: Celery's `#.<queue>` also matches what ends so. */
export function deliveryPattern(queue: string): string {
  return '*.'.repeat(LEVELS) + queue
}

const DEATH = /^x-(first|last)-death-/

/** What RabbitMQ adds to a delivery from a quorum queue. */
const DELIVERY_COUNTS = ['x-delivery-count', 'x-acquired-count']

/**
 * The message as it may wait once more. RabbitMQ takes one that expired in a queue, and comes there again, for one that
 * goes in a circle, and drops it; so what it wrote of earlier waits is left out. So is the user: RabbitMQ takes from us
 * no name but our own.
 */
export function freshMessage(given: Message): Message {
  const { userId: _, headers, ...message } = given
  const isLevel = (queue: HeaderValue | undefined): boolean => String(plainHeader(queue)).startsWith(LEVEL_PREFIX)
  const kept: Record<string, HeaderValue> = {}
  for (const [name, value] of Object.entries(headers)) {
    const which = DEATH.exec(name)
    if (DELIVERY_COUNTS.includes(name) || (which && isLevel(headers[`${which[0]}queue`]))) continue
    if (name !== 'x-death' || !Array.isArray(value)) {
      kept[name] = value
      continue
    }
    const others = (value as readonly HeaderValue[]).filter((death) => !isLevel((death as Headers | null)?.queue))
    if (others.length > 0) kept[name] = others
  }
  return { ...message, headers: kept }
}
