import type { App } from '../app/app.ts'
import type { RemoteTask } from '../app/task.ts'
import type { TaskUpdate } from '../app/async-result.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { DueHeap } from '../base/due-heap.ts'
import { LovageError } from '../base/errors.ts'
import { JobControl } from '../pool/job-control.ts'
import { perform } from '../pool/perform.ts'
import { readFailure, reviveFailure } from '../protocol/failure.ts'
import { type Outcome, payloadValue } from '../protocol/outcome.ts'
import { argsRepr, kwargsRepr } from '../protocol/python-repr.ts'
import { NO_EMBED } from '../protocol/signature.ts'
import { encodeBody, newRequest } from '../protocol/task-message.ts'

/** The circumstances of a run in a test. */
export interface RunTaskOptions {
  /** Arguments by name. */
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Retries that came before this run. Default 0. */
  readonly retries?: number
  /** Default: a random UUID. */
  readonly taskId?: string
  /** Aborts `currentTask().signal` with its reason. */
  readonly signal?: AbortSignal
  /** Default: the machine's. */
  readonly clock?: Clock
}

/** What came of a run. */
export interface TaskRun<Result> {
  readonly outcome: Outcome
  /** SUCCESS, FAILURE, RETRY, REJECTED or IGNORED. */
  readonly state: string
  /** What the task returned. Throws what it failed with, as a TaskError. */
  readonly value: Result
  /** What it told before it ended, in order. */
  readonly updates: readonly TaskUpdate[]
  /** With RETRY: the wait before the next try, in milliseconds. */
  readonly retryInMs: number | undefined
}

/**
 * Runs a task once as a worker would, without broker and backend: arguments and result go through JSON, `currentTask()`
 * works, retries and limits are those of its options. For tests.
 * @throws LovageError `TASK_UNKNOWN` when the task is not defined in `app`, `ENCODE_FAILED` for the arguments
 */
export async function runTask<Args extends readonly unknown[], Result>(
  app: App,
  task: Pick<RemoteTask<Args, Result>, 'name' | 'applyAsync'>,
  args: Readonly<Partial<Args>>,
  { kwargs = {}, retries = 0, taskId, signal, clock = systemClock }: RunTaskOptions = {},
): Promise<TaskRun<Result>> {
  const { name } = task
  const registered = app.registry.get(name)
  if (!registered) throw new LovageError('TASK_UNKNOWN', { task: name })
  const [given, named] = registered.input && args.length === 1 ? [[], args[0] as typeof kwargs] : [args, kwargs]
  const { jsonTypes: types, acceptContent: accept } = app.settings
  const id = taskId ?? clock.uuid()
  const body = encodeBody(given, named, NO_EMBED, { types })
  const request = newRequest({
    id,
    task: name,
    retries,
    body,
    argsrepr: argsRepr(given),
    kwargsrepr: kwargsRepr(named),
  })
  const delivery = { exchange: '', routingKey: app.settings.defaultQueue, redelivered: false }
  const updates: TaskUpdate[] = []
  const report = {
    started: () => {},
    update: ({ state, result }: Outcome) => void updates.push({ id, state, meta: payloadValue(result) }),
  }
  const job = { request, delivery, hostname: 'test@localhost' }
  const control = new JobControl(job)
  const onAbort = (): void => control.abort(signal?.reason as Error)
  if (signal?.aborted) onAbort()
  signal?.addEventListener('abort', onAbort, { once: true })
  const dues = new DueHeap(clock)
  try {
    const outcome = await perform(app.registry, job, report, { clock, dues, accept, types }, control)
    return taskRun(outcome, name, updates)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    dues.clear()
  }
}

function taskRun<Result>(outcome: Outcome, task: string, updates: readonly TaskUpdate[]): TaskRun<Result> {
  const { id, state, result, traceback, retry } = outcome
  return {
    outcome,
    state,
    get value() {
      if (state === 'SUCCESS') return payloadValue(result) as Result
      throw reviveFailure(readFailure(payloadValue(result)), { id, task, traceback })
    },
    updates,
    retryInMs: retry?.delayMs,
  }
}
