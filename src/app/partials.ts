import { chunksOf, mapOf, type Options } from '../canvas/forms.ts'
import { signature } from '../protocol/signature.ts'
import type { Sendable } from './outgoing.ts'
import type { AnySignature } from './canvas.ts'
import { celeryOptions } from './signature-options.ts'
import { type Composes, Signature } from './signature.ts'

/** What a task has to make signatures of it. */
export interface Partials {
  s(...args: readonly unknown[]): AnySignature
  si(...args: readonly unknown[]): AnySignature
  map(items: readonly unknown[]): AnySignature
  starmap(items: readonly unknown[]): AnySignature
  chunks(items: readonly unknown[], size: number): AnySignature
}

/** The {@link Partials} of a task. `isInput`: its one argument travels as named arguments. */
export function partials(task: Sendable, composes: Composes, isInput: boolean): Partials {
  const { queue, exchange, routingKey, priority } = task.options
  // Whoever sends it in its turn may not know the task.
  const options: Options = celeryOptions({
    ...(queue !== undefined && { queue }),
    ...(exchange !== undefined && { exchange }),
    ...(routingKey !== undefined && { routingKey }),
    ...(priority !== undefined && { priority }),
  })
  const make = (args: readonly unknown[], isImmutable: boolean): AnySignature => {
    const [named] = args
    const isNamed = isInput && typeof named === 'object' && named !== null && !Array.isArray(named)
    const given = isNamed ? [args.slice(1), named as Record<string, unknown>] : [args, {}]
    const [positional, kwargs] = given as [readonly unknown[], Record<string, unknown>]
    return new Signature(signature(task.name, positional, kwargs, options, { immutable: isImmutable }), composes)
  }
  const bare = signature(task.name)
  return {
    s: (...args) => make(args, false),
    si: (...args) => make(args, true),
    map: (items) => new Signature(mapOf(bare, items, false), composes),
    starmap: (items) => new Signature(mapOf(bare, items, true), composes),
    chunks: (items, size) => new Signature(chunksOf(bare, items, size), composes),
  }
}
