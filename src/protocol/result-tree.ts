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
export function resultTuple(tree: ResultTree): unknown[] {
  // A chain may be longer than the stack is deep.
  const line: ResultTree[] = []
  for (let one: ResultTree | undefined = tree; one; one = one.parent) line.push(one)
  let tuple: unknown[] | null = null
  for (const { id, children } of line.reverse()) tuple = [[id, tuple], children ? children.map(resultTuple) : null]
  return tuple as unknown[]
}

/**
 * Reads Celery's form; older versions write an id that has no parent by itself.
 * @throws LovageError `BODY_UNDECODABLE`
 */
export function readResultTuple(tuple: unknown): ResultTree {
  const line: { readonly id: string; readonly children?: readonly ResultTree[] }[] = []
  for (let left = tuple, isFirst = true; isFirst || !isNone(left); isFirst = false) {
    const [head, nodes] = pairOf(left)
    const [id, parent] = typeof head === 'string' ? [head, null] : pairOf(head)
    if (typeof id !== 'string' || id === '') throw undecodable('an id is missing')
    if (!isNone(nodes) && !Array.isArray(nodes)) throw undecodable('members of a group are no list')
    line.push({ id, ...(isNone(nodes) ? undefined : { children: (nodes as unknown[]).map(readResultTuple) }) })
    left = parent
  }
  let tree: ResultTree | undefined
  for (const one of line.reverse()) tree = { ...one, ...(tree && { parent: tree }) }
  return tree as ResultTree
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
