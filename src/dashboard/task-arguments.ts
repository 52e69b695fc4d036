import { readPythonLiteral } from '../protocol/python-literal.ts'
import { isRecord } from '../protocol/signature.ts'
import { refused } from './action.ts'
import type { TaskDetail } from './api.ts'
import type { DashboardContext } from './context.ts'
import { REDACTED } from './redact.ts'

/** Arguments of a task, whole. */
export interface Known {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
}

/**
 * The arguments that a task was sent with, but for those that are given. Of those in a worker's hands it is asked; of others
 * there is what events have told, which is Python's repr, and may be cut: then the task is not sent again with half of it.
 * @throws LovageError `ACTION_REFUSED`
 */
export async function argumentsOf(
  context: DashboardContext,
  { id, args, kwargs, worker, state }: TaskDetail,
  given: Partial<Known>,
): Promise<Known> {
  const told = { args: given.args ?? readArgs(args), kwargs: given.kwargs ?? readKwargs(kwargs) }
  if (!isProblem(told.args) && !isProblem(told.kwargs)) return { args: told.args, kwargs: told.kwargs }
  const inHand = /^(RECEIVED|STARTED|RETRY)$/.test(state) ? await askedOf(context, worker, id) : undefined
  if (inHand) return { args: given.args ?? inHand.args, kwargs: given.kwargs ?? inHand.kwargs }
  const problem = isProblem(told.args) ? `args ${told.args.problem}` : `kwargs ${(told.kwargs as Problem).problem}`
  throw refused(
    `Sending ${id} again`,
    `is refused: what is known of its ${problem}`,
    'Edit the arguments, and send those',
  )
}

interface Problem {
  readonly problem: string
}

function isProblem(value: object): value is Problem {
  return 'problem' in value && typeof value.problem === 'string' && problems.has(value)
}

const problems = new WeakSet<object>()

function because(problem: string): Problem {
  const made = { problem }
  problems.add(made)
  return made
}

function readArgs(text: string | null): readonly unknown[] | Problem {
  const value = read(text)
  if (Array.isArray(value)) return value
  return isProblem(value as object) ? (value as Problem) : because('is no list')
}

function readKwargs(text: string | null): Readonly<Record<string, unknown>> | Problem {
  const value = read(text)
  if (isProblem(value as object)) return value as Problem
  return isRecord(value) && !Array.isArray(value) ? value : because('is no object')
}

function read(text: string | null): unknown {
  if (text === null) return because('is nothing: no event has told of them')
  if (text.includes(REDACTED)) return because('has something in it that is not shown')
  const literal = readPythonLiteral(text)
  if ('problem' in literal) return because(literal.problem)
  return typeof literal.value === 'object' && literal.value !== null ? literal.value : because('is no list or object')
}

/** What the worker that has a task says of it; its values as they came. */
async function askedOf(context: DashboardContext, worker: string | null, id: string): Promise<Known | undefined> {
  const to = worker === null ? {} : { destination: worker }
  const answers = await context.app.control.inspect({ ...to, timeout: '2s' }).queryTask(id)
  for (const answer of Object.values(answers)) {
    const [, info] = (isRecord(answer) && (answer[id] as readonly [string, Record<string, unknown>] | undefined)) || []
    if (Array.isArray(info?.['args']) && isRecord(info['kwargs'])) return { args: info['args'], kwargs: info['kwargs'] }
  }
  return undefined
}
