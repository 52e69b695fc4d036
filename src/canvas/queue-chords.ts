import type { ChordPart } from '../backend/groups.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { type Clock, sleep } from '../base/clock.ts'
import { isLovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Broker, BrokerAdmin, Delivery, Posting, PublishTogether } from '../broker/broker.ts'
import { JSON_TYPE } from '../protocol/content.ts'
import { decodeJson, encodeJson, type JsonTypes } from '../protocol/json.ts'
import { payloadText } from '../protocol/outcome.ts'
import { isRecord } from '../protocol/signature.ts'
import type { Chords, Gathered } from './chords.ts'

/** RabbitMQ counts the age of queues in 32 bits. */
const LONGEST_MS = 2 ** 32 - 1

/** Chords of which it is remembered how many messages they need. */
const MOST_KNOWN = 10_000

/** Somebody else looks at the chord: when to look again. */
const BACKOFF: Backoff = { baseMs: 20, maxMs: 1_000 }

/** Times that somebody else is left alone with it; after that all that is there is read, whatever comes first. */
const PATIENT = 5

/** Tries in all. By then a server has missed a machine that is gone, and what that had in hand has come back. */
const MOST_TRIES = 400

/** With the first message in it, and one of a member. Fewer: somebody has the rest in hand, who may die, or be dead. */
const LEAST = 2

/** Whose messages go back to their places, whatever kind of queue the virtual host gives otherwise. */
const CLASSIC = { 'x-queue-type': 'classic' }

/** What {@link queueChords} stands on. */
export interface QueueChordsOptions {
  readonly broker: Broker
  readonly admin: BrokerAdmin
  readonly clock: Clock
  /** How long a chord waits for its next part. */
  readonly expiresMs: number
  readonly types: JsonTypes
}

/** How a chord is looked at. */
interface Look {
  /** Not if somebody else has its first message in hand. */
  readonly isPatient: boolean
  /** All of it; else no further than its first message, where that comes first. */
  readonly isWhole: boolean
}

/** What came of it. `busy`: somebody else has the first message in hand. */
type Seen = 'done' | 'busy' | 'incomplete'

/** What the messages of a chord come to. */
interface Contents {
  size: number | undefined
  readonly added: Set<string>
  readonly parts: Map<string, ChordPart & { readonly index: number }>
  messages: number
  /** What follows the chord has been sent. */
  isSent: boolean
}

/**
 * Chords where there is nothing but a broker: each is a durable queue of its own, `lovage.chord.<group id>`. Its first
 * message says how many members there are; each end of a member is one more, and so is each member that is added. Whoever
 * puts one in looks at how many there are, and, when they may be all, reads them: while one process does, the others find
 * the first message gone. So the last who puts a part in, or who comes after it with its task, sees all of them. Who ends a
 * member for another time looks whatever their number: whoever was to look may have died, with the chord in hand. The body
 * is sent while the parts are in hand, in one step with a last message that says so, and then the queue is deleted. That
 * message is not kept on disk: where the broker itself dies, of which it is not known what it has kept, the body is rather
 * sent again than not at all.
 */
export function queueChords({ broker, admin, clock, expiresMs, types }: QueueChordsOptions): Chords {
  const ageMs = expiresMs > 0 ? Math.min(Math.ceil(expiresMs), LONGEST_MS) : LONGEST_MS
  /** How many messages a chord must have at least, as far as that is known. */
  const needed = new Map<string, number>()
  const know = (groupId: string, least: number): void => {
    needed.delete(groupId)
    needed.set(groupId, least)
    for (const oldest of needed.keys()) if (needed.size > MOST_KNOWN) needed.delete(oldest)
  }
  const put = async (groupId: string, text: string): Promise<void> => {
    const { message, to } = posting(groupId, text, 2)
    await broker.publish(message, to)
  }
  /** False: there is no such chord, any more or at all. */
  const putIfOpen = async (groupId: string, text: string): Promise<boolean> => {
    try {
      await put(groupId, text)
      return true
    } catch (error) {
      if (!isLovageError(error, 'UNROUTABLE')) throw error
      // Its body was sent: this is a task that ran again. Or it has waited for longer than results are kept.
      log('info', 'canvas', 'a chord is no longer there for one of its members', { chord: groupId })
      return false
    }
  }
  const isWorthALook = async (groupId: string, least: number): Promise<boolean> => {
    const depth = await admin.depth(queueOf(groupId))
    return depth !== undefined && (depth.messages >= least || depth.messages < LEAST)
  }
  /** Reads the chord, and acts if all are in. */
  const look = async (groupId: string, { isPatient, isWhole }: Look, act: Gathered): Promise<Seen> => {
    const contents: Contents = { size: undefined, added: new Set(), parts: new Map(), messages: 0, isSent: false }
    let isDone = false
    try {
      await admin.visit(queueOf(groupId), Infinity, async (delivery, together) => {
        read(delivery, contents)
        if (!contents.isSent) {
          if (contents.size === undefined ? isPatient : !isWhole && contents.messages === 1) return false
          if (!isComplete(contents)) return undefined
          // Who has sent what follows, and has died since, has said so in the last message; or somebody has read that.
          const left = together ? (await admin.depth(queueOf(groupId)))?.messages : 0
          if (left === undefined) {
            isDone = true
            return false
          }
          if (left > 0) return undefined
          await act(inOrder(contents), undefined, together && withMark(together, groupId))
        }
        await admin.deleteQueue(queueOf(groupId))
        isDone = true
        return false
      })
    } catch (error) {
      if (!isDone && !isLovageError(error, 'TOPOLOGY_MISSING')) throw error
      isDone = true
    }
    if (isDone) {
      needed.delete(groupId)
      return 'done'
    }
    const { size, added, parts, messages } = contents
    if (size === undefined) return 'busy'
    if (!isWhole) return 'incomplete'
    // Those that were there twice will be there twice.
    const superfluous = messages - 1 - added.size - parts.size
    know(groupId, 1 + size + 2 * added.size + superfluous)
    return 'incomplete'
  }
  return {
    async open(groupId, size) {
      const spec = { name: queueOf(groupId), durable: true, expiresMs: ageMs, isPassing: true, arguments: CLASSIC }
      await broker.declare({ queues: [spec] })
      await put(groupId, encodeJson({ size }))
    },
    async addMember(groupId, taskId) {
      await putIfOpen(groupId, encodeJson({ added: taskId }))
    },
    async addPart(groupId, { id, state, result }, index, { size, isAgain }) {
      const head = encodeJson({ id, state, index: index ?? null })
      if (!(await putIfOpen(groupId, `[${head}, ${payloadText(result, { types })}]`))) return undefined
      const least = needed.get(groupId) ?? 1 + (size ?? 0)
      return isAgain || (await isWorthALook(groupId, least)) ? least : undefined
    },
    async gather(groupId, least, act) {
      let seen: Seen = 'busy'
      for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
        // Two who begin at once may each have some of the messages. What they have goes back before they look again.
        if (attempt > 0 && (attempt > 1 || seen === 'busy'))
          await sleep(clock, backoffMs(attempt - 1, BACKOFF, clock.random()))
        const isWhole = await isWorthALook(groupId, needed.get(groupId) ?? least)
        // While somebody has the first message in hand it means nothing that there are few: he may be dead, and then all that
        // he has comes back, and nobody but us may be left to look. With the first message there, others are to come; what
        // came while we had it was put in by somebody who saw too few, so that it is counted after each look.
        if (!isWhole && seen === 'incomplete') return
        seen = await look(groupId, { isPatient: attempt < PATIENT, isWhole }, act)
        if (seen === 'done') return
      }
    },
  }
}

function posting(groupId: string, text: string, deliveryMode: 1 | 2): Posting {
  const body = Buffer.from(text)
  const message = { headers: {}, body, contentType: JSON_TYPE, contentEncoding: 'utf-8', deliveryMode } as const
  return { message, to: { exchange: '', routingKey: queueOf(groupId) } }
}

/** What is published so says that it was. */
function withMark(together: PublishTogether, groupId: string): PublishTogether {
  return async (postings) => {
    const mark = posting(groupId, encodeJson({ sent: true }), 1)
    return (await together([...postings, mark])).filter((one) => one !== mark)
  }
}

/** The queue of a chord. */
function queueOf(groupId: string): string {
  return `lovage.chord.${groupId}`
}

function read({ message }: Delivery, contents: Contents): void {
  contents.messages++
  const value = decoded(message.body)
  if (Array.isArray(value)) {
    const [head, result] = value as [unknown, unknown]
    if (!isRecord(head)) return
    const { id, state, index } = head
    if (typeof id !== 'string' || typeof state !== 'string' || contents.parts.has(id)) return
    contents.parts.set(id, {
      id,
      state,
      result: { value: result },
      index: typeof index === 'number' ? index : Infinity,
    })
  } else if (isRecord(value)) {
    const { size, added, sent } = value
    if (sent === true) contents.isSent = true
    if (typeof size === 'number') contents.size ??= size
    if (typeof added === 'string') contents.added.add(added)
  }
}

/** Whoever can write to the broker can write to the queue: what we have not written counts for nothing. */
function decoded(body: Uint8Array): unknown {
  try {
    return decodeJson(Buffer.from(body).toString())
  } catch {
    return undefined
  }
}

function isComplete({ size, added, parts }: Contents): boolean {
  return size !== undefined && parts.size >= size + added.size
}

function inOrder({ parts }: Contents): ChordPart[] {
  const sorted = [...parts.values()].sort((a, b) => (a.index === b.index ? 0 : a.index - b.index))
  return sorted.map(({ id, state, result }) => ({ id, state, result }))
}
