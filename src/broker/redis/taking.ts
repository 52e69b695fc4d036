import type { RedisScript } from '../../base/redis/redis-connection.ts'
import { type Envelope, readEnvelope } from './envelope.ts'
import type { Hands } from './hands.ts'
import { isLost } from '../../base/redis/redis-errors.ts'
import { MOVES } from './scripts.ts'

/** The answer of one script is not much larger than this, in bytes. */
const MOST_BYTES = 4 * 1024 * 1024

/** One message taken. */
export interface Taken {
  readonly envelope: Envelope
  readonly queue: string
  /** Which of the lists of the queue it came from: 0 to 3. */
  readonly step: number
  /** Empty where it counts as settled. */
  readonly tag: string
}

export interface Taking {
  readonly taken: readonly Taken[]
  /** Queues that nobody declared, or that are gone. */
  readonly missing: readonly string[]
  /** How many wait still; 0 also where so many came as were asked for. */
  readonly left: number
}

export interface TakeOptions {
  readonly queues: readonly string[]
  readonly most: number
  readonly noAck: boolean
}

type Run = (script: RedisScript, args: readonly (string | number)[]) => Promise<unknown>

/**
 * Takes up to so many messages in one step. Rejects when the connection is lost; what the server may have handed out by
 * then is given back over the next one.
 */
export async function take(run: Run, hands: Hands, { queues, most, noAck }: TakeOptions): Promise<Taking> {
  const first = hands.reserve(most)
  const flag = noAck ? '1' : '0'
  let answer: unknown
  try {
    const asked = [hands.tagBase, first, most, flag, MOST_BYTES, ...queues]
    answer = await hands.carry((acks) => run(MOVES.take, acks.length > 0 ? [...asked, '', ...acks] : asked))
  } catch (error) {
    if (isLost(error) && !noAck) hands.orphan(first, most)
    throw error
  }
  const [missing, highest, got, left] = answer as [number[], (string | null)[], (number | string)[], number]
  const taken: Taken[] = []
  for (let at = 0; at < got.length; at += 3) {
    const index = Number(got[at])
    const queue = queues[index] as string
    const most = highest[index] ? Number(highest[index]) : undefined
    const tag = noAck ? '' : hands.tagOf(first + at / 3)
    taken.push({ envelope: readEnvelope(got[at + 2] as string, queue, most), queue, step: Number(got[at + 1]), tag })
  }
  return { taken, missing: missing.map((index) => queues[index] as string), left }
}
