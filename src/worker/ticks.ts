import type { App } from '../app/app.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { plainHeader, TICK_HEADER } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { Work } from './work.ts'

/** How long it is known which copy of a tick was taken: a scheduler that is stopped for longer may have it run twice. */
const KNOWN_MS = 3_600_000

/** Between two tries to ask a store that does not answer. */
const PAUSE: Backoff = { baseMs: 250, maxMs: 5_000 }

/** What telling copies of ticks apart needs. */
export interface TicksOptions {
  readonly clock: Clock
  /** In its store it is known which copy was taken; without one each is. */
  readonly app: Pick<App, 'settings' | 'store'>
  /** It is the one. */
  readonly admit: (work: Work) => void
  /** Another copy of it was taken before. */
  readonly drop: (work: Work) => void
}

/**
 * What schedules send, between intake and all else. A scheduler that died, or was stopped, between publishing a tick and
 * writing that down has another publish it again, under the same id: of such copies one is taken, by whoever it may be. The
 * same copy is taken as often as it comes, because whoever took it before may have died with it.
 */
export class Ticks {
  readonly #options: TicksOptions
  /** Those that are asked about, with the timer of those that are to be asked about again. */
  readonly #works = new Map<Work, Timer | undefined>()

  constructor(options: TicksOptions) {
    this.#options = options
  }

  /** Lets a task in that is none of these at once. */
  meet(work: Work): void {
    const { app, admit } = this.#options
    const copy = copyOf(work.request)
    if (copy === undefined || app.settings.store === undefined) return admit(work)
    this.#works.set(work, undefined)
    void this.#ask(work, copy, 0)
  }

  /** Lets go of all. */
  release(): Work[] {
    const works = [...this.#works.keys()]
    for (const timer of this.#works.values()) timer?.cancel()
    this.#works.clear()
    return works
  }

  async #ask(work: Work, copy: string, tries: number): Promise<void> {
    const { admit, app, drop, clock } = this.#options
    const { id, task } = work.request
    let isTaken: boolean
    try {
      const store = await app.store('A tick')
      const { isSet, kept } = await store.set(`beat-tick:${id}`, copy, { ttlMs: KNOWN_MS, ifVersion: 0 })
      isTaken = isSet || kept?.value === copy
    } catch (error) {
      if (!this.#works.has(work)) return
      // An id that is no name for anything in a store is no schedule's.
      if (isLovageError(error, 'OPTION_INVALID')) isTaken = true
      else {
        const pauseMs = Math.max(PAUSE.baseMs, backoffMs(tries, PAUSE, clock.random()))
        log('warn', 'worker', 'tick waits for the store', { id, task, error: messageOf(error), pauseMs })
        const timer = clock.after(pauseMs, () => void this.#ask(work, copy, tries + 1))
        return void this.#works.set(work, timer)
      }
    }
    if (!this.#works.delete(work)) return
    if (isTaken) admit(work)
    else drop(work)
  }
}

/** Undefined: no schedule sent it, or it comes again by the task's own will. */
function copyOf({ custom, retries }: TaskRequest): string | undefined {
  if (retries > 0) return undefined
  const value = plainHeader(custom[TICK_HEADER])
  return typeof value === 'string' && /^1 \S{1,100}$/.test(value) ? value : undefined
}
