import type { ResultTree } from '../protocol/result-tree.ts'
import type { Embed, Signature } from '../protocol/signature.ts'
import {
  bodyOf,
  chordOption,
  formOf,
  headerOf,
  linkedTo,
  listOption,
  numberOption,
  type Options,
  tasksOf,
  textOption,
  withOptions,
} from './forms.ts'
import { freeze, type Ground } from './freeze.ts'
import { completed, continued, fold, hasChords, identified, normal, placeIn } from './normal.ts'

/** One task to be sent. */
export interface Call {
  readonly id: string
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly embed: Embed
  /** Undefined: it is its own root. */
  readonly rootId: string | undefined
  readonly parentId: string | undefined
  readonly group: string | undefined
  readonly groupIndex: number | undefined
  readonly replyTo: string | undefined
  /** The rest of what `apply_async` takes, in Celery's names. */
  readonly options: Options
}

/** How many tasks a chord waits for; to be known before the first of them is sent. */
export interface ChordSize {
  readonly groupId: string
  readonly size: number
}

/** What is to be sent. */
export interface Plan {
  readonly chords: readonly ChordSize[]
  readonly calls: readonly Call[]
  /** What it comes to. */
  readonly result: ResultTree
  /** Somebody has to count to the end of a group, now or later. */
  readonly hasChords: boolean
}

/** What a canvas is given when it is sent. */
export interface Given {
  /** In front of its own, unless it is immutable. */
  readonly args?: readonly unknown[]
  readonly kwargs?: Readonly<Record<string, unknown>>
  /** Over its own, in Celery's names. */
  readonly options?: Options
}

/**
 * The first messages of a canvas: all that can begin now. What comes later is in them, with the ids that it will have.
 * @throws LovageError `BODY_UNDECODABLE` for what is no canvas
 */
export function plan(sig: Signature, given: Given, ground: Ground): Plan {
  const { task_id: id, chain, ...options } = given.options ?? {}
  const isTask = formOf(sig) === 'task'
  const { chain: own, ...others } = sig.options
  const bare = isTask ? sig : { ...sig, options: others }
  const formed = normal(typeof id === 'string' ? identified(bare, id) : bare)
  const rest = [
    ...listOption({ chain: isTask ? null : own }, 'chain').toReversed(),
    ...listOption({ chain }, 'chain').toReversed(),
  ]
  const frozen = freeze(rest.length > 0 ? normal(continued(formed, rest)) : formed, ground)
  const out: Out = { chords: [], calls: [], saysSizes: ground.saysSizes ?? false }
  apply(frozen.sig, { args: given.args ?? [], kwargs: given.kwargs ?? {}, options }, out)
  const { chords, calls } = out
  return { chords, calls, result: frozen.result, hasChords: hasChords(frozen.sig) }
}

interface Out {
  readonly chords: ChordSize[]
  readonly calls: Call[]
  readonly saysSizes: boolean
}

function apply(sig: Signature, given: Required<Given>, out: Out): void {
  switch (formOf(sig)) {
    case 'chain': {
      const [first, ...rest] = fold(tasksOf(sig))
      if (!first) return
      const { options: own } = sig
      return apply(continued(first, rest), merged(sig, given, { ...own, ...given.options }), out)
    }
    case 'group': {
      const { task_id: id, chord, group_id: _, group_index: __, ...own } = sig.options
      const all = merged(sig, given, { ...own, ...given.options })
      for (const [index, member] of tasksOf(sig).entries()) {
        // A member of a chord that Python has taken apart has its place in that already.
        const place = chord === undefined ? {} : { chord, ...placeIn(member.options) }
        apply(completed(member, { group_index: index, group_id: id, ...place }), all, out)
      }
      return
    }
    case 'chord':
      return applyChord(sig, given, out)
    default:
      out.calls.push(callOf(sig, given))
  }
}

function applyChord(sig: Signature, given: Required<Given>, out: Out): void {
  const header = headerOf(sig)
  const { task_id: _, chord: __, group_id: ___, group_index: ____, ...others } = sig.options
  const { link, link_error: _____, ...own } = others
  const errbacks = listOption(others, 'link_error')
  const all = merged(sig, given, { ...own, ...given.options })
  const root = textOption(all.options, 'root_id')
  const linked = linkedTo(linkedTo(bodyOf(sig), 'link', listOption({ link }, 'link')), 'link_error', errbacks)
  const body = completed(linked, placeIn(sig.options))
  const rooted = root === undefined ? body : withOptions(body, { root_id: root })
  const members = tasksOf(header)
  // Nobody would count to none.
  if (members.length === 0) return apply(rooted, { args: [[]], kwargs: {}, options: all.options }, out)
  const id = header.options['task_id'] as string
  out.chords.push({ groupId: id, size: members.length })
  const chord = out.saysSizes ? sized(rooted, members.length) : rooted
  for (const [at, member] of members.entries()) {
    apply(completed(member, { group_id: id, group_index: at, chord }), all, out)
  }
}

/** In a member that Celery's signatures have had for it. */
function sized(body: Signature, size: number): Signature {
  return Object.assign({ ...body }, { chord_size: size })
}

/** How many members a chord has, where its body says so: it is then counted in a queue of its own. */
export function sizeSaid(body: Signature): number | undefined {
  const { chord_size: size } = body as { readonly chord_size?: unknown }
  return typeof size === 'number' && Number.isSafeInteger(size) && size > 0 ? size : undefined
}

function merged(sig: Signature, { args, kwargs }: Required<Given>, options: Options): Required<Given> {
  if (sig.immutable) return { args: [], kwargs: {}, options }
  return { args: [...args, ...sig.args], kwargs, options }
}

function callOf(sig: Signature, given: Required<Given>): Call {
  const over = Object.entries(given.options).filter(([, value]) => value !== undefined && value !== null)
  // No plain assignment: an option from the wire may be called __proto__.
  const all: Record<string, unknown> = { ...sig.options, ...Object.fromEntries(over) }
  const { task_id: id, root_id: _, parent_id: __, reply_to: ___, chord: ____, chain: _____, ...others } = all
  const { link: ______, link_error: _______, group_id: ________, group_index: _________, ...options } = others
  const args = sig.immutable ? sig.args : [...given.args, ...sig.args]
  return {
    id: id as string,
    task: sig.task,
    args,
    kwargs: sig.immutable ? sig.kwargs : { ...sig.kwargs, ...given.kwargs },
    embed: {
      callbacks: listOrNull(all, 'link'),
      errbacks: listOrNull(all, 'link_error'),
      chain: listOrNull(all, 'chain'),
      chord: chordOption(all) ?? null,
    },
    rootId: textOption(all, 'root_id'),
    parentId: textOption(all, 'parent_id'),
    group: textOption(all, 'group_id'),
    groupIndex: numberOption(all, 'group_index'),
    replyTo: typeof all['reply_to'] === 'string' ? all['reply_to'] : undefined,
    options,
  }
}

function listOrNull(options: Options, name: string): readonly Signature[] | null {
  const list = listOption(options, name)
  return list.length > 0 ? list : null
}
