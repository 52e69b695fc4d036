import { LovageError } from '../base/errors.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { AsyncResult, GetOptions, RevokeTreeOptions, Waiting } from './async-result.ts'

/** The result of a task, or of a group. */
export type AnyResult = AsyncResult | GroupResult

/** A member of a group that has ended. */
export interface EndedMember {
  /** Its place in the group. */
  readonly index: number
  readonly result: AnyResult
  /** How it ended; of a member that is a group itself undefined: see its own results. */
  readonly outcome: Outcome | undefined
}

/** What {@link GroupResult}s are made of. */
export interface SentGroup {
  readonly id: string
  readonly results: readonly AnyResult[]
  /** What came before the group in a chain. */
  readonly parent?: AnyResult | undefined
}

/** The results of a group, in the order of its members. Never thenable. */
export class GroupResult<Results extends readonly unknown[] = readonly unknown[]> {
  readonly #sent: SentGroup
  readonly #waiting: Pick<Waiting, 'revoke'>

  /** Made by the application when a group is sent. */
  constructor(sent: SentGroup, waiting: Pick<Waiting, 'revoke'>) {
    this.#sent = sent
    this.#waiting = waiting
  }

  /** Id of the group. */
  get id(): string {
    return this.#sent.id
  }

  /** The results of its members. */
  get results(): readonly AnyResult[] {
    return this.#sent.results
  }

  /** The result of the step before it in a chain. */
  get parent(): AnyResult | undefined {
    return this.#sent.parent
  }

  /**
   * What all members returned, in their order. `timeout` is that of the whole.
   * @throws TaskError of the first member that failed or was revoked, at once
   * @throws LovageError as `get` of a task
   */
  async get(options: GetOptions = {}): Promise<Results> {
    const over = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, over.signal]) : over.signal
    try {
      return (await Promise.all(this.results.map((one) => one.get({ ...options, signal })))) as unknown as Results
    } finally {
      // The others are not waited for any more.
      over.abort(new LovageError('RESULT_FORGOTTEN', { id: this.id }))
    }
  }

  /**
   * Members as they end, the first first: `for await (const { index, outcome } of group.ended()) ...`. Failures are among
   * them, and end nothing.
   * @throws LovageError `RESULT_TIMEOUT` where a member has not ended in time, and as `outcome` of a task does
   */
  async *ended(options: GetOptions = {}): AsyncGenerator<EndedMember, void, void> {
    const over = new AbortController()
    const signal = options.signal ? AbortSignal.any([options.signal, over.signal]) : over.signal
    const done: EndedMember[] = []
    let failed: { readonly error: unknown } | undefined
    let wake = (): void => {}
    for (const [index, result] of this.results.entries()) {
      endOf(result, { ...options, signal }).then(
        (outcome) => (done.push({ index, result, outcome }), wake()),
        (error: unknown) => ((failed ??= { error }), wake()),
      )
    }
    try {
      for (let left = this.results.length; left > 0;) {
        const next = done.shift()
        if (next) {
          left--
          yield next
        } else if (failed) throw failed.error
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      over.abort(new LovageError('RESULT_FORGOTTEN', { id: this.id }))
    }
  }

  /**
   * Has workers that run now drop all its members, and what came before them; what has ended stays as it is.
   * @throws LovageError as the broker's `publish` does
   */
  revoke(options: RevokeTreeOptions = {}): Promise<void> {
    return this.#waiting.revoke(idsOf(this), options)
  }

  /** Drops what is known of all its members. */
  async forget(): Promise<void> {
    await Promise.all(this.results.map((one) => one.forget()))
  }
}

async function endOf(result: AnyResult, options: GetOptions): Promise<Outcome | undefined> {
  if (!(result instanceof GroupResult)) return result.outcome(options)
  for await (const _ of result.ended(options));
  return undefined
}

/** Ids of all tasks that a result comes from. */
export function idsOf(result: AnyResult): string[] {
  const ids = new Set<string>()
  const open: AnyResult[] = [result]
  for (let one = open.pop(); one; one = open.pop()) {
    // One by one: a call takes no more arguments than the stack has room for.
    if (one instanceof GroupResult) for (const member of one.results) open.push(member)
    else ids.add(one.id)
    if (one.parent) open.push(one.parent)
  }
  return [...ids]
}
