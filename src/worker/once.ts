import { createHash } from 'node:crypto'
import type { App } from '../app/app.ts'
import { keepsMarks } from '../app/capabilities.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { type Clock, sleep } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { ONCE_HEADER, plainHeader } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'

type Claim = (id: string, mark: string) => Promise<boolean>

/** What it needs. */
export interface OnceOptions {
  readonly clock: Clock
  /** Whether the message of a task with this mark is the one to run. Undefined: nobody remembers. */
  readonly claim: Claim | undefined
  /** Aborts when the worker cannot wait any longer. */
  readonly giveUp: AbortSignal
}

/** A message can come again long after nobody asks for its result. */
const LEAST_KEEP_MS = 86_400_000

const BACKOFF: Backoff = { baseMs: 50, maxMs: 5_000 }

/**
 * Of several messages of one task, sent because nobody could know whether the first had got through, one is run: the first
 * that any worker takes in. Each message has a mark of its own, which it keeps when it comes again or is retried.
 */
export class Once {
  readonly #options: OnceOptions
  #hasComplained = false

  constructor(options: OnceOptions) {
    this.#options = options
  }

  /** Whether this message is the one. Undefined, as with nearly all: it is, and nobody had to be asked. */
  ask({ id, task, custom }: TaskRequest): Promise<boolean> | undefined {
    const mark = plainHeader(custom[ONCE_HEADER])
    if (mark === undefined) return undefined
    const { claim } = this.#options
    if (claim && typeof mark === 'string') return this.#ask(claim, id, task, mark)
    if (!this.#hasComplained) {
      const problem = claim ? 'its mark cannot be read' : 'this worker has no store: give it that of who sends'
      log('error', 'worker', 'a task that is to run once may run twice', { id, task, problem })
    }
    this.#hasComplained = true
    return undefined
  }

  /** Until the store answers; a worker that cannot wait any longer says yes, and gives the message back. */
  async #ask(claim: Claim, id: string, task: string, mark: string): Promise<boolean> {
    const { clock, giveUp } = this.#options
    for (let attempt = 0; !giveUp.aborted; attempt++) {
      try {
        const isFirst = await claim(id, mark)
        if (!isFirst) log('info', 'worker', 'another message of this task runs: this one is dropped', { id, task })
        return isFirst
      } catch (error) {
        const waitMs = backoffMs(attempt, BACKOFF, clock.random())
        log('warn', 'worker', 'the store cannot be asked', { id, task, error: messageOf(error), waitMs })
        await sleep(clock, waitMs, giveUp).catch(() => {})
      }
    }
    return true
  }
}

/** The one of a worker of `app`: it is remembered in the store, or with the results, where these are in Redis. */
export function onceOf(app: App, clock: Clock, giveUp: AbortSignal): Once {
  const { settings } = app
  const ttlMs = Math.max(LEAST_KEEP_MS, settings.resultExpiresMs)
  const inStore = async (id: string, mark: string): Promise<boolean> => {
    const store = await app.store('A task that is to run once')
    const { isSet, kept } = await store.set(onceKey(id), mark, { ttlMs, ifVersion: 0 })
    return isSet || kept?.value === mark
  }
  const withResults = async (id: string, mark: string): Promise<boolean> =>
    (await (await app.client()).backend.groups?.claim?.(id, mark)) ?? true
  const claim = settings.store === undefined ? withResults : inStore
  return new Once({ clock, claim: keepsMarks(settings) ? claim : undefined, giveUp })
}

const PLAIN = /^[\x21-\x7e]{1,400}$/

function onceKey(id: string): string {
  return `once:${PLAIN.test(id) ? id : createHash('sha256').update(id).digest('hex')}`
}
