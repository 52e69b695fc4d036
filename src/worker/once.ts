import { createHash } from 'node:crypto'
import type { App } from '../app/app.ts'
import { keepsMarks } from '../app/capabilities.ts'
import type { Marks } from '../backend/groups.ts'
import { backoffMs, type Backoff } from '../base/backoff.ts'
import { type Clock, sleep } from '../base/clock.ts'
import { isLovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { ONCE_HEADER, plainHeader } from '../protocol/headers.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { Store } from '../store/store.ts'
import type { Work } from './work.ts'

/** What it needs. */
export interface OnceOptions {
  readonly clock: Clock
  /** Undefined: nobody remembers. */
  readonly marks: Marks | undefined
  /** Aborts when the worker cannot wait any longer. */
  readonly giveUp: AbortSignal
}

/** A message can come again long after nobody asks for its result. */
const LEAST_KEEP_MS = 86_400_000

const BACKOFF: Backoff = { baseMs: 50, maxMs: 5_000 }

/** Tries to forget a message. Then it stays, as that of a worker that has died. */
const MOST_TRIES = 10

/**
 * Of several messages of one task, sent because nobody could know whether the first had got through, one is run: the first
 * that any worker takes in. Each message has a mark of its own, which it keeps when it comes again or is retried. One that
 * was lost to its worker before it began is forgotten: the broker may have died with it, and another is to run then.
 */
export class Once {
  readonly #options: OnceOptions
  #hasComplained = false

  constructor(options: OnceOptions) {
    this.#options = options
  }

  /** Whether this message is the one. Undefined, as with nearly all: it is, and nobody had to be asked. */
  ask(work: Work): Promise<boolean> | undefined {
    const { id, task, custom } = work.request
    const mark = plainHeader(custom[ONCE_HEADER])
    if (mark === undefined) return undefined
    const { marks } = this.#options
    if (marks && typeof mark === 'string') return this.#ask(marks, work, mark)
    if (!this.#hasComplained) {
      const problem = marks ? 'its mark cannot be read' : 'this worker has no store: give it that of who sends'
      log('error', 'worker', 'a task that is to run once may run twice', { id, task, problem })
    }
    this.#hasComplained = true
    return undefined
  }

  /** Until the store answers; a worker that cannot wait any longer says yes, and gives the message back. */
  async #ask(marks: Marks, work: Work, mark: string): Promise<boolean> {
    const { clock, giveUp } = this.#options
    const { id, task } = work.request
    const token = clock.uuid()
    // Even where the answer is lost it may have been noted.
    work.onLost = (): Promise<void> => this.#release(marks, work.request, mark, token)
    for (let attempt = 0; !giveUp.aborted; attempt++) {
      try {
        const isFirst = await marks.claim(id, mark, token)
        if (!isFirst) log('info', 'worker', 'another message of this task runs: this one is dropped', { id, task })
        return isFirst
      } catch (error) {
        await this.#pause(work.request, error, attempt)
      }
    }
    return true
  }

  async #release(marks: Marks, request: TaskRequest, mark: string, token: string): Promise<void> {
    for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
      try {
        await marks.release(request.id, mark, token)
        return
      } catch (error) {
        if (this.#options.giveUp.aborted || isClosed(error)) return
        await this.#pause(request, error, attempt)
      }
    }
  }

  async #pause({ id, task }: TaskRequest, error: unknown, attempt: number): Promise<void> {
    const { clock, giveUp } = this.#options
    const waitMs = backoffMs(attempt, BACKOFF, clock.random())
    log('warn', 'worker', 'the store cannot be asked', { id, task, error: messageOf(error), waitMs })
    await sleep(clock, waitMs, giveUp).catch(() => {})
  }
}

/** Nobody is there to be asked any more: the application has closed. */
function isClosed(error: unknown): boolean {
  return isLovageError(error, 'STORE_CLOSED') || isLovageError(error, 'BROKER_CLOSED')
}

/** The one of a worker of `app`: it is remembered in the store, or with the results, where these are in Redis. */
export function onceOf(app: App, clock: Clock, giveUp: AbortSignal): Once {
  const { settings } = app
  const ttlMs = Math.max(LEAST_KEEP_MS, settings.resultExpiresMs)
  const store = (): Promise<Store> => app.store('A task that is to run once')
  const inStore: Marks = {
    claim: async (id, mark, token) => claimIn(await store(), onceKey(id), { mark, token, ttlMs }),
    release: async (id, mark, token) => releaseIn(await store(), onceKey(id), { mark, token }),
  }
  const withResults: Marks = {
    claim: async (...asked) => (await (await app.client()).backend.groups?.marks?.claim(...asked)) ?? true,
    release: async (...asked) => (await app.client()).backend.groups?.marks?.release(...asked),
  }
  const marks = settings.store === undefined ? withResults : inStore
  return new Once({ clock, marks: keepsMarks(settings) ? marks : undefined, giveUp })
}

interface Asked {
  readonly mark: string
  readonly token: string
}

/** What is kept is the mark, behind it the token of who asked first as long as nobody else has asked for the message. */
async function claimIn(store: Store, key: string, asked: Asked & { readonly ttlMs: number }): Promise<boolean> {
  const { mark, ttlMs } = asked
  const { isSet, kept } = await store.set(key, firstOf(asked), { ttlMs, ifVersion: 0 })
  if (isSet || kept?.value === firstOf(asked) || kept?.value === mark) return true
  if (!kept || !String(kept.value).startsWith(firstOf({ mark, token: '' }))) return false
  const again = await store.set(key, mark, { ttlMs, ifVersion: kept.version })
  // It has changed meanwhile: whoever asked first may have let go of it.
  return again.isSet || claimIn(store, key, asked)
}

async function releaseIn(store: Store, key: string, asked: Asked): Promise<void> {
  const kept = await store.get(key)
  if (kept?.value === firstOf(asked)) await store.forget(key, { ifVersion: kept.version })
}

function firstOf({ mark, token }: Asked): string {
  return `${mark} ${token}`
}

const PLAIN = /^[\x21-\x7e]{1,400}$/

function onceKey(id: string): string {
  return `once:${PLAIN.test(id) ? id : createHash('sha256').update(id).digest('hex')}`
}
