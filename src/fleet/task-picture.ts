import type { State } from '../protocol/outcome.ts'

/** A task as its events show it. What no event has told is undefined. */
export interface TaskPicture {
  readonly uuid: string
  readonly state: State
  readonly name: string | undefined
  /** Python's repr, as `kwargs`, `result` and `exception`. */
  readonly args: string | undefined
  readonly kwargs: string | undefined
  readonly result: string | undefined
  readonly exception: string | undefined
  readonly traceback: string | undefined
  /** Seconds. */
  readonly runtime: number | undefined
  readonly retries: number | undefined
  /** ISO 8601. */
  readonly eta: string | undefined
  readonly expires: string | undefined
  readonly rootId: string | undefined
  readonly parentId: string | undefined
  readonly queue: string | undefined
  readonly exchange: string | undefined
  readonly routingKey: string | undefined
  /** The node that had it last, and the one that sent it. */
  readonly worker: string | undefined
  readonly client: string | undefined
  readonly clock: number
  /** Epoch seconds by the clock of who told it: of the latest event of each kind, `received`, `started`, ... */
  readonly at: Readonly<Partial<Record<TaskMoment, number>>>
  /** Of the event that the state comes from. */
  readonly timestamp: number
}

/** What Celery's events tell of a task. */
export type TaskMoment = 'sent' | 'received' | 'started' | 'succeeded' | 'failed' | 'retried' | 'revoked' | 'rejected'

/** Of longer texts the beginning is kept: what one event holds, ten thousand tasks would hold in memory. */
const MOST_TEXT = 16 * 1024

/** The state that each moment brings. */
export const STATES: Readonly<Record<TaskMoment, State>> = {
  sent: 'PENDING',
  received: 'RECEIVED',
  started: 'STARTED',
  failed: 'FAILURE',
  retried: 'RETRY',
  succeeded: 'SUCCESS',
  revoked: 'REVOKED',
  rejected: 'REJECTED',
}

/** Celery's order of states, the last that can be first; those of a task's own stand behind FAILURE. */
const PRECEDENCE: readonly State[] = [
  'SUCCESS',
  'FAILURE',
  '',
  'REVOKED',
  'STARTED',
  'RECEIVED',
  'REJECTED',
  'RETRY',
  'PENDING',
]

/** What is taken from a task-received that comes late; all else may be newer already. */
const OF_RECEIVED: ReadonlySet<string> = new Set([
  'name',
  'args',
  'kwargs',
  'parentId',
  'rootId',
  'retries',
  'eta',
  'expires',
])

/** A picture while it is made. */
export type Changing<T> = { -readonly [Name in keyof T]: T[Name] }

/** A task of which nothing is known. */
export function newTask(uuid: string): Changing<TaskPicture> {
  return { ...NOTHING_TOLD, uuid }
}

/** Takes an event of a task in: `received`, `succeeded`, or a kind of somebody's own. */
export function takeIn(
  task: Changing<TaskPicture>,
  what: string,
  timestamp: number,
  fields: Readonly<Record<string, unknown>>,
): void {
  const moment = Object.hasOwn(STATES, what) ? (what as TaskMoment) : undefined
  if (moment) task.at = { ...task.at, [moment]: timestamp }
  const state = moment ? STATES[moment] : what.toUpperCase().slice(0, 255)
  const told = toldOf(fields)
  if (isBefore(state, task.state)) put(task, state === 'RECEIVED' ? ofReceived(told) : told)
  else put(task, { ...told, state, timestamp })
}

/** What was not told leaves what is known. */
export function put<T extends object>(into: T, told: Partial<T>): void {
  for (const [name, value] of Object.entries(told)) if (value !== undefined) Object.assign(into, { [name]: value })
}

/** Undefined where it is none. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, MOST_TEXT) : undefined
}

/** Undefined where it is none. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

const NOTHING_TOLD: Omit<TaskPicture, 'uuid'> = {
  state: 'PENDING',
  name: undefined,
  args: undefined,
  kwargs: undefined,
  result: undefined,
  exception: undefined,
  traceback: undefined,
  runtime: undefined,
  retries: undefined,
  eta: undefined,
  expires: undefined,
  rootId: undefined,
  parentId: undefined,
  queue: undefined,
  exchange: undefined,
  routingKey: undefined,
  worker: undefined,
  client: undefined,
  clock: 0,
  at: {},
  timestamp: 0,
}

/** The event happened before the one that the state comes from. After a retry all begins anew. */
export function isBefore(state: State, now: State): boolean {
  return state !== 'RETRY' && now !== 'RETRY' && precedence(state) > precedence(now)
}

function precedence(state: State): number {
  const at = PRECEDENCE.indexOf(state)
  return at < 0 ? PRECEDENCE.indexOf('') : at
}

function ofReceived(told: Partial<TaskPicture>): Partial<TaskPicture> {
  return Object.fromEntries(Object.entries(told).filter(([name]) => OF_RECEIVED.has(name)))
}

function toldOf(fields: Readonly<Record<string, unknown>>): Partial<TaskPicture> {
  return {
    name: textOf(fields['name']),
    args: textOf(fields['args']),
    kwargs: textOf(fields['kwargs']),
    result: textOf(fields['result']),
    exception: textOf(fields['exception']),
    traceback: textOf(fields['traceback']),
    runtime: numberOf(fields['runtime']),
    retries: numberOf(fields['retries']),
    eta: textOf(fields['eta']),
    expires: textOf(fields['expires']),
    rootId: textOf(fields['root_id']),
    parentId: textOf(fields['parent_id']),
    queue: textOf(fields['queue']),
    exchange: textOf(fields['exchange']),
    routingKey: textOf(fields['routing_key']),
  }
}
