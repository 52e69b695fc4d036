import type { Hooks } from '../app/hooks.ts'
import { type Failure, readFailure, reviveFailure } from '../protocol/failure.ts'
import { type Outcome, payloadValue } from '../protocol/outcome.ts'
import { readBody } from '../protocol/task-message.ts'
import type { Work } from './work.ts'

/**
 * Tells hooks of ends that nobody could tell where tasks run: of a task that was dropped or terminated, and of one that
 * failed because it could not be started, or because what ran it is gone.
 */
export function tell(hooks: Hooks, work: Work, outcome: Outcome): Promise<void> | undefined {
  if (outcome.state === 'REVOKED' && hooks.has('taskRevoked')) {
    const { id, task } = work.request
    const [reason] = failureOf(outcome).exc_message
    const isTerminated = reason === 'terminated'
    return hooks.run('taskRevoked', { id, task, isExpired: reason === 'expired', isTerminated })
  }
  // What ran to its end, or to its time limit, was measured, and told of there.
  if (outcome.state !== 'FAILURE' || outcome.runMs !== undefined || !hooks.has('taskFailure')) return undefined
  const { id, task, retries } = work.request
  const error = reviveFailure(failureOf(outcome), { id, task })
  return hooks.run('taskFailure', { id, task, retries, ...argumentsOf(work), error })
}

function failureOf({ result }: Outcome): Failure {
  return readFailure(payloadValue(result))
}

function argumentsOf({ request }: Work): { args: readonly unknown[]; kwargs: Readonly<Record<string, unknown>> } {
  try {
    const { args, kwargs } = readBody(request)
    return { args, kwargs }
  } catch {
    // Why it failed, as likely as not.
    return { args: [], kwargs: {} }
  }
}
