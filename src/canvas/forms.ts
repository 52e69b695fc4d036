import { isRecord, readSignature, type Signature, signature } from '../protocol/signature.ts'

/** What a signature is: one task, or how several come together. Maps and starmaps are tasks. */
export type Form = 'task' | 'chain' | 'group' | 'chord' | 'chunks'

/** Options of a signature, in Celery's names. */
export type Options = Readonly<Record<string, unknown>>

const FORMS: Readonly<Record<string, Form>> = {
  'celery.chain': 'chain',
  'celery.group': 'group',
  'celery.chord': 'chord',
  'celery.chunks': 'chunks',
}

/** Celery's task that gives back its arguments, or one of them. */
export const ACCUMULATE = 'celery.accumulate'

/** What a signature is. Its name says more than `subtask_type`, which Celery leaves out of some. */
export function formOf({ task, subtask_type: type }: Signature): Form {
  if (Object.hasOwn(FORMS, task)) return FORMS[task] as Form
  return type === 'chain' || type === 'group' || type === 'chord' || type === 'chunks' ? type : 'task'
}

/** One after the other, each with the result of the one before. */
export function chainOf(tasks: readonly Signature[], options: Options = {}): Signature {
  return { ...signature('celery.chain', [], { tasks }, options), subtask_type: 'chain' }
}

/** Side by side. */
export function groupOf(tasks: readonly Signature[], options: Options = {}): Signature {
  return { ...signature('celery.group', [], { tasks }, options), subtask_type: 'group' }
}

/** Side by side, and then one with the list of what they came to. */
export function chordOf(header: Signature, body: Signature, options: Options = {}): Signature {
  return { ...signature('celery.chord', [], { kwargs: {}, header, body }, options), subtask_type: 'chord' }
}

/** One message for many calls of a task, which are made one after the other: each item is an argument, or with `isStar` a list of them. */
export function mapOf(task: Signature, items: readonly unknown[], isStar: boolean): Signature {
  const name = isStar ? 'celery.starmap' : 'celery.map'
  return signature(name, [], { task, it: items }, {}, { immutable: true })
}

/** Many calls of a task in messages of `size` calls each. */
export function chunksOf(task: Signature, items: readonly unknown[], size: number): Signature {
  return {
    ...signature('celery.chunks', [], { task, it: items, n: size }, {}, { immutable: true }),
    subtask_type: 'chunks',
  }
}

/** The steps of a chain, or the members of a group. @throws LovageError `BODY_UNDECODABLE` */
export function tasksOf({ task, kwargs }: Signature): Signature[] {
  const { tasks } = kwargs
  return (Array.isArray(tasks) ? (tasks as unknown[]) : []).map((item, at) =>
    readSignature(item, `${task}.tasks[${at}]`),
  )
}

/** The members of a chord as a group. @throws LovageError `BODY_UNDECODABLE` */
export function headerOf({ task, kwargs }: Signature): Signature {
  const { header } = kwargs
  if (Array.isArray(header)) {
    return groupOf((header as unknown[]).map((item, at) => readSignature(item, `${task}.header[${at}]`)))
  }
  const read = readSignature(header, `${task}.header`)
  const form = formOf(read)
  if (form === 'group') return read
  return groupOf(form === 'chain' ? tasksOf(read) : [read])
}

/** What comes after the members of a chord. @throws LovageError `BODY_UNDECODABLE` */
export function bodyOf({ task, kwargs }: Signature): Signature {
  return readSignature(kwargs['body'], `${task}.body`)
}

/** The signature with more options; they win over those it has. */
export function withOptions(sig: Signature, options: Options): Signature {
  return { ...sig, options: { ...sig.options, ...options } }
}

/** Signatures in an option, which may be one or a list. @throws LovageError `BODY_UNDECODABLE` */
export function listOption(options: Options, name: string): Signature[] {
  const value = options[name]
  if (value === undefined || value === null) return []
  return (Array.isArray(value) ? (value as unknown[]) : [value]).map((item, at) =>
    readSignature(item, `${name}[${at}]`),
  )
}

/** The signature with more callbacks (`link`) or error callbacks (`link_error`), none of them twice. */
function withLinks(sig: Signature, name: 'link' | 'link_error', more: readonly Signature[]): Signature {
  if (more.length === 0) return sig
  const links = listOption(sig.options, name)
  const known = new Set(links.map(alike))
  const added = more.filter((link) => !known.has(alike(link)))
  return withOptions(sig, { [name]: [...links, ...added] })
}

/** A text that is the same for the same signature. JSON has no words for large integers, which come from the wire too. */
function alike(link: Signature): string {
  return JSON.stringify(link, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}

/**
 * The signature with more callbacks (`link`) or error callbacks (`link_error`) where they belong: a chain calls back after
 * its last step, and whichever of its steps fails; a chord as its body does.
 */
export function linkedTo(sig: Signature, name: 'link' | 'link_error', more: readonly Signature[]): Signature {
  if (more.length === 0) return sig
  const within = (tasks: readonly Signature[]): Signature => ({ ...sig, kwargs: { ...sig.kwargs, tasks } })
  switch (formOf(sig)) {
    case 'chain': {
      const steps = tasksOf(sig)
      const last = steps.length - 1
      return within(steps.map((step, at) => (at === last || name === 'link_error' ? linkedTo(step, name, more) : step)))
    }
    case 'group': {
      if (name === 'link_error') return within(tasksOf(sig).map((member) => linkedTo(member, name, more)))
      // As Celery has it: after the first of them, and without its result.
      const [first, ...others] = tasksOf(sig)
      const alone = more.map((link) => ({ ...link, immutable: true }))
      return first ? within([linkedTo(first, name, alone), ...others]) : sig
    }
    case 'chord':
      return { ...sig, kwargs: { ...sig.kwargs, body: linkedTo(bodyOf(sig), name, more) } }
    default:
      return withLinks(sig, name, more)
  }
}

/** A text in the options, where there is one. */
export function textOption(options: Options, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A place in a list in the options, where there is one: what else Python may write there is none. */
export function numberOption(options: Options, name: string): number | undefined {
  const value = options[name]
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** The chord that a task is part of. */
export function chordOption(options: Options): Signature | undefined {
  const { chord } = options
  return isRecord(chord) ? readSignature(chord, 'chord') : undefined
}
