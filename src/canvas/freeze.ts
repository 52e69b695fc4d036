import type { ResultTree } from '../protocol/result-tree.ts'
import type { Signature } from '../protocol/signature.ts'
import { bodyOf, formOf, headerOf, tasksOf, textOption, withOptions } from './forms.ts'
import { chainSteps, completed, identified } from './normal.ts'

/** What ids and results of a canvas go by. */
export interface Ground {
  /** A new id. */
  readonly id: () => string
  /** Who is told the results; undefined where results are found by id alone. */
  readonly replyTo: string | undefined
  /** Chords are to carry how many members they have, for who counts them where there is only a broker. */
  readonly saysSizes?: boolean
}

/** A canvas whose every task has its id. */
export interface Frozen {
  readonly sig: Signature
  /** What it comes to, and what came before that. */
  readonly result: ResultTree
}

/**
 * Gives ids to all tasks of a canvas that is {@link normal}, those that have one keep it: whoever sends a part of it, and
 * however often, sends the same tasks. The results of all of them are known from now on.
 */
export function freeze(sig: Signature, ground: Ground): Frozen {
  switch (formOf(sig)) {
    case 'chain':
      return freezeChain(sig, ground)
    case 'group':
      return freezeGroup(sig, ground)
    case 'chord': {
      const header = freezeGroup(headerOf(sig), ground)
      const { task_id: given, ...options } = sig.options
      const body = bodyOf(sig)
      const isGiven = typeof given === 'string' && given !== header.result.id
      const last = freeze(isGiven ? identified(body, given) : body, ground)
      const kwargs = { ...sig.kwargs, header: header.sig, body: last.sig }
      // The id of a chord is that of its header, as Celery has it.
      const frozen = { ...sig, kwargs, options: { ...options, task_id: header.result.id } }
      return { sig: frozen, result: behind(last.result, header.result) }
    }
    default: {
      const id = textOption(sig.options, 'task_id') ?? ground.id()
      const replyTo = textOption(sig.options, 'reply_to') ?? ground.replyTo
      return {
        sig: withOptions(sig, { task_id: id, ...(replyTo !== undefined && { reply_to: replyTo }) }),
        result: { id },
      }
    }
  }
}

function freezeChain(sig: Signature, ground: Ground): Frozen {
  let result: ResultTree | undefined
  const tasks: Signature[] = []
  for (const step of chainSteps(sig)) {
    const frozen = freeze(step, ground)
    tasks.push(frozen.sig)
    result = result ? behind(frozen.result, result) : frozen.result
  }
  const {
    link: _,
    link_error: __,
    task_id: ___,
    chord: ____,
    group_id: _____,
    group_index: ______,
    ...options
  } = sig.options
  const frozen: Signature = { ...sig, args: [], kwargs: { ...sig.kwargs, tasks }, options }
  return { sig: frozen, result: result ?? { id: ground.id() } }
}

function freezeGroup(sig: Signature, ground: Ground): Frozen {
  const id = textOption(sig.options, 'task_id') ?? ground.id()
  const members = tasksOf(sig).map((member) => freeze(member, ground))
  const tasks = members.map((member, index) => completed(member.sig, { group_index: index }))
  const frozen = { ...sig, kwargs: { ...sig.kwargs, tasks }, options: { ...sig.options, task_id: id } }
  return { sig: frozen, result: { id, children: members.map(({ result }) => result) } }
}

/** The result with what came before the first of all that it came from. */
function behind(result: ResultTree, before: ResultTree): ResultTree {
  return { ...result, parent: result.parent ? behind(result.parent, before) : before }
}
