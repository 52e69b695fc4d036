import type { App } from '../../app/app.ts'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'

/** What workers are asked again and again while somebody looks. */
const OFTEN = ['stats', 'active', 'reserved', 'scheduled', 'active_queues'] as const

/** What they are asked once, and when somebody opens the page of one. */
const SELDOM = ['registered', 'conf'] as const

const TOLD_OF_TASKS = ['rate_limit', 'time_limit', 'soft_time_limit']

type Question = (typeof OFTEN)[number] | (typeof SELDOM)[number]

/** Workers that are asked by name; of more than that all are asked, and waited for. */
const MOST_NAMED = 500

const TIMEOUT_MS = 2_000

/** What one worker has answered last, by question. */
export type Answers = Readonly<Partial<Record<Question, unknown>>>

/** What the workers answer to questions, as they have answered last. */
export class WorkerAnswers {
  readonly #app: App
  readonly #clock: Clock
  readonly #answers = new Map<string, { by: Partial<Record<Question, unknown>>; atMs: number }>()
  #asking: Promise<void> | undefined

  constructor(app: App, clock: Clock) {
    this.#app = app
    this.#clock = clock
  }

  of(worker: string): Answers | undefined {
    return this.#answers.get(worker)?.by
  }

  /** When it has answered last; 0: never. */
  atMs(worker: string): number {
    return this.#answers.get(worker)?.atMs ?? 0
  }

  /** Asks these, all at once; whoever asks meanwhile waits for the same. Never rejects. */
  ask(workers: readonly string[]): Promise<void> {
    this.#asking ??= this.#ask(workers, OFTEN).finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Asks all there is to know of workers that are new here, or looked at closely. Never rejects. */
  async askAll(workers: readonly string[]): Promise<void> {
    await this.#ask(workers, [...OFTEN, ...SELDOM])
  }

  forget(worker: string): void {
    this.#answers.delete(worker)
  }

  async #ask(workers: readonly string[], questions: readonly Question[]): Promise<void> {
    if (workers.length === 0) return
    const named = workers.length <= MOST_NAMED ? { destination: workers } : { limit: workers.length }
    const inspect = this.#app.control.inspect({ ...named, timeout: TIMEOUT_MS })
    const asked = questions.map(async (question) => {
      const given = question === 'active' ? { safe: true } : {}
      const items = question === 'registered' ? { taskinfoitems: TOLD_OF_TASKS } : given
      const replies = await inspect.ask(question, items)
      for (const [worker, value] of Object.entries(replies)) this.#keep(worker, question, value)
    })
    const failed = (await Promise.allSettled(asked)).find((each) => each.status === 'rejected')
    if (failed) log('debug', 'dashboard', 'workers could not be asked', { error: messageOf(failed.reason) })
  }

  #keep(worker: string, question: Question, value: unknown): void {
    let kept = this.#answers.get(worker)
    if (!kept) {
      kept = { by: {}, atMs: 0 }
      this.#answers.set(worker, kept)
    }
    kept.by[question] = value
    kept.atMs = this.#clock.now()
  }
}
