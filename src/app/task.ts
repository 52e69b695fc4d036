import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { TaskFunction } from './arguments.ts'
import type { AsyncResult } from './async-result.ts'
import type { CallOptions, NamedArguments } from './call-options.ts'
import type { GroupResult } from './group-result.ts'
import type { Ends, Left } from './partial-arguments.ts'
import type { Sending } from './sending.ts'
import type { Signature } from './signature.ts'
import type { StreamOptions } from './stream-options.ts'
import type { TaskOptions } from './task-options.ts'

/** What a task comes to whose function returns `Returned`: of an async generator, what that returns. */
export type ResultIn<Returned> =
  Awaited<Returned> extends AsyncGenerator<any, infer Result> ? Result : Awaited<Returned>

/** What it yields on the way, where it is an async generator. */
export type PartIn<Returned> = Awaited<Returned> extends AsyncGenerator<infer Part> ? Part : unknown

/** A task that can be sent. One that lives elsewhere, in Python say, can only be sent. */
export interface RemoteTask<Args extends readonly unknown[] = any, Result = unknown, Part = unknown> {
  readonly name: string
  /**
   * Sends it with these arguments, at once. Await the sending to know that the broker has it.
   * @throws LovageError `ARGUMENTS_INVALID`, `ENCODE_FAILED` and what the broker's `publish` throws, by rejecting
   */
  delay(...args: Args): Sending<Result, AsyncResult<Result, Part>>
  /** As `delay`, with options. */
  applyAsync(args: Args, options?: CallOptions): Sending<Result, AsyncResult<Result, Part>>
  /** With arguments by name: those of `args` come first. */
  applyAsync(args: Partial<Args>, options: CallOptions & NamedArguments): Sending<Result, AsyncResult<Result, Part>>
  /**
   * The call as a signature, which is sent later, or as part of a chain, group or chord. These are its last arguments: what
   * is still to come goes in front of them.
   */
  s<Given extends Ends<Args>>(...args: Given): Signature<Left<Args, Given>, Result>
  /** As `s` with all arguments, of one that takes nothing from what comes before it. */
  si(...args: Args): Signature<readonly unknown[], Result>
  /** One message that calls it for each item, one after the other; it comes to the list of results. */
  map(items: readonly Args[0][]): Signature<readonly unknown[], Result[]>
  /** As `map`, with lists of arguments. */
  starmap(items: readonly Args[]): Signature<readonly unknown[], Result[]>
  /** As `starmap`, in messages of `size` calls each, side by side: a group, which comes to a list of lists. */
  chunks(items: readonly Args[], size: number): Signature<readonly unknown[], Result[][], GroupResult<Result[][]>>
}

/** A task that is defined here. Called as a function it runs here and now, with no broker in between. */
export interface Task<
  Args extends readonly unknown[] = any,
  Result = unknown,
  Returned = Result | Promise<Result>,
  Part = unknown,
> extends RemoteTask<Args, Result, Part> {
  (...args: Args): Returned
}

/** The task of a function. */
export type TaskOf<Fn extends TaskFunction> = Task<
  Parameters<Fn>,
  ResultIn<ReturnType<Fn>>,
  ReturnType<Fn>,
  PartIn<ReturnType<Fn>>
>

/** The task of a function that is defined elsewhere. */
export type RemoteOf<Fn extends TaskFunction> = RemoteTask<
  Parameters<Fn>,
  ResultIn<ReturnType<Fn>>,
  PartIn<ReturnType<Fn>>
>

/** The task of a function that takes one object, checked by `Schema`. */
export type InputTask<Schema extends StandardSchemaV1, Returned> = Task<
  [input: StandardSchemaV1.InferInput<Schema>],
  ResultIn<Returned>,
  Promise<Awaited<Returned>>,
  PartIn<Returned>
>

/** The name of each parameter, in order; `'y?'` may be left out. */
export type ParamNames<Args extends readonly unknown[]> = number extends Args['length']
  ? readonly string[]
  : { readonly [Index in keyof Required<Args>]: string }

/** Options of a task with positional parameters. */
export interface PositionalOptions<Args extends readonly unknown[]> extends TaskOptions {
  /** Names of the parameters, so that they may come by name (Python's keyword arguments). */
  readonly params?: ParamNames<Args>
  readonly input?: never
  /** How the parts are kept that it yields, where its function is an async generator. */
  readonly stream?: StreamOptions
}

/** Options of a task that takes one checked object. */
export interface InputOptions<Schema extends StandardSchemaV1> extends TaskOptions {
  /** A Standard Schema (zod, valibot, arktype, ...) of the one object that the task takes; it travels as named arguments. */
  readonly input: Schema
  readonly params?: never
  /** How the parts are kept that it yields, where its function is an async generator. */
  readonly stream?: StreamOptions
}
