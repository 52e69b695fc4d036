import { isReady } from '../../protocol/outcome.ts'
import type { Reason, Why } from '../api.ts'
import { CAUSES, type Code, CODES } from './codes.ts'
import type { Facts } from './facts.ts'
import { ended } from './say-ended.ts'
import { inHand } from './say-hand.ts'
import { inQueue } from './say-queue.ts'
import { elsewhere } from './say-elsewhere.ts'
import { moment, named, WAITS_FOR_ITS_TIME } from './words.ts'

/** One cause that holds, with its sentence. */
export interface Found {
  readonly code: Code
  readonly text: string
  readonly certainty: Reason['certainty']
  readonly evidence?: string | undefined
  /** In place of that of the table; '': nothing need be done. */
  readonly fix?: string | undefined
}

/**
 * What follows from what is known: the likeliest reason first, at least one. Knows no clock and no network: the same facts
 * give the same answer.
 */
export function rank(facts: Facts): Why {
  const all = isOver(facts) ? ended(facts) : [ended, inHand, inQueue, elsewhere].flatMap((say) => say(facts))
  const found = new Map<Code, Found>()
  for (const one of all) {
    const before = found.get(one.code)
    if (!before || (before.certainty === 'likely' && one.certainty === 'certain')) found.set(one.code, one)
  }
  if (found.size === 0) found.set('UNKNOWN_ID', nobodyKnows(facts))
  const order = ({ code, certainty }: Found): number =>
    CODES.indexOf(code) + (certainty === 'certain' ? 0 : CODES.length)
  const sorted = [...found.values()].toSorted((a, b) => order(a) - order(b))
  // What has ended waits for nothing.
  const unknown = isOver(facts) ? facts.unknown.filter(({ what }) => what !== WAITS_FOR_ITS_TIME) : facts.unknown
  return { id: facts.id, state: stateOf(facts), reasons: sorted.map(reasonOf), unknown }
}

function isOver({ result, heard }: Facts): boolean {
  return isReady(result?.state ?? '') || (result === undefined && isReady(heard?.state ?? ''))
}

function reasonOf({ code, text, certainty, evidence, fix = (CAUSES[code] as { fix?: string }).fix }: Found): Reason {
  return { code, text, ...(fix && { fix }), certainty, ...(evidence !== undefined && { evidence }) }
}

/** Celery's word for where it is, as far as that is known. */
function stateOf({ result, heard, hand, message, dead }: Facts): string {
  if (result && isReady(result.state)) return result.state
  if (heard && isReady(heard.state)) return heard.state
  if (dead) return 'REJECTED'
  if (hand) return hand.place === 'active' ? 'STARTED' : 'RECEIVED'
  if (result?.state === 'RETRY' || (message && message.retries > 0)) return 'RETRY'
  return result?.state ?? heard?.state ?? 'PENDING'
}

function nobodyKnows({ id, queues, workers, ticket, nowMs, unknown }: Facts): Found {
  const looked = queues.filter(({ isThere }) => isThere).map(({ name }) => named(name))
  const where = looked.length > 0 ? `not waiting in ${looked.slice(0, 5).join(', ')}` : 'in no queue that is known'
  const asked = workers.length > 0 ? `with none of ${workers.length} workers` : 'and no worker answers'
  const given = ticket
    ? `A gateway took it in ${moment(ticket.atMs, nowMs)} as ${named(ticket.task)}; but it is`
    : 'It is'
  const may = unknown.length > 0 ? 'it may be where we cannot look (see below), ' : ''
  return {
    code: 'UNKNOWN_ID',
    text: `${given} ${where}, ${asked}, and has no result: ${may}it has ended and its result is gone, or it was never sent as ${named(id)}.`,
    certainty: 'likely',
    evidence: 'lovage queues',
  }
}
