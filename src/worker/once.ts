import { createHash } from 'node:crypto'
import type { App } from '../app/app.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { type Clock, sleep } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { ONCE_HEADER, plainHeader } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { Store } from '../store/store.ts'

/** What it needs. */
export interface OnceOptions {
  readonly clock: Clock
  /** Undefined: there is none. */
  readonly store: (() => Promise<Store>) | undefined
  /** How long it is remembered which message of a task is the one that runs. */
  readonly keepMs: number
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
    const { store } = this.#options
    if (store && typeof mark === 'string') return this.#ask(store, id, task, mark)
    if (!this.#hasComplained) {
      const problem = store ? 'its mark cannot be read' : 'this worker has no store: give it that of who sends'
      log('error', 'worker', 'a task that is to run once may run twice', { id, task, problem })
    }
    this.#hasComplained = true
    return undefined
  }

  /** Until the store answers; a worker that cannot wait any longer says yes, and gives the message back. */
  async #ask(store: () => Promise<Store>, id: string, task: string, mark: string): Promise<boolean> {
    const { clock, keepMs, giveUp } = this.#options
    for (let attempt = 0; !giveUp.aborted; attempt++) {
      try {
        const { isSet, kept } = await (await store()).set(onceKey(id), mark, { ttlMs: keepMs, ifVersion: 0 })
        const isFirst = isSet || kept?.value === mark
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

/** The one of a worker of `app`. */
export function onceOf(app: App, clock: Clock, giveUp: AbortSignal): Once {
  const { store, resultExpiresMs } = app.settings
  const open = (): Promise<Store> => app.store('A task that is to run once')
  return new Once({
    clock,
    store: store === undefined ? undefined : open,
    keepMs: Math.max(LEAST_KEEP_MS, resultExpiresMs),
    giveUp,
  })
}

const PLAIN = /^[\x21-\x7e]{1,400}$/

function onceKey(id: string): string {
  return `once:${PLAIN.test(id) ? id : createHash('sha256').update(id).digest('hex')}`
}
