import { LovageError } from '../base/errors.ts'
import { chainOf, type Options, linkedTo, withOptions } from '../canvas/forms.ts'
import { comesToMany } from '../canvas/normal.ts'
import type { Signature as SignatureData } from '../protocol/signature.ts'
import type { AsyncResult } from './async-result.ts'
import { type CallOptions, checkCallOptions, type NamedArguments } from './call-options.ts'
import type { CurrentTask } from './current-task.ts'
import type { Gettable, Sending } from './sending.ts'
import { celeryOptions } from './signature-options.ts'

/** What signatures are sent by. */
export interface Composes {
  compose<Result, Kind extends Gettable<Result>>(
    sig: SignatureData,
    args: readonly unknown[],
    options: Options,
  ): Sending<Result, Kind>
  /** Sends it in place of a task that runs, and throws what the task is to throw. */
  replace(sig: SignatureData, current: CurrentTask): Promise<never>
  /** Sends it as one more member of the chord of a task that runs. */
  addToChord<Result, Kind extends Gettable<Result>>(sig: SignatureData, current: CurrentTask): Promise<Kind>
}

/**
 * A call that has not been sent: one task, or how several come together. It can be sent as often as one likes, and its
 * methods leave it as it is and give another.
 *
 * `In` are the arguments that it still takes, in front of those it has: the result of what comes before it in a chain, say.
 * `Out` is what it comes to, `Kind` the kind of result it gives when it is sent.
 */
export class Signature<In extends readonly unknown[], Out, Kind extends Gettable<Out> = AsyncResult<Out>> {
  /** What it takes, for the compiler alone. */
  declare readonly takes?: (args: In) => void
  /** What it comes to, for the compiler alone. */
  declare readonly gives?: Kind & Out
  /** As Celery writes it into messages. */
  readonly data: SignatureData
  readonly #composes: Composes

  /** Made by `s`, `si`, `chain`, `group`, `chord`, ... */
  constructor(data: SignatureData, composes: Composes) {
    this.data = data
    this.#composes = composes
  }

  /** What sends it. */
  get composes(): Composes {
    return this.#composes
  }

  /**
   * The same with options of a call over those it has. On a chain they are those of its first task, on a group or chord
   * those of each member. `kwargs` are arguments by name, over those it has: of one task, which composes nothing.
   * @throws LovageError `OPTION_INVALID`
   */
  set(options: CallOptions & Partial<NamedArguments>): Signature<In, Out, Kind> {
    const { kwargs, ...checked } = checkCallOptions(this.data.task, options)
    const sig = withOptions(this.data, celeryOptions(checked))
    if (kwargs === undefined) return this.#with(sig)
    // What is composed is named there: its tasks, or its items.
    if (!this.data.task.startsWith('celery.')) return this.#with({ ...sig, kwargs: { ...sig.kwargs, ...kwargs } })
    const problem = 'stand on what composes others'
    const where = `${this.data.task}.set()`
    throw new LovageError('OPTION_INVALID', { option: 'kwargs', where, problem, fix: 'Set them on its members' })
  }

  /** Another of the same. */
  clone(): Signature<In, Out, Kind> {
    return this.#with(structuredClone(this.data))
  }

  /**
   * The same, and when it has succeeded its callbacks are sent, with its result in front of their arguments.
   * @throws LovageError `OPTION_INVALID` on a group, which has many results: see {@link chord}
   */
  link(...callbacks: readonly Signature<[Out], any, any>[]): Signature<In, Out, Kind> {
    if (comesToMany(this.data)) {
      const fix = 'Use a chord, or link its members'
      const where = `${this.data.task}.link()`
      throw new LovageError('OPTION_INVALID', {
        option: 'link',
        where,
        problem: 'stands on what has many results',
        fix,
      })
    }
    return this.#with(linked(this.data, 'link', callbacks))
  }

  /**
   * The same, and when it has failed or was revoked its error callbacks are sent: with a description of the task, the
   * failure and the traceback where they take so many, else with the id of the task.
   */
  linkError(...callbacks: readonly Signature<any, any, any>[]): Signature<In, Out, Kind> {
    return this.#with(linked(this.data, 'link_error', callbacks))
  }

  /** This, and then `next` with its result: a chain. Behind a group, `next` takes the list of results: a chord. */
  pipe<Next, NextKind extends Gettable<Next>>(next: Signature<[Out], Next, NextKind>): Signature<In, Next, NextKind> {
    const steps = isPlainChain(this.data) ? (this.data.kwargs['tasks'] as SignatureData[]) : [this.data]
    return new Signature<In, Next, NextKind>(chainOf([...steps, next.data]), this.#composes)
  }

  /** Sends it at once, with the arguments that it still takes. Await the sending to know that the broker has it. */
  delay(...args: In): Sending<Out, Kind> {
    return this.applyAsync(args)
  }

  /** As `delay`, with options of a call: see {@link set}. `taskId` is the id of what it comes to. */
  applyAsync(args: In, options?: CallOptions): Sending<Out, Kind> {
    const given = options === undefined ? {} : celeryOptions(checkCallOptions(this.data.task, options))
    return this.#composes.compose<Out, Kind>(this.data, args, given)
  }

  #with(data: SignatureData): Signature<In, Out, Kind> {
    return new Signature<In, Out, Kind>(data, this.#composes)
  }
}

/** One to which nothing was set or linked: that would be of the part in front only. */
function isPlainChain({ task, options }: SignatureData): boolean {
  return task === 'celery.chain' && Object.keys(options).length === 0
}

function linked(
  data: SignatureData,
  name: 'link' | 'link_error',
  callbacks: readonly { readonly data: SignatureData }[],
): SignatureData {
  return linkedTo(
    data,
    name,
    callbacks.map((callback) => callback.data),
  )
}
