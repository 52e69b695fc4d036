import type { Clock } from '../base/clock.ts'
import type { Gates } from './gate.ts'
import type { Lanes } from './lanes.ts'
import type { Leases } from './leases.ts'
import type { Leaving } from './leaving.ts'
import type { Starts } from './starts.ts'
import type { Work } from './work.ts'

/** What launching needs. */
export interface LaunchOptions {
  readonly clock: Clock
  readonly lanes: Lanes
  readonly gates: Gates
  readonly starts: Starts
  readonly leases: Leases
  readonly leaving: Leaving
  /** Runs it in its pool. */
  readonly run: (work: Work) => void
  readonly isClosing: () => boolean
}

/** From the free slot to the start: what must be settled with gates and broker before a task runs. */
export class Launch {
  readonly #options: LaunchOptions

  constructor(options: LaunchOptions) {
    this.#options = options
  }

  /** Starts a task for which there is a slot, if the gates let it. */
  launch(work: Work): void {
    const { gates, starts, leaving } = this.#options
    // Waited too long: its connection was lost meanwhile. Whoever gets it again may have run it already.
    if (!work.isOurs) return leaving.lose(work)
    if (!gates.opens(work)) return
    if (work.task?.options.acksLate !== false) return starts.start(work)
    this.#acknowledge(work)
  }

  /** Has the broker know of a start in time. */
  async record(work: Work): Promise<void> {
    const { clock, lanes, leases, leaving, starts, isClosing } = this.#options
    const { slots } = lanes.of(work)
    const free = slots.reserve()
    const isRecorded = await leases.move(work, work.deaths + 1)
    // A turn later the acknowledgement of the one before is on its way: a task that kills this process is there once.
    clock.turn(() => {
      free()
      if (isClosing()) return leaving.giveBack(work)
      if (isRecorded || !work.isOurs) this.launch(work)
      else starts.passOn(work)
      slots.fill()
    })
  }

  #acknowledge(work: Work): void {
    const { clock, gates, lanes, leaving, run, isClosing } = this.#options
    const { slots } = lanes.of(work)
    const free = slots.reserve()
    const start = (): void => {
      free()
      // Revoked in this very turn, say.
      if (gates.opens(work)) run(work)
      else slots.fill()
    }
    const acknowledge = (): void => {
      // A turn later the acknowledgement is on its way: a task that kills this process does not come back.
      if (!isClosing() && work.ackEarly()) return clock.turn(start)
      free()
      leaving[isClosing() ? 'giveBack' : 'lose'](work)
      slots.fill()
    }
    if (work.moving) void work.moving.then(acknowledge)
    else acknowledge()
  }
}
