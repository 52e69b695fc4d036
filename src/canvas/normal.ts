import { signature, type Signature } from '../protocol/signature.ts'
import {
  ACCUMULATE,
  bodyOf,
  chordOf,
  formOf,
  groupOf,
  headerOf,
  linkedTo,
  listOption,
  mapOf,
  type Options,
  tasksOf,
  withOptions,
} from './forms.ts'

/**
 * The canvas in the form in which it is sent. It comes to the same, and
 * - chains have no chains as steps, groups no groups as members, and there are no chunks but groups;
 * - only the last step of a chain may come to several results, so that something that follows a group is the body of a
 *   chord;
 * - each member of a chord comes to one result: one that would come to several collects them in a list.
 *
 * Done twice, it is done once.
 * @throws LovageError `BODY_UNDECODABLE`
 */
export function normal(sig: Signature): Signature {
  switch (formOf(sig)) {
    case 'chain': {
      const steps = tasksOf(sig).flatMap((step) => spliced(normal(step)))
      return { ...sig, kwargs: { ...sig.kwargs, tasks: fold(steps) } }
    }
    case 'group':
      return { ...sig, kwargs: { ...sig.kwargs, tasks: flat(sig) } }
    case 'chunks':
      return normal(chunksGroup(sig))
    case 'chord': {
      const header = headerOf(sig)
      const tasks = flat(header).map(gathered)
      const kwargs = {
        ...sig.kwargs,
        header: { ...header, kwargs: { ...header.kwargs, tasks } },
        body: normal(bodyOf(sig)),
      }
      return { ...sig, kwargs }
    }
    default:
      return sig
  }
}

/** Steps one after the other, where what comes to many is followed by nothing as it is. */
export function fold(steps: readonly Signature[]): Signature[] {
  const folded: Signature[] = []
  for (const step of steps) {
    const before = folded.at(-1)
    if (before && comesToMany(before)) folded[folded.length - 1] = follow(before, step)
    else folded.push(step)
  }
  return folded
}

/** Whether its result is that of a group. */
export function comesToMany(sig: Signature): boolean {
  switch (formOf(sig)) {
    case 'group':
    case 'chunks':
      return true
    case 'chain': {
      const last = tasksOf(sig).at(-1)
      return last !== undefined && comesToMany(last)
    }
    case 'chord':
      return comesToMany(bodyOf(sig))
    default:
      return false
  }
}

/** Whether somebody has to count to the end of a group: of a canvas that is {@link normal}. */
export function hasChords(sig: Signature): boolean {
  const form = formOf(sig)
  return form === 'chord' || ((form === 'chain' || form === 'group') && tasksOf(sig).some(hasChords))
}

/** `next` after all that `sig` comes to. Both are {@link normal}, and so is what comes of it. */
function follow(sig: Signature, next: Signature): Signature {
  switch (formOf(sig)) {
    case 'chord':
      return { ...sig, kwargs: { ...sig.kwargs, body: follow(bodyOf(sig), next) } }
    case 'chain': {
      const steps = tasksOf(sig)
      return {
        ...sig,
        kwargs: { ...sig.kwargs, tasks: [...steps.slice(0, -1), follow(steps.at(-1) as Signature, next)] },
      }
    }
    default: {
      const kwargs = { ...sig.kwargs, tasks: tasksOf(sig).map(gathered) }
      return chordOf({ ...sig, kwargs }, next)
    }
  }
}

/** What follows `sig`: it takes over from whichever of its tasks is the last. */
export function continued(sig: Signature, rest: readonly Signature[]): Signature {
  const [next, ...others] = rest
  if (!next) return sig
  if (comesToMany(sig)) return continued(follow(sig, normal(next)), others)
  switch (formOf(sig)) {
    case 'chain': {
      const tasks = [...tasksOf(sig), ...rest]
      return { ...sig, kwargs: { ...sig.kwargs, tasks } }
    }
    case 'chord':
      return { ...sig, kwargs: { ...sig.kwargs, body: continued(bodyOf(sig), rest) } }
    default:
      // In reverse, and behind what follows it already.
      return withOptions(sig, { chain: [...listOption(sig.options, 'chain'), ...[...rest].reverse()] })
  }
}

/** The signature with options on the task that ends it: where it has one result, that is the result of that task. */
export function completed(sig: Signature, options: Options): Signature {
  switch (formOf(sig)) {
    case 'chain': {
      const steps = tasksOf(sig)
      const last = steps.at(-1)
      if (!last) return sig
      return { ...sig, kwargs: { ...sig.kwargs, tasks: [...steps.slice(0, -1), completed(last, options)] } }
    }
    case 'chord':
      return { ...sig, kwargs: { ...sig.kwargs, body: completed(bodyOf(sig), options) } }
    default:
      return withOptions(sig, options)
  }
}

/** The signature with this id for what it comes to, if that has none yet. */
export function identified(sig: Signature, id: string): Signature {
  return endOf(sig).options['task_id'] === undefined ? completed(sig, { task_id: id }) : sig
}

/** What of the options says which chord or group the signature is part of. */
export function placeIn({ chord, group_id: groupId, group_index: index }: Options): Options {
  return {
    ...(chord !== undefined && chord !== null && { chord }),
    ...(groupId !== undefined && groupId !== null && { group_id: groupId }),
    ...(index !== undefined && index !== null && { group_index: index }),
  }
}

/** The task, or the group, that ends it. */
function endOf(sig: Signature): Signature {
  const form = formOf(sig)
  if (form === 'chord') return endOf(bodyOf(sig))
  const last = form === 'chain' ? tasksOf(sig).at(-1) : undefined
  return last ? endOf(last) : sig
}

/** A step of a chain as steps of the chain around it, with what the options of the inner one ask for. */
function spliced(step: Signature): Signature[] {
  if (formOf(step) !== 'chain') return [step]
  const steps = chainSteps(step)
  const [first, ...rest] = steps
  if (!first) return []
  // What else it has (a queue, a countdown) is for its first task, as when it is sent.
  const {
    task_id: _,
    link: __,
    link_error: ___,
    chord: ____,
    group_id: _____,
    group_index: ______,
    ...own
  } = step.options
  return [withOptions(first, own), ...rest]
}

/** The steps of a chain, with its callbacks and its id on the last, its error callbacks on all, and its arguments on the first. */
export function chainSteps(chain: Signature): Signature[] {
  const { options, args } = chain
  const onError = listOption(options, 'link_error')
  const steps = tasksOf(chain).map((step) => linkedTo(step, 'link_error', onError))
  const last = steps.length - 1
  if (last < 0) return []
  steps[last] = linkedTo(steps[last] as Signature, 'link', listOption(options, 'link'))
  const { task_id: id } = options
  steps[last] = completed(steps[last] as Signature, placeIn(options))
  if (typeof id === 'string') steps[last] = identified(steps[last] as Signature, id)
  const [first] = steps as [Signature]
  if (args.length > 0 && !first.immutable) steps[0] = { ...first, args: [...args, ...first.args] }
  return steps
}

function flat(group: Signature): Signature[] {
  return tasksOf(group).flatMap((member) => {
    const form = formOf(member)
    if (form === 'chunks') return flat(chunksGroup(member))
    return form === 'group' ? flat(member) : [normal(member)]
  })
}

function chunksGroup({ kwargs, options }: Signature): Signature {
  const { task, it, n } = kwargs as { task: Signature; it?: unknown; n?: unknown }
  const items = Array.isArray(it) ? (it as unknown[]) : []
  const size = typeof n === 'number' && n >= 1 ? Math.floor(n) : 1
  const parts: Signature[] = []
  for (let at = 0; at < items.length; at += size) parts.push(mapOf(task, items.slice(at, at + size), true))
  const { link_error: _, ...own } = options
  const onError = listOption(options, 'link_error')
  return groupOf(
    parts.map((part) => linkedTo(part, 'link_error', onError)),
    own,
  )
}

/** The signature, with the list where it would come to many results: it has one then. */
export function single(sig: Signature): Signature {
  return gathered(normal(sig))
}

/** {@link single} of what is {@link normal}: done again at each level, that would take twice as long for each of them. */
function gathered(sig: Signature): Signature {
  return comesToMany(sig) ? follow(sig, collected()) : sig
}

/** The list of what a group came to, as one result. */
function collected(): Signature {
  return signature(ACCUMULATE, [], { index: 0 })
}
