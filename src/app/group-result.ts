import { LovageError } from '../base/errors.ts'
import { isReady, type Outcome } from '../protocol/outcome.ts'
import type { AsyncResult, RevokeTreeOptions, Waiting } from './async-result.ts'
import type { GetOptions } from './get-options.ts'

/** Outcomes that are asked for at a time. */
const AT_ONCE = 200

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

/** How far a canvas has come, counted in tasks. */
export interface Progress {
  /** Those that have ended, however they did. */
  readonly done: number
  /** Those among them that failed or were revoked, or never ran because of one that did. */
  readonly failed: number
  /** All of its tasks, those that are not sent yet too. */
  readonly total: number
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
   * How many of its tasks have ended, and of what came before it: one question to the result backend for each that is not
   * known to have ended.
   * @throws LovageError as `latest` of a task does
   */
  progress(): Promise<Progress> {
    return progressOf(this)
  }

  /**
   * The same whenever a task has ended, until all have: `for await (const { done, total } of group.progressing()) ...`.
   * @throws LovageError as {@link ended} does
   */
  progressing(options: GetOptions = {}): AsyncGenerator<Progress, void, void> {
    return progressing(this, options)
  }

  /**
   * Has workers that run now drop all its members, and what came before them, those too that are not sent yet; what has
   * ended stays as it is.
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

/** How far all tasks have come that a result comes from. */
export async function progressOf(result: AnyResult): Promise<Progress> {
  const tasks = tasksOf(result)
  let done = 0
  let failed = 0
  for (let at = 0; at < tasks.length; at += AT_ONCE) {
    for (const outcome of await Promise.all(tasks.slice(at, at + AT_ONCE).map((task) => task.latest()))) {
      if (!outcome || !isReady(outcome.state)) continue
      done++
      if (outcome.state !== 'SUCCESS') failed++
    }
  }
  return { done, failed, total: tasks.length }
}

/** The same whenever one of them has ended. */
export async function* progressing(result: AnyResult, options: GetOptions): AsyncGenerator<Progress, void, void> {
  const results = tasksOf(result)
  const total = results.length
  let done = 0
  let failed = 0
  // As if all were members of one group.
  const flat = new GroupResult({ id: result.id, results }, { revoke: () => result.revoke() })
  for await (const { outcome } of flat.ended(options)) {
    done++
    if (outcome?.state !== 'SUCCESS') failed++
    yield { done, failed, total }
  }
}

/** Ids of all tasks that a result comes from. */
export function idsOf(result: AnyResult): string[] {
  return tasksOf(result).map(({ id }) => id)
}

function tasksOf(result: AnyResult): AsyncResult[] {
  const tasks = new Map<string, AsyncResult>()
  const open: AnyResult[] = [result]
  for (let one = open.pop(); one; one = open.pop()) {
    // One by one: a call takes no more arguments than the stack has room for.
    if (one instanceof GroupResult) for (const member of one.results) open.push(member)
    else tasks.set(one.id, one)
    if (one.parent) open.push(one.parent)
  }
  return [...tasks.values()]
}
