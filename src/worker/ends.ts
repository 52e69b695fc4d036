import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { InHand } from './in-hand.ts'
import { impossible } from './intake.ts'
import type { Settler } from './settle.ts'
import type { Tally } from './tally.ts'
import type { Work } from './work.ts'

/** What ending tasks needs. */
export interface EndsOptions {
  readonly clock: Clock
  readonly inHand: InHand
  readonly settler: Settler
  readonly tally: Tally
  /** Aborts when the worker cannot wait any longer. */
  readonly giveUp: AbortSignal
  /** It is in hand no more. */
  readonly left: (work: Work) => void
}

/** The ends of tasks: settled with their outcome, counted, let go of. */
export class Ends {
  readonly #options: EndsOptions

  constructor(options: EndsOptions) {
    this.#options = options
  }

  /** Never rejects. What cannot be settled so ends as a failure, and where not even that can be, in the dead letters alone. */
  async settle(work: Work, outcome: Outcome, attempt = 1): Promise<void> {
    const { settler, inHand, tally, giveUp } = this.#options
    if (outcome.state === 'RETRY') tally.retries(work, outcome)
    try {
      const ending = await settler.settle(work, outcome)
      // What a task refused is for whoever gets it now.
      if (outcome.state !== 'REJECTED') inHand.remember(work, ending)
      tally.settled(work, outcome, ending)
    } catch (error) {
      const { id, task } = work.request
      log('error', 'worker', 'task could not be settled', { id, task, state: outcome.state, error: messageOf(error) })
      // Given back it would come again at once, and end here again: for ever.
      if (attempt < 3 && !work.isSettled && !giveUp.aborted) {
        const end = impossible(work.request, error)
        if (attempt === 1) return this.settle(work, end, 2)
        // What follows it is at fault: it is told as it is, and nothing follows.
        await settler.tell(end, work.request)
        return this.settle(work, { ...end, state: 'REJECTED' }, 3)
      }
      tally.counts[work.requeue() ? 'returned' : 'lost']++
    }
    this.drop(work)
  }

  /** It has left, settled or not. */
  drop(work: Work): void {
    const { clock, inHand, left } = this.#options
    const { onLeft } = work
    // A turn later its acknowledgement is on its way.
    if (onLeft) clock.turn(onLeft)
    inHand.drop(work)
    left(work)
  }
}
