import type { DashboardContext } from './context.ts'
import type { Redactor } from './redact.ts'

/** What Flower asks of each worker, by the name that it shows the answer under. */
const QUESTIONS = [
  'stats',
  'active_queues',
  'registered',
  'scheduled',
  'active',
  'reserved',
  'revoked',
  'conf',
] as const

/** Longest wait for answers, Flower's, and how many workers are kept. */
const TIMEOUT_MS = 1_000
const MOST = 5_000

type Answers = Record<string, unknown> & { timestamp: number }

/** What workers have answered, as `GET /api/workers` shows it. */
export class FlowerWorkers {
  readonly #context: DashboardContext
  readonly #redactor: Redactor
  readonly #answers = new Map<string, Answers>()
  #asking: Promise<void> | undefined

  constructor(context: DashboardContext, redactor: Redactor) {
    this.#context = context
    this.#redactor = redactor
  }

  /** Whether there is such a worker, as far as events and answers tell. */
  knows(name: string): boolean {
    return this.#answers.has(name) || this.#context.fleet.workers.some((worker) => worker.name === name)
  }

  /** Of those that were heard of. */
  status(): Record<string, boolean> {
    return Object.fromEntries(this.#context.fleet.workers.map(({ name, status }) => [name, status === 'online']))
  }

  /** All, or one. Those that were never asked are asked first. */
  async list(name: string | undefined, isFresh: boolean): Promise<Record<string, unknown>> {
    const { workers } = this.#context.fleet
    const known = new Set(workers.map((worker) => worker.name))
    for (const each of this.#answers.keys()) if (known.size > 0 && !known.has(each)) this.#answers.delete(each)
    const isMissing = (each: string): boolean => !this.#answers.has(each)
    const online = workers.filter(({ status }) => status === 'online').map((worker) => worker.name)
    if (isFresh || this.#answers.size === 0 || online.some(isMissing)) await this.ask()
    const shown = [...this.#answers].filter(([each]) => name === undefined || each === name)
    return Object.fromEntries(shown)
  }

  /** Names of all queues that are read. */
  async queues(): Promise<readonly string[]> {
    await this.list(undefined, false)
    const names = [...this.#answers.values()].flatMap(({ active_queues: queues }) =>
      Array.isArray(queues) ? queues.map((queue) => String((queue as { name?: unknown }).name)) : [],
    )
    return [...new Set(names)].toSorted()
  }

  /** Whether some worker says that it has a task of this name. */
  async registers(task: string): Promise<boolean> {
    await this.list(undefined, false)
    const all = [...this.#answers.values()].flatMap(({ registered }) => (Array.isArray(registered) ? registered : []))
    return all.some((each) => String(each).split(' [', 1)[0] === task)
  }

  /** Asks all workers everything; whoever asks meanwhile waits for the same. */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<void> {
    const inspect = this.#context.app.control.inspect({ timeout: TIMEOUT_MS })
    await Promise.all(
      QUESTIONS.map(async (question) => {
        const answers = await inspect.ask(question, question === 'active' ? { safe: true } : {})
        for (const [worker, answer] of Object.entries(answers)) this.#keep(worker, question, answer)
      }),
    )
  }

  #keep(worker: string, question: string, answer: unknown): void {
    const known = this.#answers.get(worker)
    if (!known && this.#answers.size >= MOST) return
    const kept: Answers = known ?? { timestamp: 0 }
    if (question === 'stats') delete (answer as { broker?: { alternates?: unknown } }).broker?.alternates
    kept[question] = this.#redactor.told(answer)
    kept.timestamp = this.#context.clock.now() / 1000
    this.#answers.set(worker, kept)
  }
}
