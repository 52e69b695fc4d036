import { type Clock, deadline } from '../clock.ts'
import { LovageError, messageOf } from '../errors.ts'
import type { Keeper, Kept } from '../keeper.ts'
import { RedisReplyError } from './redis-connection.ts'
import { isPassing } from './redis-errors.ts'

/** How {@link askKept} asks. */
export interface AskOptions {
  readonly clock: Clock
  /** Longest wait for the answer, in ms, reconnects included. */
  readonly timeoutMs: number
  /** What a failure means for who asked. */
  readonly meaning: (error: unknown) => unknown
}

/**
 * Does `work` on the connection there is or will be, within the time limit; again on the next one where the connection was
 * lost meanwhile, or its server can only answer later. It is not begun any more when its time is over.
 */
export async function askKept<L extends Kept, T>(
  keeper: Keeper<L>,
  work: (link: L) => Promise<T>,
  { clock, timeoutMs, meaning }: AskOptions,
): Promise<T> {
  let isLate = false
  const attempts = async (): Promise<T> => {
    for (;;) {
      const link = await keeper.connected(timeoutMs)
      if (isLate) throw keeper.noAnswer(timeoutMs)
      try {
        return await work(link)
      } catch (error) {
        if (isPassing(error)) keeper.giveUp(link, messageOf(error))
        else if (link.isOpen || error instanceof LovageError || error instanceof RedisReplyError) throw meaning(error)
      }
    }
  }
  return await deadline(clock, attempts(), timeoutMs, () => {
    isLate = true
    return keeper.noAnswer(timeoutMs)
  })
}
