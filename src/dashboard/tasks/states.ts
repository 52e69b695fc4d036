import { isBefore, STATES, type TaskMoment } from '../../fleet/task-picture.ts'

/** Celery's states first; those of tasks' own get the numbers behind them. */
const known: string[] = ['PENDING', 'RECEIVED', 'STARTED', 'SUCCESS', 'FAILURE', 'RETRY', 'REVOKED', 'REJECTED']
const numbers = new Map(known.map((state, number) => [state, number]))

/** As many as fit into a byte, and one for all the others. */
const MOST = 255
const OTHERS = 'OTHER'

export const [RECEIVED, STARTED, SUCCESS, FAILURE, RETRY, REVOKED, REJECTED] = [1, 2, 3, 4, 5, 6, 7] as const

/** Whether one state is before another by Celery's rules: 0 not asked yet, 1 yes, 2 no. */
const before = new Uint8Array(256 * 256)

/** Number of a state. */
export function stateNumber(state: string): number {
  const number = numbers.get(state)
  if (number !== undefined) return number
  if (known.length >= MOST) return stateNumber(known.length === MOST ? add(OTHERS) : OTHERS)
  return stateNumber(add(state.slice(0, 255)))
}

function add(state: string): string {
  numbers.set(state, known.length)
  known.push(state)
  return state
}

/** The state of a number. */
export function stateText(number: number): string {
  return known[number] ?? OTHERS
}

/** How many numbers there are. */
export function stateCount(): number {
  return known.length
}

/** Number of the state that an event `task-<what>` brings. */
export function stateAfter(what: string): number {
  const moment = Object.hasOwn(STATES, what) ? STATES[what as TaskMoment] : what.toUpperCase()
  return stateNumber(moment)
}

/** As Celery has it: an event that brings this state tells of what was before the state that is known. */
export function isLate(state: number, now: number): boolean {
  const at = state * 256 + now
  before[at] ||= isBefore(stateText(state), stateText(now)) ? 1 : 2
  return before[at] === 1
}
