import type { TaskRow } from '../api-tasks.ts'

/** States that nothing follows. */
const ENDED: ReadonlySet<string> = new Set(['SUCCESS', 'FAILURE', 'REVOKED', 'REJECTED'])

/** What may be done with a task as it is now. */
export function actionsOf({ state, name }: TaskRow): readonly string[] {
  if (ENDED.has(state)) return name === null ? [] : ['retry']
  return state === 'STARTED' ? ['terminate', 'revoke'] : ['revoke']
}
