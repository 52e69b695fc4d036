import type { Clock } from '../base/clock.ts'
import type { JobReport, Pool } from '../pool/pool.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import type { Settler } from './settle.ts'
import type { Tally } from './tally.ts'
import { Updates } from './updates.ts'
import type { Work } from './work.ts'

/** What running tasks needs. */
export interface RunOptions {
  readonly clock: Clock
  readonly tally: Tally
  readonly settler: Settler
  readonly hostname: string
  /** Its time limits, where they are others than its message and its task say. */
  readonly limitsOf: (work: Work) => TaskRequest['timelimit'] | undefined
}

/** Runs a task in the pool, and sends on what it tells meanwhile. Never rejects. */
export function run(work: Work, pool: Pool, options: RunOptions): Promise<Outcome> {
  const { exchange, routingKey } = work.delivery
  work.job = {
    request: limited(work, options.limitsOf(work)),
    // A copy is new to the broker, and to the task the same message again.
    delivery: { exchange, routingKey, redelivered: work.deaths > 0 },
    hostname: options.hostname,
    isOnce: work.isAckedEarly,
    handle: undefined,
  }
  return pool.run(work.job, new Told(work, options))
}

/** What a task that runs tells. */
class Told implements JobReport {
  readonly #work: Work
  readonly #options: RunOptions

  constructor(work: Work, options: RunOptions) {
    this.#work = work
    this.#options = options
  }

  started(): void {
    const { clock, tally, hostname } = this.#options
    const work = this.#work
    work.startedAtMs = clock.now()
    tally.started(work)
    if (!work.task?.options.trackStarted) return
    const value = { pid: process.pid, hostname }
    this.update({ id: work.request.id, state: 'STARTED', result: { value }, traceback: null })
  }

  update(outcome: Outcome): void {
    const work = this.#work
    if (work.ignoresResult) return
    work.updates ??= new Updates((told) => this.#options.settler.tell(told, work.request))
    work.updates.add(outcome)
  }
}

function limited({ request }: Work, timelimit: TaskRequest['timelimit'] | undefined): TaskRequest {
  return timelimit === undefined ? request : { ...request, timelimit }
}
