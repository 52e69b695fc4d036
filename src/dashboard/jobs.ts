import type { Clock } from '../base/clock.ts'
import { LovageError, messageOf } from '../base/errors.ts'
import type { Job } from './api.ts'

type Item = { -readonly [Name in keyof Job['items'][number]]: Job['items'][number][Name] }

/** How one item went, in a sentence. */
export interface ItemOutcome {
  readonly isError: boolean
  readonly text: string
}

export interface JobPlan {
  readonly title: string
  /** Who wants it. */
  readonly by: string
  readonly targets: readonly string[]
  /** What it throws is the failure of the item. */
  readonly run: (target: string) => Promise<ItemOutcome>
  /** How many at a time. */
  readonly atOnce: number
  /** Begin nothing further once one has failed. */
  readonly stopOnFailure: boolean
  /** Called once, when nothing of it runs any more. */
  readonly onOver?: (job: Job) => void
}

/** Those that are over and still told of, and those that run at a time. */
const MOST_KEPT = 50
const MOST_RUNNING = 10

/** All items of all jobs that are told of: pages are told them again each second in which one of them has changed. */
const MOST_TOLD = 20_000

/** Most that one job does. */
export const MOST_ITEMS = 10_000

interface Running {
  readonly job: Omit<Job, 'items' | 'isOver'>
  readonly items: Item[]
  isOver: boolean
  isCancelled: boolean
}

/** Batches: many things to do, a few at a time, each of which tells how it went. */
export class Jobs {
  readonly #clock: Clock
  readonly #onChange: () => void
  readonly #redact: (text: string) => string
  readonly #jobs = new Map<string, Running>()

  /** `redact` takes out of what came of an item what nobody may read. */
  constructor(clock: Clock, onChange: () => void, redact: (text: string) => string = (text) => text) {
    this.#redact = redact
    this.#clock = clock
    this.#onChange = onChange
  }

  /** The newest first. */
  list(): readonly Job[] {
    return [...this.#jobs.values()].map(jobOf).reverse()
  }

  get(id: string): Job | undefined {
    const running = this.#jobs.get(id)
    return running && jobOf(running)
  }

  /**
   * Begins at once. Returns its id.
   * @throws LovageError `ACTION_REFUSED` where too much runs already, or it is too large
   */
  start(plan: JobPlan): string {
    const { title, by, targets } = plan
    if (targets.length > MOST_ITEMS) {
      throw refused(`does more than ${MOST_ITEMS} things`, 'Narrow the filter, or do it in parts')
    }
    if ([...this.#jobs.values()].filter(({ isOver }) => !isOver).length >= MOST_RUNNING) {
      throw refused('has to wait: ten others run', 'Wait until one of them is over, or cancel one')
    }
    const id = this.#clock.uuid()
    const running: Running = {
      job: { id, title, by, atMs: this.#clock.now() },
      items: targets.map((target) => ({ target, status: 'queued', text: null, tookMs: null })),
      isOver: false,
      isCancelled: false,
    }
    this.#jobs.set(id, running)
    let kept = [...this.#jobs.values()].reduce((sum, { items }) => sum + items.length, 0)
    for (const [other, { isOver, items }] of this.#jobs) {
      if (this.#jobs.size <= MOST_KEPT && kept <= MOST_TOLD) break
      if (!isOver) continue
      this.#jobs.delete(other)
      kept -= items.length
    }
    void this.#run(running, plan)
    this.#onChange()
    return id
  }

  /** False: there is none of this id that runs. */
  cancel(id: string): boolean {
    const running = this.#jobs.get(id)
    if (!running || running.isOver) return false
    running.isCancelled = true
    this.#onChange()
    return true
  }

  /** Begins nothing further of any. */
  stop(): void {
    for (const running of this.#jobs.values()) running.isCancelled = true
  }

  async #run(running: Running, { run, atOnce, stopOnFailure, onOver }: JobPlan): Promise<void> {
    const { items } = running
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < items.length && !running.isCancelled) {
        const item = items[next++] as Item
        await this.#do(item, run)
        if (item.status === 'failed' && stopOnFailure) running.isCancelled = true
      }
    }
    await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, items.length)) }, lane))
    for (const item of items) if (item.status === 'queued') item.status = 'cancelled'
    running.isOver = true
    this.#onChange()
    onOver?.(jobOf(running))
  }

  async #do(item: Item, run: JobPlan['run']): Promise<void> {
    const beganMs = this.#clock.monotonic()
    item.status = 'running'
    this.#onChange()
    try {
      const { isError, text } = await run(item.target)
      item.status = isError ? 'failed' : 'done'
      item.text = this.#redact(text)
    } catch (error) {
      item.status = 'failed'
      item.text = this.#redact(messageOf(error))
    }
    item.tookMs = Math.round(this.#clock.monotonic() - beganMs)
    this.#onChange()
  }
}

function jobOf({ job, items, isOver }: Running): Job {
  return { ...job, items: items.map((item) => ({ ...item })), isOver }
}

function refused(problem: string, fix: string): LovageError {
  return new LovageError('ACTION_REFUSED', { action: 'The batch', problem, fix })
}
