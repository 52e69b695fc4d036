import type { Retry } from '../app/control-flow.ts'
import { type CurrentTask, retryWith, type DeliveryInfo, type RetryOptions } from '../app/current-task.ts'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { encodeJson, type JsonTypes } from '../protocol/json.ts'
import { deadlineOf } from '../protocol/headers.ts'
import { traceOfMessage, type TraceContext } from '../protocol/trace-context.ts'
import { isReady } from '../protocol/outcome.ts'
import type { Embed } from '../protocol/signature.ts'
import type { TaskBody, TaskRequest } from '../protocol/task-message.ts'
import type { JobControl } from './job-control.ts'
import type { Job, JobReport } from './pool.ts'

/** Most tasks that one run may list as its children; a run that sends more has only these in its result. */
const MAX_CHILDREN = 10_000

/**
 * What `currentTask()` gives. Its functions are made when they are asked for, bound, because tasks take them apart:
 * `const { progress } = currentTask()`.
 */
export class RunningTask implements CurrentTask {
  readonly #job: Job
  readonly #body: TaskBody
  readonly #report: JobReport
  readonly #control: JobControl
  readonly #options: { readonly clock: Clock; readonly types: JsonTypes }
  #children: string[] | undefined

  constructor(
    job: Job,
    body: TaskBody,
    report: JobReport,
    control: JobControl,
    options: { readonly clock: Clock; readonly types: JsonTypes },
  ) {
    this.#job = job
    this.#body = body
    this.#report = report
    this.#control = control
    this.#options = options
  }

  get id(): string {
    return this.request.id
  }

  get name(): string {
    return this.request.task
  }

  get args(): readonly unknown[] {
    return this.#body.args
  }

  get kwargs(): Readonly<Record<string, unknown>> {
    return this.#body.kwargs
  }

  get retries(): number {
    return this.request.retries
  }

  get signal(): AbortSignal {
    return this.#control.signal
  }

  get deadline(): Date | undefined {
    const atMs = deadlineOf(this.request.custom)
    return atMs === Infinity ? undefined : new Date(atMs)
  }

  get trace(): TraceContext | undefined {
    return traceOfMessage(this.request.custom)
  }

  get remainingMs(): number {
    return Math.max(0, deadlineOf(this.request.custom) - this.#options.clock.now())
  }

  get request(): TaskRequest {
    return this.#job.request
  }

  get delivery(): DeliveryInfo {
    return this.#job.delivery
  }

  get hostname(): string {
    return this.#job.hostname
  }

  get embed(): Embed {
    return this.#body.embed
  }

  get progress(): (meta: unknown) => void {
    return (meta) => this.#update('PROGRESS', meta)
  }

  get updateState(): (state: string, meta?: unknown) => void {
    return (state, meta) => this.#update(state, meta)
  }

  get retry(): (options?: RetryOptions) => Retry {
    return (options) => retryWith(options, this.#options.clock.now())
  }

  get abort(): (reason: Error) => void {
    return (reason) => this.#control.abort(reason)
  }

  get sent(): (id: string) => void {
    return (id) => {
      const children = (this.#children ??= [])
      if (children.length < MAX_CHILDREN) children.push(id)
      else if (children.length === MAX_CHILDREN) {
        children.push('')
        log('warn', 'pool', 'the result lists only the first tasks that were sent', {
          task: this.name,
          id: this.id,
          listed: MAX_CHILDREN,
        })
      }
    }
  }

  /** Celery's result tuples of the tasks sent from inside this one; undefined when there are none. */
  get children(): readonly unknown[] | undefined {
    return this.#children?.slice(0, MAX_CHILDREN).map((id) => [[id, null], null])
  }

  #update(state: string, meta: unknown): void {
    if (isReady(state) || state === '') {
      const problem = state === '' ? 'is empty' : `is ${state}, which is how a task ends`
      const fix = 'Use a name of your own; return or throw to end the task'
      throw new LovageError('OPTION_INVALID', { option: 'state', where: `updateState of ${this.name}`, problem, fix })
    }
    // Written at once, so that the task may go on changing it.
    const text = encodeJson(meta, { types: this.#options.types })
    if (this.#control.settled) return
    this.#report.update({ id: this.id, state, result: { text }, traceback: null })
  }
}
