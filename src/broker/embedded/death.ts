import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import { type HeaderValue, WireValue, plainHeader } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'
import type { Destination } from '../broker.ts'
import type { EngineQueue } from './queue.ts'
import type { Entry } from './waiting.ts'
import { plainMessage } from './wire/packed-message.ts'

/** Why a message left its queue unread, in RabbitMQ's words. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen'

/** What goes to the dead-letter exchange of a queue, where it has one. */
export function deadLetterOf(
  entry: Entry,
  { deadExchange: exchange, deadRoutingKey: routingKey = entry.routingKey, name, deleted }: EngineQueue,
  reason: DeathReason,
  nowMs: number,
): { message: Message; to: Destination } | undefined {
  if (exchange === undefined || deleted) return undefined
  const message = withDeath(entry, name, reason, nowMs)
  return message && { message, to: { exchange, routingKey } }
}

type Death = { readonly [name: string]: HeaderValue }

/**
 * The message as it goes to a dead-letter exchange, with RabbitMQ's `x-death` header. Undefined when it goes in a circle
 * in which nobody rejects it: it would do so for ever.
 */
function withDeath(entry: Entry, queue: string, reason: DeathReason, nowMs: number): Message | undefined {
  const plain = readable(entry, queue)
  if (!plain) return undefined
  const { expirationMs: _, ...message } = plain
  const before = deathsOf(message)
  const again = before.find((death) => plainHeader(death.queue) === queue && plainHeader(death.reason) === reason)
  const isRejectedSomewhere = reason === 'rejected' || before.some((death) => plainHeader(death.reason) === 'rejected')
  if (again && !isRejectedSomewhere) return undefined
  const death: Death = {
    count: new WireValue('l', BigInt(Number(plainHeader(again?.count) ?? 0) + 1)),
    reason,
    queue,
    time: new WireValue('T', BigInt(Math.floor(nowMs / 1000))),
    exchange: entry.exchange,
    'routing-keys': [entry.routingKey],
  }
  const first = before.length > 0 ? {} : firstDeath(reason, queue, entry.exchange)
  const deaths = [death, ...before.filter((other) => other !== again)]
  return { ...message, headers: { ...message.headers, 'x-death': deaths, ...first } }
}

/** A message of another writer may be none: that is no reason to end the engine, which comes here by itself. */
function readable({ message }: Entry, queue: string): Message | undefined {
  try {
    return plainMessage(message)
  } catch (error) {
    log('error', 'broker', 'a dead letter cannot be read', { queue, error: messageOf(error) })
    return undefined
  }
}

function firstDeath(reason: DeathReason, queue: string, exchange: string): Death {
  return { 'x-first-death-exchange': exchange, 'x-first-death-queue': queue, 'x-first-death-reason': reason }
}

function deathsOf(message: Message): Death[] {
  const deaths = plainHeader(message.headers['x-death'])
  if (!Array.isArray(deaths)) return []
  return deaths.filter((death): death is Death => typeof death === 'object' && death !== null && !Array.isArray(death))
}
