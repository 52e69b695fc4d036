import { log } from '../../base/log.ts'
import type { RedisArgument } from '../../base/redis/redis-connection.ts'
import { markRedelivered, readEntry, readEnvelope, stepOf } from './envelope.ts'
import type { RedisLink } from './redis-link.ts'
import { MOVES } from './scripts.ts'

/** Messages fetched at a time: they may be large. */
const BATCH = 50

/** A message that stands in `unacked`. */
export interface Entry {
  readonly tag: string
  /** It is moved only if this is still so; empty: in any case. */
  readonly score: string
  readonly entry: string
  /** Somebody had it: it comes back as a redelivery. */
  readonly isSeen: boolean
}

/** Puts messages back to the head of their lines, in the order given: the last is next. Those that are gone are none. */
export async function restoreTags(link: RedisLink, tags: readonly string[], isSeen: boolean): Promise<void> {
  for (let from = 0; from < tags.length; from += BATCH) {
    const batch = tags.slice(from, from + BATCH)
    const entries = (await link.run(MOVES.entries, batch)) as (string | null)[]
    await restore(
      link,
      batch.flatMap((tag, i) => (entries[i] ? [{ tag, score: '', entry: entries[i], isSeen }] : [])),
    )
  }
}

/** Puts messages back. Returns how many could not be: nobody can read them, or no queue takes them. */
export async function restore(link: RedisLink, entries: readonly Entry[]): Promise<number> {
  const moves: RedisArgument[] = []
  let unread = 0
  for (const { tag, score, entry, isSeen } of entries) {
    const parts = readEntry(entry)
    if (!parts) {
      unread++
      continue
    }
    const { wirePriority } = readEnvelope(parts.text, parts.routingKey, undefined)
    const text = isSeen ? markRedelivered(parts.text) : parts.text
    moves.push(tag, score, parts.exchange, parts.routingKey, stepOf(wirePriority), text)
  }
  const stuck = moves.length === 0 ? [] : ((await link.run(MOVES.restore, moves)) as string[])
  const count = unread + stuck.length
  if (count > 0) log('warn', 'broker', 'messages cannot go back to a queue: they stay unacknowledged', { count })
  return count
}
