import { isLovageError } from '../base/errors.ts'
import type { Failure } from '../protocol/failure.ts'
import { readFailure } from '../protocol/failure.ts'
import { type Outcome, payloadValue } from '../protocol/outcome.ts'
import { resultTuple, type ResultTree } from '../protocol/result-tree.ts'
import type { Embed, Signature } from '../protocol/signature.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import { derivedIds } from './derived-id.ts'
import {
  bodyOf,
  chordOption,
  formOf,
  groupOf,
  headerOf,
  listOption,
  numberOption,
  tasksOf,
  textOption,
} from './forms.ts'
import type { Ground } from './freeze.ts'
import { normal } from './normal.ts'
import { type Call, type ChordSize, plan, type Plan } from './plan.ts'

/** One end of a task that counts in a chord. */
export interface Part {
  readonly groupId: string
  /** Undefined: it has no place. */
  readonly index: number | undefined
  readonly outcome: Outcome
  /** What comes when all parts are in. */
  readonly body: Signature
  readonly rootId: string
}

/** The end of a task that never ran, because what it waited for did not come. */
export interface Ending {
  readonly outcome: Outcome
  readonly replyTo: string
}

/** What follows from the end of a task. In this order: sizes of chords, calls, ends, parts. */
export interface Consequences {
  readonly chords: readonly ChordSize[]
  readonly calls: readonly Call[]
  readonly endings: readonly Ending[]
  readonly parts: readonly Part[]
  /** Celery's result tuples of the tasks that are sent, for the `children` of its own result. */
  readonly children: readonly unknown[]
}

/** What consequences go by. */
export interface Surroundings {
  /** How an error callback is called: with request, error and traceback where it is known here and takes so many, else with the id. */
  readonly isNewStyle: (task: string) => boolean
  /** What new-style error callbacks are told of the task. */
  readonly about: Readonly<Record<string, unknown>>
  /** See {@link Ground}. */
  readonly saysSizes: boolean
  /** Told what of that which follows a failure is no canvas, and is left out: a task that fails has to end all the same. */
  readonly onUnreadable: (error: Error) => void
}

/** What of the request matters to what follows from it. */
export type Ended = Pick<TaskRequest, 'id' | 'task' | 'rootId' | 'group' | 'groupIndex'>

/** Nothing follows. */
export const NOTHING: Consequences = { chords: [], calls: [], endings: [], parts: [], children: [] }

/**
 * What follows from the end of a task, as Celery's workers have it. All ids derive from those that are there, so that the
 * same end has the same consequences, however often it is carried out.
 * @throws LovageError `BODY_UNDECODABLE` where something else than a canvas is to follow a success
 */
export function advance(outcome: Outcome, request: Ended, embed: Embed, around: Surroundings): Consequences {
  if (outcome.state === 'SUCCESS') return succeeded(outcome, request, embed, around)
  if (outcome.state === 'FAILURE' || outcome.state === 'REVOKED') return failed(outcome, request, embed, around)
  return NOTHING
}

function succeeded(outcome: Outcome, request: Ended, embed: Embed, around: Surroundings): Consequences {
  const { id, rootId } = request
  const plans: Plan[] = []
  const value: unknown = payloadValue(outcome.result)
  const send = (sig: Signature, what: string, chain?: readonly Signature[]): void => {
    const options = { parent_id: id, root_id: rootId, ...(chain && chain.length > 0 && { chain }) }
    plans.push(plan(sig, { args: [value], options }, ground(id, what, around)))
  }
  const callbacks = embed.callbacks ?? []
  const [only] = callbacks
  if (callbacks.length === 1 && only) send(only, 'link')
  else if (callbacks.length > 1) {
    const groups = callbacks.filter((sig) => formOf(sig) === 'group')
    groups.forEach((sig, at) => send(sig, `link ${at}`))
    const others = callbacks.filter((sig) => formOf(sig) !== 'group')
    if (others.length > 0) send(groupOf(others), 'links')
  }
  const next = embed.chain?.at(-1)
  if (next) send(next, 'chain', embed.chain?.slice(0, -1))
  return {
    chords: plans.flatMap(({ chords }) => chords),
    calls: plans.flatMap(({ calls }) => calls),
    endings: [],
    parts: partsOf(outcome, request, embed.chord),
    children: plans.map(({ result }) => resultTuple(bare(result))),
  }
}

/** Celery lists what was sent, not what led there. */
function bare({ id, children }: ResultTree): ResultTree {
  return children ? { id, children: children.map(bare) } : { id }
}

function failed(outcome: Outcome, request: Ended, embed: Embed, around: Surroundings): Consequences {
  const { id, rootId } = request
  const unstarted = (embed.chain ?? []).toReversed().map((sig) => abandon(sig, { outcome, rootId, around }, false))
  const calls = errbackCalls(embed.errbacks ?? [], { id, rootId }, outcome, around)
  return joined([{ ...NOTHING, calls, parts: partsOf(outcome, request, embed.chord) }, ...unstarted])
}

function partsOf(outcome: Outcome, { group, groupIndex, rootId }: Ended, body: Signature | null): Part[] {
  return body && group !== null ? [{ groupId: group, index: groupIndex ?? undefined, outcome, body, rootId }] : []
}

/** Why a part of a canvas does not come to run. */
export interface Cause {
  readonly outcome: Outcome
  readonly rootId: string
  readonly around: Surroundings
}

/**
 * What follows when a part of a canvas will never run: everybody who waits for one of its tasks is told, chords that wait
 * for it count it, and, where `callsBack`, its error callbacks are called, once.
 */
export function abandon(sig: Signature, cause: Cause, callsBack: boolean): Consequences {
  return readable(cause.around, NOTHING, () => abandonEach(sig, cause, callsBack))
}

/** What `read` reads, or `otherwise` where there is no canvas to be read. */
function readable<T>({ onUnreadable }: Surroundings, otherwise: T, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!isLovageError(error, 'BODY_UNDECODABLE')) throw error
    onUnreadable(error)
    return otherwise
  }
}

function abandonEach(sig: Signature, cause: Cause, callsBack: boolean): Consequences {
  switch (formOf(sig)) {
    case 'chain':
      return joined([...tasksOf(sig), ...rest(sig)].map((step, at) => abandon(step, cause, callsBack && at === 0)))
    case 'group':
      return joined(tasksOf(sig).map((member) => abandon(member, cause, callsBack)))
    case 'chord': {
      const members = tasksOf(headerOf(sig)).map((member) => withoutParts(abandon(member, cause, false)))
      const others = rest(sig).map((step) => abandon(step, cause, false))
      return joined([...members, abandon(bodyOf(sig), cause, callsBack), ...others])
    }
    default:
      return abandonTask(sig, cause, callsBack)
  }
}

function abandonTask(sig: Signature, { outcome, rootId, around }: Cause, callsBack: boolean): Consequences {
  const { options } = sig
  const id = textOption(options, 'task_id')
  // It was never given one, and nobody can wait for it.
  if (id === undefined) return NOTHING
  const { state, result, traceback } = outcome
  const own: Outcome = { id, state, result, traceback, parentId: outcome.id }
  const errbacks = callsBack ? readable(around, [], () => listOption(options, 'link_error')) : []
  const calls = errbackCalls(errbacks, { id, rootId }, own, around)
  const groupId = textOption(options, 'group_id')
  const body = readable(around, undefined, () => chordOption(options))
  const index = numberOption(options, 'group_index')
  const parts = groupId !== undefined && body ? [{ groupId, index, outcome: own, body, rootId }] : []
  const ends =
    options['ignore_result'] === true ? [] : [{ outcome: own, replyTo: textOption(options, 'reply_to') ?? '' }]
  const steps = readable(around, [], () => rest(sig))
  const others = steps.map((step) => abandon(step, { outcome: own, rootId, around }, false))
  return joined([{ ...NOTHING, calls, endings: ends, parts }, ...others])
}

/** What follows a signature by its options. */
function rest({ options }: Signature): Signature[] {
  return listOption(options, 'chain').toReversed()
}

/** The chord of these fails as a whole, and needs no counting. */
function withoutParts(consequences: Consequences): Consequences {
  return { ...consequences, parts: [] }
}

function errbackCalls(
  errbacks: readonly Signature[],
  { id, rootId }: { id: string; rootId: string },
  outcome: Outcome,
  around: Surroundings,
): Call[] {
  const { isNewStyle, about } = around
  const options = { parent_id: id, root_id: rootId }
  const failure: Failure = readFailure(payloadValue(outcome.result))
  const fresh = errbacks.filter((sig) => formOf(sig) === 'task' && isNewStyle(sig.task))
  const calls = fresh.flatMap((sig, at) => {
    const args = [{ ...about, id, rootId }, failure, outcome.traceback]
    return readable(around, [], () => plan(sig, { args, options }, ground(id, `errback ${at}`, around)).calls)
  })
  const others = errbacks.filter((sig) => !fresh.includes(sig))
  // One that is no canvas keeps nobody from calling the others.
  const old = others.filter((sig) => readable(around, false, () => normal(sig) !== undefined))
  if (old.length === 0) return calls
  return [...calls, ...plan(groupOf(old), { args: [id], options }, ground(id, 'errbacks', around)).calls]
}

/** Callbacks have no ids of their own on the wire; nobody waits for them. */
function ground(id: string, what: string, { saysSizes }: Surroundings): Ground {
  return { id: derivedIds(`${id} ${what}`), replyTo: undefined, saysSizes }
}

/** All of them. */
export function joined(all: readonly Consequences[]): Consequences {
  return {
    chords: all.flatMap(({ chords }) => chords),
    calls: all.flatMap(({ calls }) => calls),
    endings: all.flatMap(({ endings }) => endings),
    parts: all.flatMap(({ parts }) => parts),
    children: all.flatMap(({ children }) => children),
  }
}
