import { LovageError } from '../base/errors.ts'
import { JSON_TYPE } from './content.ts'

/** A result that others hang on: of a task, or of a group. Celery's `AsyncResult` and `GroupResult`, as data. */
export interface ResultTree {
  readonly id: string
  /** What came before it in a chain. */
  readonly parent?: ResultTree
  /** The members of a group; a task has none. */
  readonly children?: readonly ResultTree[]
}

/** Celery's form of it: `[[id, parent], children]`, with null for what is not there. */
export function resultTuple({ id, parent, children }: ResultTree): unknown[] {
  return [[id, parent ? resultTuple(parent) : null], children ? children.map(resultTuple) : null]
}

/**
 * Reads Celery's form; older versions write an id that has no parent by itself.
 * @throws LovageError `BODY_UNDECODABLE`
 */
export function readResultTuple(tuple: unknown): ResultTree {
  const [head, nodes] = pairOf(tuple)
  const [id, parent] = typeof head === 'string' ? [head, null] : pairOf(head)
  if (typeof id !== 'string' || id === '') throw undecodable('an id is missing')
  if (!isNone(nodes) && !Array.isArray(nodes)) throw undecodable('members of a group are no list')
  return {
    id,
    ...(isNone(parent) ? undefined : { parent: readResultTuple(parent) }),
    ...(isNone(nodes) ? undefined : { children: (nodes as unknown[]).map(readResultTuple) }),
  }
}

function isNone(value: unknown): boolean {
  return value === null || value === undefined
}

function pairOf(value: unknown): [unknown, unknown] {
  if (!Array.isArray(value) || value.length !== 2) throw undecodable('it is no pair')
  return value as [unknown, unknown]
}

function undecodable(problem: string): LovageError {
  return new LovageError('BODY_UNDECODABLE', {
    contentType: JSON_TYPE,
    problem: `${problem}, so it is no result tuple`,
  })
}
