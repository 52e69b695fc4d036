import type { Reject } from '../app/control-flow.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { type Failure, failureOf, maxRetriesExceededError, tracebackOf } from '../protocol/failure.ts'
import { failed, type Outcome } from '../protocol/outcome.ts'
import { argsRepr, kwargsRepr } from '../protocol/python-repr.ts'
import type { TaskBody, TaskRequest } from '../protocol/task-message.ts'

/** The outcome of a task over which we stumbled ourselves. */
export function broken({ id }: TaskRequest, error: unknown): Outcome {
  return failed(id, failureOf(error), { traceback: tracebackOf(error) })
}

/** The outcome of a task that threw `Reject`. */
export function rejected({ id, task }: TaskRequest, error: Reject): Outcome {
  const outcome: Outcome = { id, state: 'REJECTED', result: { value: null }, traceback: null, requeue: error.requeue }
  if (error.requeue) return outcome
  const { message } = new LovageError('TASK_REJECTED', { task, id, problem: messageOf(error) })
  return { ...outcome, dead: { code: 'TASK_REJECTED', message } }
}

/** A body that is not what it says is kept for those who want to see it; who waits is told. */
export function unreadable(request: TaskRequest, error: unknown): Outcome {
  const outcome = failed(request.id, failureOf(error))
  if (isLovageError(error, 'ARGUMENTS_INVALID')) return outcome
  const code = isLovageError(error) ? error.code : 'BODY_UNDECODABLE'
  return { ...outcome, dead: { code, message: messageOf(error) } }
}

/** What a task fails with that has been tried too often. */
export function exhausted(request: TaskRequest, { args, kwargs }: TaskBody): Failure {
  return maxRetriesExceededError({
    task: request.task,
    id: request.id,
    argsrepr: request.argsrepr || argsRepr(args),
    kwargsrepr: request.kwargsrepr || kwargsRepr(kwargs),
  })
}
