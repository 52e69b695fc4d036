import { backoffMs, type Backoff } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { log } from '../base/log.ts'
import { plainHeader, UNKNOWN_HEADER } from '../protocol/headers.ts'
import type { Message } from '../protocol/message.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { Leaving } from './leaving.ts'
import { askedPeers, type Peers } from './peers.ts'
import type { Reading } from './reading.ts'
import type { Work } from './work.ts'

/** How long a message that others know is kept here before it goes back: it may come here again at once. */
const PAUSE: Backoff = { baseMs: 250, maxMs: 2_000 }

/**
 * However many of them there are in hand, no more messages come for it: what is in the queue is taken by who knows it, at
 * the speed that is his.
 */
const MOST_COMPANY = 20

/** What dealing with unknown tasks needs. */
export interface StrangersOptions {
  readonly clock: Clock
  /** What other workers are asked over. */
  readonly app: { readonly control: Parameters<typeof askedPeers>[0] }
  /** This worker, and whether it can be asked as well. */
  readonly node: { readonly hostname: string; readonly remoteControl: boolean }
  readonly leaving: Leaving
  /** Knows what a queue of the broker is called by all who read it. */
  readonly reading: Pick<Reading, 'nameOf'>
  readonly settle: (work: Work, outcome: Outcome) => void
  /** More are in hand, or fewer. */
  readonly onChange: () => void
}

/**
 * Tasks that are not known here: while another worker of the queue knows one it goes back, each time a bit later, with a
 * header that counts; else it ends as unknown. Each stays in hand until then, so that it is lost with nobody.
 */
export class Strangers {
  readonly #options: StrangersOptions
  readonly #peers: Peers
  /** With the timer of those that go back. */
  readonly #works = new Map<Work, Timer | undefined>()
  /** Tasks that were told of. */
  readonly #told = new Set<string>()

  constructor(options: StrangersOptions) {
    this.#options = options
    const { app, clock, node } = options
    this.#peers = askedPeers(app.control, clock, node.remoteControl ? node.hostname : undefined)
  }

  /** How many may come in addition to these: tasks known here may wait behind them, and not all that wait is to come here. */
  get company(): number {
    return Math.min(this.#works.size, MOST_COMPANY)
  }

  /** @param outcome what it ends with where nobody knows it */
  meet(work: Work, outcome: Outcome): void {
    const { reading, settle, onChange } = this.#options
    this.#works.set(work, undefined)
    onChange()
    void this.#peers.know(work.request.task, reading.nameOf(work.delivery.queue)).then((isKnown) => {
      if (!this.#works.has(work)) return
      if (isKnown) return this.#keep(work)
      this.#works.delete(work)
      settle(work, outcome)
      onChange()
    })
  }

  /** Lets go of all. */
  release(): Work[] {
    const works = [...this.#works.keys()]
    for (const timer of this.#works.values()) timer?.cancel()
    this.#works.clear()
    return works
  }

  #keep(work: Work): void {
    const { clock } = this.#options
    const times = timesOf(work.delivery.message)
    const pauseMs = Math.max(backoffMs(times, PAUSE, clock.random()), PAUSE.baseMs / 2)
    this.#tell(work, pauseMs)
    this.#works.set(
      work,
      clock.after(pauseMs, () => this.#giveBack(work, times + 1)),
    )
  }

  #giveBack(work: Work, times: number): void {
    const { leaving, onChange } = this.#options
    this.#works.delete(work)
    if (!work.isOurs) leaving.lose(work)
    else {
      work.isPassedOn = true
      void leaving.replace(work, work.deaths, { [UNKNOWN_HEADER]: times })
    }
    onChange()
  }

  #tell({ request: { id, task }, delivery: { queue } }: Work, pauseMs: number): void {
    const isNew = !this.#told.has(task) && this.#told.size < 1_000
    this.#told.add(task)
    log(isNew ? 'info' : 'debug', 'worker', 'task goes back: another worker knows it', { id, task, queue, pauseMs })
  }
}

/** How often it went back before. */
function timesOf({ headers }: Message): number {
  const times = plainHeader(headers[UNKNOWN_HEADER])
  return typeof times === 'number' && Number.isSafeInteger(times) && times >= 0 ? times : 0
}
