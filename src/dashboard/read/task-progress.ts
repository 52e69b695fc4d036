import type { App } from '../../app/app.ts'
import { backendHas } from '../../app/capabilities.ts'
import { type Clock, deadline } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { redactUrl } from '../../base/redact.ts'
import { decodeRawJson } from '../../protocol/json.ts'
import { isProgress, type Outcome, payloadText } from '../../protocol/outcome.ts'
import type { TaskDetail, TaskRow } from '../api-tasks.ts'
import type { Redactor } from '../redact.ts'

/** The result backend is asked so often about one task, at most. */
const AGAIN_MS = 1_000

/** Longest wait for its answer. */
const ASK_MS = 1_000

/** An answer that has not come after so long comes no more. */
const LOST_MS = 30_000

/** Longest progress that is shown, as JSON: it goes to every tab that looks, each second. */
const MOST_TEXT = 65_536

/** Tasks whose progress is known. */
const MOST_KEPT = 1_000

interface Kept {
  progress: unknown
  unknown: string | undefined
  /** Both, to tell whether they have changed. */
  text: string
  askedAtMs: number
  isAsking: boolean
}

/** What progress is read with. */
export interface ProgressOptions {
  readonly app: App
  readonly clock: Clock
  readonly index: { get(id: string): Pick<TaskRow, 'state' | 'name'> | undefined }
  readonly redactor: Redactor
  /** What is told of a task has changed. */
  readonly changed: () => void
}

/**
 * What running tasks have told of their progress. No event tells of it: it is read from the result backend, of the tasks
 * that somebody looks at.
 */
export class TaskProgress {
  readonly #with: ProgressOptions
  readonly #kept = new Map<string, Kept>()

  constructor(given: ProgressOptions) {
    this.#with = given
  }

  /** What is known of it now. */
  of({ id, state }: Pick<TaskRow, 'id' | 'state'>): Pick<TaskDetail, 'progress' | 'progressUnknown'> {
    if (state !== 'STARTED') return { progress: null }
    const { settings } = this.#with.app
    if (!backendHas('anyReader', settings)) {
      return { progress: null, progressUnknown: `over ${redactUrl(settings.backend)} only who sent it is told` }
    }
    const kept = this.#kept.get(id)
    return { progress: kept?.progress ?? null, ...(kept?.unknown !== undefined && { progressUnknown: kept.unknown }) }
  }

  /** Somebody looks at it. Resolves when it was read, if it was due, or was not in time. Never rejects. */
  async ask(id: string): Promise<void> {
    const { app, clock, index } = this.#with
    const task = index.get(id)
    if (task?.state !== 'STARTED') return void this.#kept.delete(id)
    if (!backendHas('anyReader', app.settings)) return
    const kept = this.#keptOf(id)
    const nowMs = clock.now()
    const sinceMs = nowMs - kept.askedAtMs
    if (sinceMs < (kept.isAsking ? LOST_MS : AGAIN_MS)) return
    kept.askedAtMs = nowMs
    kept.isAsking = true
    const answer = this.#read(id, task.name)
    const answered = (): void => {
      if (kept.askedAtMs === nowMs) kept.isAsking = false
    }
    answer.then(answered, answered)
    const late = (): Error => new Error('the result backend does not answer')
    try {
      this.#keep(kept, await deadline(clock, answer, ASK_MS, late), undefined)
    } catch (error) {
      // What was told before stays, and is said to be old.
      this.#keep(kept, kept.progress, messageOf(error))
    }
  }

  #keptOf(id: string): Kept {
    const known = this.#kept.get(id)
    if (known) return known
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size < MOST_KEPT) break
      this.#kept.delete(oldest)
    }
    const kept: Kept = { progress: null, unknown: undefined, text: 'null', askedAtMs: -Infinity, isAsking: false }
    this.#kept.set(id, kept)
    return kept
  }

  #keep(kept: Kept, progress: unknown, unknown: string | undefined): void {
    const text = `${JSON.stringify(progress)}${unknown ?? ''}`
    if (text === kept.text) return
    Object.assign(kept, { progress, unknown, text })
    this.#with.changed()
  }

  async #read(id: string, name: string | null): Promise<unknown> {
    const { backend } = await this.#with.app.client()
    const outcome = await backend.get(id)
    return outcome && isProgress(outcome) ? this.#shown(outcome, name) : null
  }

  /** As plain JSON, without what nobody may see. */
  #shown({ result }: Outcome, name: string | null): unknown {
    const text = payloadText(result)
    if (text.length > MOST_TEXT) throw new Error(`it has ${text.length} characters, and ${MOST_TEXT} at most are shown`)
    const shown = this.#with.redactor.result(name, decodeRawJson(text))
    const json = JSON.stringify(shown, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    return JSON.parse(json) as unknown
  }
}
