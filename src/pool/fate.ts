import { LovageError } from '../base/errors.ts'
import { workerLostError } from '../protocol/failure.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { type ChildDeath, describeDeath, type Suspect } from './child-death.ts'

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
 * that all who were there are run again alone.
 */
export function fateOf(suspect: Suspect, death: ChildDeath): Fate {
  const { decided, job, deaths } = suspect
  if (decided) return { kind: 'over', outcome: decided }
  if (death.cause === 'ended' && deaths < MAX_DEATHS) return { kind: 'again', alone: death.isQuarantine }
  if (!death.isQuarantine) return { kind: 'again', alone: true }
  const { id, task } = job.request
  const { code, message } = new LovageError('CHILD_LOST', { task, id, problem: describeDeath(death) })
  const traceback = death.fault?.stack ?? null
  const outcome: Outcome = { id, state: 'FAILURE', result: { value: workerLostError(message) }, traceback }
  return { kind: 'over', outcome: { ...outcome, dead: { code, message } } }
}
