import type { Clock, Timer } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { Ring } from '../base/ring.ts'
import { workerLostError } from '../protocol/failure.ts'
import { plainHeader, STARTS_HEADER } from '../protocol/headers.ts'
import type { Message } from '../protocol/message.ts'
import { failed, type Outcome } from '../protocol/outcome.ts'
import type { Work } from './work.ts'

/** How long others wait for the copy of a suspect to come here; it may go to another worker. */
const COMES_MS = 1_000

/** How often a message was started in vain, as its header says. */
export function startsOf({ headers }: Message): number {
  const given = headers[STARTS_HEADER]
  if (given === undefined) return 0
  const value = plainHeader(given)
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  log('warn', 'worker', 'count of starts cannot be read: taken as 0', { id: plainHeader(headers.id) })
  return 0
}

/** What counting starts needs. */
export interface StartsOptions {
  readonly clock: Clock
  /** Highest count. */
  readonly limit: number
  readonly run: (work: Work) => void
  /** The broker can be told of a start without a copy at the end of the queue, and now. */
  readonly canRecord: () => boolean
  /** Has the broker know of a start before it happens, and enters the task again. */
  readonly record: (work: Work) => void
  /** Has the broker know how often a task that waits was started, and that it waits. Undefined: this broker cannot be told. */
  readonly keep: ((work: Work) => void) | undefined
  /** Sends a copy in place of a message that came again, and settles that. Never rejects. */
  readonly replace: (work: Work, starts: number) => Promise<void>
  /** The end of a task that has come again too often. */
  readonly exhaust: (work: Work, outcome: Outcome) => void
  /** One that had to wait may start now. */
  readonly enter: (work: Work) => void
}

/**
 * Counts how often tasks start whose messages came again, so that one that kills its workers comes to an end. A message
 * cannot be written on: a copy with a higher count takes its place before the start. One that came again a second time is
 * a suspect: suspects start one by one, so that the count of the others does not rise with that of the one that kills.
 */
export class Starts {
  readonly #options: StartsOptions
  /** Suspects that wait for their turn. */
  readonly #waiting = new Ring<Work>()
  #suspect: { readonly key: string; timer?: Timer; copy: Work | undefined } | undefined

  constructor(options: StartsOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Starts a task, now or when its turn has come. */
  start(work: Work): void {
    const { limit, run, canRecord, record, keep, exhaust } = this.#options
    const { deaths, isAgain, isFromLease } = work
    const { id, task } = work.request
    if (deaths > limit) return exhaust(work, exhausted(id, task, deaths, limit))
    if (deaths > 1 && (isAgain || isFromLease) && this.#suspect?.copy !== work) {
      if (this.#suspect) {
        // Else, if this worker died, the wait would be taken for a start.
        if (work.wouldTell > deaths) keep?.(work)
        return this.#waiting.push(work)
      }
      this.#suspect = { key: work.key, copy: work }
    }
    if (work.wouldTell > deaths) return run(work)
    if (deaths > 0) log('warn', 'worker', 'task starts again', { id, task, starts: deaths, limit })
    if (canRecord()) record(work)
    else this.passOn(work)
  }

  /** Sends a task that was not started yet to the end of its queue, counted as started. */
  passOn(work: Work): void {
    const { clock, replace } = this.#options
    work.isPassedOn = true
    const suspect = this.#suspect
    if (suspect?.copy === work) {
      suspect.copy = undefined
      suspect.timer = clock.after(COMES_MS, () => this.#next())
    }
    void replace(work, work.deaths)
  }

  /** A message has come: perhaps the copy of the suspect. */
  came(work: Work): void {
    const suspect = this.#suspect
    if (!suspect || suspect.copy || work.isAgain || work.key !== suspect.key) return
    suspect.timer?.cancel()
    suspect.copy = work
  }

  /** A task has left the worker. */
  left(work: Work): void {
    if (this.#suspect?.copy === work) this.#next()
  }

  /** Lets go of all that wait. */
  release(): Work[] {
    const works: Work[] = []
    for (let work = this.#waiting.shift(); work; work = this.#waiting.shift()) works.push(work)
    this.#suspect?.timer?.cancel()
    return works
  }

  #next(): void {
    this.#suspect = undefined
    // One that has expired, or is not ours any more, does not come back here, and would leave the others waiting.
    while (!this.#suspect) {
      const work = this.#waiting.shift()
      if (!work) return
      this.#options.enter(work)
    }
  }
}

function exhausted(id: string, task: string, starts: number, limit: number): Outcome {
  const { code, message } = new LovageError('DELIVERIES_EXHAUSTED', { task, starts, limit })
  return failed(id, workerLostError(message), { dead: { code, message } })
}
