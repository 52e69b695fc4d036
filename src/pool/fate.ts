import { LovageError } from '../base/errors.ts'
import { workerLostError } from '../protocol/failure.ts'
import { failed, type Outcome } from '../protocol/outcome.ts'
import { type ChildDeath, describeDeath, describeMemory, stackOfDeath, type Suspect } from './child-death.ts'
import type { Job } from './pool.ts'

/** What becomes of a job whose child died. */
export type Fate =
  /** This is its outcome. */
  | { readonly kind: 'over'; readonly outcome: Outcome }
  /** It runs again, before those that wait; `alone` in a child of its own that nothing else enters. */
  | { readonly kind: 'again'; readonly alone: boolean }

/** Children that may be ended under a job because of others before it is taken out of their company. */
const MAX_DEATHS = 5

/**
 * Decides what becomes of each job of a child that died. Pure. A death in quarantine is proof; one in company is none, so
 * that all who were there are run again alone. Nor is one of a job that happened to be alone: somebody else may have ended
 * the child, and would not be likely to find it a second time.
 */
export function fateOf(suspect: Suspect, death: ChildDeath): Fate {
  const { decided, job, deaths } = suspect
  if (decided) return { kind: 'over', outcome: decided }
  if (job.isOnce) return { kind: 'over', outcome: lost(job, death, 'it does not run again, because acksLate is off') }
  if (death.cause === 'ended' && deaths < MAX_DEATHS) return { kind: 'again', alone: death.isQuarantine }
  if (!death.isQuarantine) return { kind: 'again', alone: true }
  const { code, message } = lostError(job, death)
  return { kind: 'over', outcome: { ...lost(job, death), dead: { code, message } } }
}

function lost(job: Job, death: ChildDeath, remark?: string): Outcome {
  const failure = workerLostError(lostError(job, death, remark).message)
  return failed(job.request.id, failure, { traceback: stackOfDeath(death) })
}

function lostError({ request: { id, task } }: Job, death: ChildDeath, ...remarks: (string | undefined)[]): LovageError {
  const parts = [describeDeath(death), describeMemory(death), ...remarks]
  return new LovageError('CHILD_LOST', { task, id, problem: parts.filter((part) => part !== undefined).join('; ') })
}
