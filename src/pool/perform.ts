import { Ignore, Reject, Retry, SoftTimeLimitExceeded, TaskAbandoned } from '../app/control-flow.ts'
import { TimeLimitExceeded, WorkerStopping } from '../app/control-flow.ts'
import { runWithTask } from '../app/current-task.ts'
import type { Hooks } from '../app/hooks.ts'
import type { RegisteredTask, Registry } from '../app/registry.ts'
import { currentTracer } from '../app/tracer.ts'
import type { Clock } from '../base/clock.ts'
import type { Due, DueHeap } from '../base/due-heap.ts'
import { isLovageError } from '../base/errors.ts'
import { log } from '../base/log.ts'
import {
  encodeError,
  type Failure,
  failureOf,
  notRegistered,
  softTimeLimitExceeded,
  taskRevokedError,
  timeLimitExceeded,
  tracebackOf,
} from '../protocol/failure.ts'
import { deadlineOf } from '../protocol/headers.ts'
import { encodeJson, type JsonTypes } from '../protocol/json.ts'
import { failed, type Outcome } from '../protocol/outcome.ts'
import type { Embed } from '../protocol/signature.ts'
import { readBody, type TaskBody, type TaskRequest } from '../protocol/task-message.ts'
import { broken, exhausted, rejected, unreadable } from './endings.ts'
import { JobControl } from './job-control.ts'
import type { Job, JobReport } from './pool.ts'
import { isRetried, retryDelayMs } from './retry.ts'
import { RunningTask } from './running-task.ts'
import { type Came, Telling } from './telling.ts'

/** What running a job needs. */
export interface PerformOptions {
  readonly clock: Clock
  /** Holds the time limits. */
  readonly dues: DueHeap
  /** Content types of bodies that are read. */
  readonly accept: readonly string[]
  /** Most bytes of an unpacked body. */
  readonly maxBodyBytes?: number
  /** How dates and bytes are written into results. */
  readonly types: JsonTypes
  /** Who is told of the runs. */
  readonly hooks?: Hooks | undefined
}

/**
 * Runs one job: reads the body, finds the task, calls it as the current task, and encodes what it returns at once, so
 * that a value that cannot be encoded is a failure of this task and of nothing else. Never rejects.
 */
export function perform(
  registry: Registry,
  job: Job,
  report: JobReport,
  options: PerformOptions,
  control: JobControl = new JobControl(job),
): Promise<Outcome> {
  try {
    new Performance(registry, job, report, options, control).begin()
  } catch (error) {
    control.returned(broken(job.request, error))
  }
  return control.outcome
}

/**
 * One run of a task. Steps that call each other, and no async function: what a task that waits keeps in memory, and what
 * is looked through for garbage as often as others come, is half of it so.
 */
class Performance {
  readonly #registry: Registry
  readonly #job: Job
  readonly #request: TaskRequest
  readonly #report: JobReport
  readonly #options: PerformOptions
  readonly #control: JobControl
  #startedAt = 0
  #current: RunningTask | undefined
  #embed: Embed | undefined
  #telling: Telling | undefined
  /** What its function came to, where somebody is told of it. */
  #came: Came | undefined
  #limits = NO_LIMITS

  constructor(registry: Registry, job: Job, report: JobReport, options: PerformOptions, control: JobControl) {
    this.#registry = registry
    this.#job = job
    this.#request = job.request
    this.#report = report
    this.#options = options
    this.#control = control
  }

  begin(): void {
    const request = this.#request
    const task = this.#registry.get(request.task)
    if (!task) return this.#control.returned(failed(request.id, notRegistered(request.task)))
    const { accept, maxBodyBytes, clock, hooks } = this.#options
    let body: TaskBody
    try {
      body = readBody(request, maxBodyBytes === undefined ? { accept } : { accept, maxBodyBytes })
    } catch (error) {
      return this.#control.returned(unreadable(request, error))
    }
    this.#embed = followed(body.embed)
    const current = new RunningTask(this.#job, body, this.#report, this.#control, this.#options)
    this.#current = current
    this.#report.started()
    this.#startedAt = clock.monotonic()
    this.#limits = this.#arm(task)
    if (!task.handlers && !hooks?.watchesRuns) return this.#call(task, current, body)
    runWithTask(current, () => this.#tellBegin(task, current)).then(
      () => this.#call(task, current, body),
      (error: unknown) => this.#threw(error, task, body),
    )
  }

  async #tellBegin(task: RegisteredTask, current: RunningTask): Promise<void> {
    this.#telling = Telling.of(task, this.#options.hooks, this.#options.clock, current)
    await this.#telling?.begins()
  }

  #call(task: RegisteredTask, current: RunningTask, body: TaskBody): void {
    let value: unknown
    try {
      const run = (): unknown => runWithTask(current, () => task.call(body.args, body.kwargs))
      const tracer = currentTracer()
      value = tracer ? tracer.run(this.#request, run) : run()
      // Not waited for where there is nothing to wait for: that would be a promise and a turn for each short task.
      if (isThenable(value)) value = Promise.resolve(value)
    } catch (error) {
      return this.#threw(error, task, body)
    }
    if (!(value instanceof Promise)) return this.#end(() => this.#returned(value))
    value.then(
      (result: unknown) => this.#end(() => this.#returned(result)),
      (error: unknown) => this.#threw(error, task, body),
    )
  }

  #threw(error: unknown, task: RegisteredTask, body: TaskBody): void {
    this.#end(() => {
      const outcome = this.#thrown(error, task, body)
      if (this.#telling) this.#came = { error: error instanceof Retry ? error.cause : error }
      return outcome
    })
  }

  #end(outcomeOf: () => Outcome): void {
    for (const limit of this.#limits) limit.cancel()
    let outcome: Outcome
    try {
      outcome = this.#finish(outcomeOf())
    } catch (error) {
      // Only what a task throws in our own hands can come here: an error whose members throw when they are read.
      outcome = broken(this.#request, error)
    }
    const [came, telling, current] = [this.#came, this.#telling, this.#current]
    if (!came || !telling || !current || this.#control.settled) return this.#control.returned(outcome)
    void runWithTask(current, () => telling.ended(outcome, came)).then(() => this.#control.returned(outcome))
  }

  #returned(result: unknown): Outcome {
    try {
      const text = encodeJson(result === undefined ? null : result, { types: this.#options.types })
      if (this.#telling) this.#came = { result }
      return { id: this.#request.id, state: 'SUCCESS', result: { text }, traceback: null }
    } catch (error) {
      const failure = isLovageError(error, 'ENCODE_FAILED') ? encodeError(error.message) : failureOf(error)
      if (this.#telling) this.#came = { error }
      return failed(this.#request.id, failure)
    }
  }

  #thrown(error: unknown, task: RegisteredTask, body: TaskBody): Outcome {
    const { id } = this.#request
    if (error instanceof Ignore) return { id, state: 'IGNORED', result: { value: null }, traceback: null }
    if (error instanceof Reject) return rejected(this.#request, error)
    if (error instanceof Retry) return this.#retried(error, error.cause, task, body)
    const thrown = this.#behind(error)
    if (thrown instanceof WorkerStopping) return handedBack(this.#request)
    if (thrown instanceof TaskAbandoned) return abandoned(this.#request, thrown)
    if (isRetried(thrown, task.options)) return this.#retried(undefined, thrown, task, body)
    return failed(this.#request.id, reasonOf(thrown), { traceback: tracebackOf(error) })
  }

  /** What the signal aborted with, where that is what the error is about. */
  #behind(error: unknown): unknown {
    const { reason } = this.#control
    if (reason === undefined) return error
    const isAbort = error instanceof Error && (error.name === 'AbortError' || error.cause === reason)
    return isAbort ? reason : error
  }

  #retried(asked: Retry | undefined, cause: unknown, task: RegisteredTask, body: TaskBody): Outcome {
    const request = this.#request
    const delayMs = retryDelayMs(request.retries, task.options, asked, this.#options.clock.random())
    if (delayMs === undefined) {
      const traceback = tracebackOf(cause ?? asked)
      return failed(request.id, cause === undefined ? exhausted(request, body) : reasonOf(cause), { traceback })
    }
    return {
      id: request.id,
      state: 'RETRY',
      result: { value: cause === undefined ? RETRY : reasonOf(cause) },
      traceback: tracebackOf(cause ?? asked),
      retry: { delayMs },
    }
  }

  #finish(outcome: Outcome): Outcome {
    const { clock } = this.#options
    const { group, parentId } = this.#request
    const children = this.#current?.children
    const finished: { -readonly [K in keyof Outcome]: Outcome[K] } = {
      id: outcome.id,
      state: outcome.state,
      result: outcome.result,
      traceback: outcome.traceback,
      runMs: clock.monotonic() - this.#startedAt,
      doneAtMs: clock.now(),
    }
    if (children) finished.children = children
    if (group !== null) finished.groupId = group
    if (parentId !== null) finished.parentId = parentId
    if (outcome.retry) finished.retry = outcome.retry
    if (outcome.requeue !== undefined) finished.requeue = outcome.requeue
    if (outcome.dead) finished.dead = outcome.dead
    if (this.#embed) finished.embed = this.#embed
    return finished
  }

  /** Starts the clock on the limits of the message, or where it names none, of the task. */
  #arm(task: RegisteredTask): readonly Due[] {
    const [hardS, softS] = this.#request.timelimit
    const hardMs = hardS === null ? task.options.timeLimitMs : hardS * 1000
    const softMs = softS === null ? task.options.softTimeLimitMs : softS * 1000
    const deadlineMs = task.options.abandonable ? deadlineOf(this.#request.custom) : Infinity
    if (hardMs === undefined && softMs === undefined && deadlineMs === Infinity) return NO_LIMITS
    const { dues, clock } = this.#options
    const limits: Due[] = []
    if (softMs !== undefined) {
      limits.push(dues.add(softMs, () => this.#control.abort(new SoftTimeLimitExceeded(softMs))))
    }
    if (deadlineMs !== Infinity) {
      const leftMs = Math.max(0, deadlineMs - clock.now())
      limits.push(dues.add(leftMs, () => this.#control.abort(new TaskAbandoned('expired'))))
    }
    if (hardMs !== undefined) limits.push(dues.add(hardMs, () => this.#giveUp(hardMs)))
    return limits
  }

  #giveUp(limitMs: number): void {
    const { task, id } = this.#request
    const outcome = this.#finish(failed(this.#request.id, timeLimitExceeded(limitMs / 1000)))
    const error = new TimeLimitExceeded(limitMs)
    this.#control.abort(error)
    if (!this.#control.giveUp(outcome)) return
    log('warn', 'pool', 'task given up at its time limit', { task, id, limitMs })
    void this.#telling?.ended(outcome, { error })
  }
}

const NO_LIMITS: readonly Due[] = []

/** Celery's exception for a retry that has no other cause. */
const RETRY: Failure = { exc_type: 'Retry', exc_message: ['Task can be retried'], exc_module: 'celery.exceptions' }

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value
}

/** The outcome of a job that was begun and is to be run again, by somebody else, with nothing counted against it. */
export function handedBack({ id }: TaskRequest): Outcome {
  return { id, state: 'REJECTED', result: { value: null }, traceback: null, requeue: true }
}

function abandoned({ id }: TaskRequest, { why }: TaskAbandoned): Outcome {
  return { id, state: 'REVOKED', result: { value: taskRevokedError(why) }, traceback: null }
}

function reasonOf(thrown: unknown): Failure {
  return thrown instanceof SoftTimeLimitExceeded ? softTimeLimitExceeded() : failureOf(thrown)
}

/** What follows the task; undefined: nothing. */
function followed(embed: Embed): Embed | undefined {
  const { chain, chord, callbacks, errbacks } = embed
  return chain?.length || chord || callbacks?.length || errbacks?.length ? embed : undefined
}
