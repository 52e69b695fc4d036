import { deadline, systemClock } from '../../base/clock.ts'
import type { Job, Pool } from '../../pool/pool.ts'
import type { Failure } from '../../protocol/failure.ts'
import { type Outcome, payloadValue } from '../../protocol/outcome.ts'
import type { Embed } from '../../protocol/signature.ts'
import { encodeBody, newRequest, type TaskRequest } from '../../protocol/task-message.ts'
import type { SuiteRunner } from '../runner.ts'

/** No wait of a suite is longer; a wait that ends here has failed. */
const PATIENCE_MS = 60_000

/** What the parts of the suite are given. */
export interface PoolSuiteContext {
  readonly expect: SuiteRunner['expect']
  /** A test on a started pool of 4 slots, which it leaves as it was. */
  readonly scene: (name: string, play: (scene: PoolScene) => Promise<void>) => void
  /** The same with a pool of its own, which may be stopped. */
  readonly ownScene: (name: string, play: (scene: PoolScene) => Promise<void>) => void
}

/** A job that was handed to the pool. */
export interface Running {
  readonly job: Job
  /** Resolves when the pool says that the function is about to be called. */
  readonly started: Promise<void>
  readonly outcome: Promise<Outcome>
  /** States that the task reported, in order. */
  readonly updates: Outcome[]
}

/** What a call may say beside its arguments. */
export interface CallFields extends Partial<TaskRequest> {
  readonly kwargs?: Readonly<Record<string, unknown>>
  readonly embed?: Embed
}

/** A test's view of a pool. */
export class PoolScene {
  readonly pool: Pool

  constructor(pool: Pool) {
    this.pool = pool
  }

  /** Hands a job to the pool. */
  start(task: string, args: readonly unknown[] = [], { kwargs = {}, embed, ...fields }: CallFields = {}): Running {
    const body = fields.body ?? encodeBody(args, kwargs, embed)
    const id = systemClock.uuid()
    const job: Job = {
      request: newRequest({ id, task, ...fields, body }),
      delivery: { exchange: '', routingKey: 'celery', redelivered: false },
      hostname: 'lovage@suite',
    }
    const updates: Outcome[] = []
    let onStarted = (): void => {}
    const started = new Promise<void>((resolve) => (onStarted = resolve))
    const outcome = this.pool.run(job, { started: onStarted, update: (update) => void updates.push(update) })
    return { job, started: patiently(started), outcome: patiently(outcome), updates }
  }

  /** The outcome of one job. */
  run(task: string, args?: readonly unknown[], fields?: CallFields): Promise<Outcome> {
    return this.start(task, args, fields).outcome
  }
}

/** The exception in the result of a FAILURE or RETRY. */
export function failureIn(outcome: Outcome): Failure {
  return payloadValue(outcome.result) as Failure
}

function patiently<T>(promise: Promise<T>): Promise<T> {
  const waited = deadline(systemClock, promise, PATIENCE_MS, () => new Error('the pool did not answer'))
  // Not every test looks at both.
  waited.catch(() => {})
  return waited
}
