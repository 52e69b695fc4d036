import type { ChordPart } from '../backend/groups.ts'
import { type Failure, readFailure } from '../protocol/failure.ts'
import { type Outcome, payloadValue } from '../protocol/outcome.ts'
import { pythonRepr } from '../protocol/python-repr.ts'
import type { ResultTree } from '../protocol/result-tree.ts'
import type { Signature } from '../protocol/signature.ts'
import { abandon, type Consequences, NOTHING, type Surroundings } from './advance.ts'
import { derivedIds } from './derived-id.ts'
import { plan } from './plan.ts'

/** A chord whose parts are all in. */
export interface FullChord {
  readonly groupId: string
  readonly body: Signature
  /** The part that was the last. */
  readonly lastId: string
  readonly rootId: string
}

/**
 * What follows when all parts of a chord are in: its body with the list of their values, or the end of it.
 * @param tree What the group is made of, where Python has kept that: lists in lists.
 */
export function join(
  chord: FullChord,
  parts: readonly ChordPart[],
  around: Surroundings,
  tree?: ResultTree,
): Consequences {
  const failed = parts.find(({ state }) => state !== 'SUCCESS')
  if (failed) return failChord(chord, chordError(dependency(failed)), around)
  const { groupId, body, lastId, rootId } = chord
  const values = tree?.children?.some(({ children }) => children) ? nested(tree, parts) : parts.map(valueOf)
  const options = { parent_id: lastId, root_id: rootId }
  const ground = { id: derivedIds(groupId), replyTo: undefined, saysSizes: around.saysSizes }
  const { chords, calls } = plan(body, { args: [values], options }, ground)
  return { ...NOTHING, chords, calls }
}

function nested(tree: ResultTree, parts: readonly ChordPart[]): unknown {
  const values = new Map(parts.map((part) => [part.id, valueOf(part)]))
  const read = ({ id, children }: ResultTree): unknown => children?.map(read) ?? values.get(id) ?? null
  return read(tree)
}

function valueOf({ result }: ChordPart): unknown {
  return payloadValue(result)
}

/** The body of a chord does not come to run. */
export function failChord({ body, lastId, rootId }: FullChord, failure: Failure, around: Surroundings): Consequences {
  const outcome: Outcome = { id: lastId, state: 'FAILURE', result: { value: failure }, traceback: null }
  return abandon(body, { outcome, rootId, around }, true)
}

/** Celery's error for a chord whose body cannot run. */
export function chordError(message: string): Failure {
  return { exc_type: 'ChordError', exc_message: [message], exc_module: 'celery.exceptions' }
}

function dependency({ id, result }: ChordPart): string {
  const { exc_type: type, exc_message: args } = readFailure(payloadValue(result))
  return `Dependency ${id} raised ${type}(${args.map((arg) => pythonRepr(arg)).join(', ')})`
}
