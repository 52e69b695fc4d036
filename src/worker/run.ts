import type { Clock } from '../base/clock.ts'
import type { Pool } from '../pool/pool.ts'
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
export async function run(work: Work, pool: Pool, options: RunOptions): Promise<Outcome> {
  const { clock, tally, settler, hostname, limitsOf } = options
  const { request, delivery } = work
  const { exchange, routingKey } = delivery
  const update = (outcome: Outcome): void => {
    if (work.ignoresResult) return
    work.updates ??= new Updates((told) => settler.tell(told, request))
    work.updates.add(outcome)
  }
  const started = (): void => {
    work.startedAtMs = clock.now()
    tally.started(work)
    if (!work.task?.options.trackStarted) return
    const value = { pid: process.pid, hostname }
    update({ id: request.id, state: 'STARTED', result: { value }, traceback: null })
  }
  // A copy is new to the broker, and to the task the same message again.
  work.job = {
    request: limited(work, limitsOf(work)),
    delivery: { exchange, routingKey, redelivered: work.deaths > 0 },
    hostname,
    isOnce: work.isAckedEarly,
  }
  const outcome = await pool.run(work.job, { started, update })
  work.job = undefined
  return outcome
}

function limited({ request }: Work, timelimit: TaskRequest['timelimit'] | undefined): TaskRequest {
  return timelimit === undefined ? request : { ...request, timelimit }
}
