/** The ends of a list of parameters: what `s` may be given, because what comes from before goes in front. */
export type Ends<Params extends readonly unknown[]> = 0 extends 1 & Params
  ? any
  : number extends Params['length']
    ? Params | readonly []
    : Params extends readonly []
      ? readonly []
      : Params extends readonly [_?: unknown, ...rest: infer Rest]
        ? Params | Ends<Rest>
        : Params

/** What is left in front of a list of parameters when its last are given. */
export type Left<Params extends readonly unknown[], Given extends readonly unknown[]> = 0 extends 1 & Params
  ? any
  : number extends Params['length']
    ? Params
    : Given extends readonly []
      ? Params
      : Drop<Required<Params>, Given>

type Drop<Params extends readonly unknown[], Given extends readonly unknown[]> = Given extends readonly [
  _?: unknown,
  ...rest: infer Rest,
]
  ? Given extends readonly []
    ? Params
    : Params extends readonly [...head: infer Head, last: unknown]
      ? Drop<Head, Rest>
      : []
  : Params
