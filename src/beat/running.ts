import type { ResultBackend } from '../backend/backend.ts'
import { isReady, type Outcome } from '../protocol/outcome.ts'
import type { ResultTree } from '../protocol/result-tree.ts'
import type { LastRun } from './entry-state.ts'

/** Most tasks that a run may end with, where its end is of interest: each is asked for at each tick. */
export const MOST_ENDS = 100

/** What whether a run has ended is told by. */
export interface Ends {
  readonly backend: Pick<ResultBackend, 'get'>
  /** After so long there are no results any more, and a run of which nothing is known counts as ended. */
  readonly forgottenMs: number
}

/** Whether a run has not ended: all tasks that it ends with have, or one has failed that they would have followed. */
export async function isRunning(run: LastRun, nowMs: number, { backend, forgottenMs }: Ends): Promise<boolean> {
  if (nowMs - run.sentMs >= forgottenMs) return false
  const known = new Map<string, Promise<Outcome | undefined>>()
  const outcome = (id: string): Promise<Outcome | undefined> => {
    const asked = known.get(id) ?? backend.get(id)
    known.set(id, asked)
    return asked
  }
  return !(await hasEnded(run.result, outcome))
}

/** How many tasks a run ends with. */
export function endsOf({ children }: ResultTree): number {
  return children ? children.reduce((sum, child) => sum + endsOf(child), 0) : 1
}

type Ask = (id: string) => Promise<Outcome | undefined>

async function hasEnded({ id, children, parent }: ResultTree, outcome: Ask): Promise<boolean> {
  if (children) {
    const ended = await Promise.all(children.map((child) => hasEnded(child, outcome)))
    if (ended.every(Boolean)) return true
  } else {
    const state = (await outcome(id))?.state
    if (state !== undefined && (isReady(state) || isOver(state))) return true
  }
  return parent !== undefined && hasBroken(parent, outcome)
}

/** What follows it never comes. */
async function hasBroken({ id, children, parent }: ResultTree, outcome: Ask): Promise<boolean> {
  if (children) {
    const broken = await Promise.all(children.map((child) => hasBroken(child, outcome)))
    if (broken.some(Boolean)) return true
  } else {
    const state = (await outcome(id))?.state
    if (state !== undefined && state !== 'SUCCESS' && (isReady(state) || isOver(state))) return true
  }
  return parent !== undefined && hasBroken(parent, outcome)
}

function isOver(state: string): boolean {
  return state === 'IGNORED' || state === 'REJECTED'
}
