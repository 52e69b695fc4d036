import { LovageError } from '../base/errors.ts'
import { chainOf, chordOf, groupOf } from '../canvas/forms.ts'
import type { Signature as SignatureData } from '../protocol/signature.ts'
import { currentTask } from './current-task.ts'
import type { GroupResult } from './group-result.ts'
import type { Gettable } from './sending.ts'
import { type Composes, Signature } from './signature.ts'

/** Any signature. */
export type AnySignature = Signature<any, any, any>

/** What the members of a group come to. */
export type Outs<Members extends readonly AnySignature[]> = {
  -readonly [Index in keyof Members]: Members[Index] extends Signature<any, infer Out, any> ? Out : never
}

/** What all the members of a group take. */
export type CommonIn<Members extends readonly AnySignature[]> = Members[number] extends {
  takes?: (args: infer In extends readonly unknown[]) => void
}
  ? In
  : readonly unknown[]

type Sig<In extends readonly unknown[], Out, Kind extends Gettable<Out>> = Signature<In, Out, Kind>

/**
 * One after the other, each with the result of the one before in front of its arguments. It comes to what the last one
 * comes to.
 *
 *     await chain(add.s(1, 2), add.s(4)).delay().get() // 7
 * @throws LovageError `OPTION_INVALID` for a chain of nothing
 */
export function chain<I extends readonly unknown[], A, KA extends Gettable<A>>(a: Sig<I, A, KA>): Sig<I, A, KA>
export function chain<I extends readonly unknown[], A, B, KB extends Gettable<B>>(
  a: Sig<I, A, any>,
  b: Sig<[NoInfer<A>], B, KB>,
): Sig<I, B, KB>
export function chain<I extends readonly unknown[], A, B, C, KC extends Gettable<C>>(
  a: Sig<I, A, any>,
  b: Sig<[NoInfer<A>], B, any>,
  c: Sig<[NoInfer<B>], C, KC>,
): Sig<I, C, KC>
export function chain<I extends readonly unknown[], A, B, C, D, KD extends Gettable<D>>(
  a: Sig<I, A, any>,
  b: Sig<[NoInfer<A>], B, any>,
  c: Sig<[NoInfer<B>], C, any>,
  d: Sig<[NoInfer<C>], D, KD>,
): Sig<I, D, KD>
export function chain<I extends readonly unknown[], A, B, C, D, E, KE extends Gettable<E>>(
  a: Sig<I, A, any>,
  b: Sig<[NoInfer<A>], B, any>,
  c: Sig<[NoInfer<B>], C, any>,
  d: Sig<[NoInfer<C>], D, any>,
  e: Sig<[NoInfer<D>], E, KE>,
): Sig<I, E, KE>
export function chain<I extends readonly unknown[], A, B, C, D, E, F, KF extends Gettable<F>>(
  a: Sig<I, A, any>,
  b: Sig<[NoInfer<A>], B, any>,
  c: Sig<[NoInfer<B>], C, any>,
  d: Sig<[NoInfer<C>], D, any>,
  e: Sig<[NoInfer<D>], E, any>,
  f: Sig<[NoInfer<E>], F, KF>,
): Sig<I, F, KF>
/** Of any number of steps in a list, each of which takes what it gives. */
export function chain<I extends readonly unknown[], A, KA extends Gettable<A>>(
  steps: readonly (Sig<I, A, KA> & Sig<[A], A, KA>)[],
): Sig<I, A, KA>
export function chain(...given: readonly unknown[]): AnySignature {
  const steps = (Array.isArray(given[0]) ? given[0] : given) as readonly AnySignature[]
  const [first] = steps
  if (!first) throw empty('chain', 'Give it one signature at least')
  return new Signature(chainOf(steps.map(dataOf)), first.composes)
}

/**
 * Side by side. It comes to the list of what its members come to, in their order, whichever ends first.
 *
 *     await group([add.s(1, 2), add.s(3, 4)]).delay().get() // [3, 7]
 * @throws LovageError `OPTION_INVALID` for a group of nothing
 */
export function group<const Members extends readonly AnySignature[]>(
  members: Members,
): Signature<CommonIn<Members>, Outs<Members>, GroupResult<Outs<Members>>> {
  return new Signature(groupOf(members.map(dataOf)), composesOf('group', members))
}

/**
 * Side by side, and then `body` with the list of what they came to.
 *
 *     await chord([add.s(1, 2), add.s(3, 4)], sum.s()).delay().get() // 10
 * @throws LovageError `OPTION_INVALID` for a chord of nothing
 */
export function chord<const Members extends readonly AnySignature[], Out, Kind extends Gettable<Out>>(
  header: Members,
  body: Signature<[NoInfer<Outs<Members>>], Out, Kind>,
): Signature<CommonIn<Members>, Out, Kind> {
  return new Signature(chordOf(groupOf(header.map(dataOf)), body.data), body.composes)
}

/**
 * Has a canvas take the place of the task that calls it, with its id and all that follows it: what the canvas comes to is
 * what the task comes to. Never resolves; the task ends by what it throws: `return replace(add.s(1, 2))`.
 * @throws LovageError `CURRENT_TASK_NONE`, and as `delay` does
 */
export function replace<Out>(sig: Signature<[], Out, any> | Signature<readonly unknown[], Out, any>): Promise<Out> {
  return sig.composes.replace(sig.data, currentTask())
}

/**
 * Adds a canvas to the members of the chord that the calling task is one of: the body waits for it too, and has what it
 * comes to in its list, beside that of the task.
 * @throws LovageError `OPTION_INVALID` in a task that is in no chord, `CURRENT_TASK_NONE`, and as `delay` does
 */
export function addToChord<Out, Kind extends Gettable<Out>>(
  sig: Signature<[], Out, Kind> | Signature<readonly unknown[], Out, Kind>,
): Promise<Kind> {
  return sig.composes.addToChord<Out, Kind>(sig.data, currentTask())
}

function dataOf(sig: AnySignature): SignatureData {
  return sig.data
}

function composesOf(what: string, members: readonly AnySignature[]): Composes {
  const [first] = members
  if (!first) throw empty(what, 'Give it one signature at least, or leave it out')
  return first.composes
}

function empty(what: string, fix: string): LovageError {
  return new LovageError('OPTION_INVALID', { option: 'tasks', where: `${what}()`, problem: 'is empty', fix })
}
