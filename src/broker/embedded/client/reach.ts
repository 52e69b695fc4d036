import { type Clock, deadline } from '../../../base/clock.ts'
import type { Line } from './line.ts'
import type { EnginePost } from './post.ts'

/** Longest that this process reads a journal. A gigabyte is read in less on a slow machine. */
const READING_MS = 300_000

/** For the greeting after that has taken all of the time: an engine of this process answers at once. */
const GREETING_MS = 1000

/**
 * A connection to the owner of a data directory; where there is none, this process becomes the owner first.
 * @throws LovageError `HOME_OWNED`, `HOME_UNUSABLE`; an error that says what is to be waited for
 */
export async function reach(
  post: EnginePost,
  clock: Clock,
  timeoutMs: number,
  open: (timeoutMs: number) => Promise<Line>,
): Promise<Line> {
  const endMs = clock.monotonic() + timeoutMs
  try {
    return await open(timeoutMs)
  } catch (error) {
    if (!isNobodyThere(error)) throw error
  }
  const reading = (): Error => new Error('this process, its new owner, still reads the journal')
  // Not cut short by the caller's time: who gives up, and comes again, begins to read from the beginning each time.
  await deadline(clock, post.takeOver(clock), Math.max(timeoutMs, READING_MS), reading)
  try {
    return await open(Math.max(GREETING_MS, endMs - clock.monotonic()))
  } catch (error) {
    if (!isNobodyThere(error)) throw error
    throw new Error('its owner, another process, has just begun, and still reads the journal', { cause: error })
  }
}

function isNobodyThere(error: unknown): boolean {
  return ['ECONNREFUSED', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')
}
