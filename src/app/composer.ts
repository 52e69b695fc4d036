import type { Expectation } from '../backend/backend.ts'
import type { Clock } from '../base/clock.ts'
import { isLovageError, LovageError } from '../base/errors.ts'
import { derivedIds } from '../canvas/derived-id.ts'
import { linkedTo, type Options } from '../canvas/forms.ts'
import type { Ground } from '../canvas/freeze.ts'
import { completed, placeIn, single } from '../canvas/normal.ts'
import { plan, type Plan, sizeSaid } from '../canvas/plan.ts'
import { failureOf } from '../protocol/failure.ts'
import { deadlineOf } from '../protocol/headers.ts'
import { traceOfMessage } from '../protocol/trace-context.ts'
import { failed } from '../protocol/outcome.ts'
import type { ResultTree } from '../protocol/result-tree.ts'
import { NO_EMBED, type Signature } from '../protocol/signature.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import { AsyncResult, type Waiting } from './async-result.ts'
import type { CanvasSends } from './canvas-sends.ts'
import { Ignore } from './control-flow.ts'
import { currentTaskIfAny, type CurrentTask } from './current-task.ts'
import { type AnyResult, GroupResult } from './group-result.ts'
import type { Registry } from './registry.ts'
import type { SendCounts } from './send.ts'
import { type Gettable, Sending } from './sending.ts'

/** Messages on their way at a time. */
const AT_ONCE = 200

/** The message may be there, or may be on its way the next time. */
const MAY_BE_SENT: ReadonlySet<string> = new Set(['PUBLISH_TIMEOUT', 'BROKER_UNREACHABLE', 'BROKER_CLOSED'])

/** What composing stands on. */
export interface ComposerOptions {
  readonly clock: Clock
  readonly canvas: CanvasSends
  readonly registry: Registry
  readonly waiting: Waiting
  readonly counts: { -readonly [Name in keyof SendCounts]: number }
}

/** Begins canvases: plans them, listens for what they will come to, and sends their first messages. */
export class Composer {
  readonly #options: ComposerOptions
  readonly #added = new WeakMap<CurrentTask, () => string>()

  constructor(options: ComposerOptions) {
    this.#options = options
  }

  /** Sends a canvas at once. */
  compose<Result, Kind extends Gettable<Result>>(
    sig: Signature,
    args: readonly unknown[],
    options: Options,
  ): Sending<Result, Kind> {
    const { clock, counts } = this.#options
    const id = typeof options['task_id'] === 'string' ? options['task_id'] : clock.uuid()
    const sent = this.#send(sig, args, { ...options, task_id: id }, currentTaskIfAny())
    return new Sending<Result, Kind>(
      sig.task,
      id,
      sent as Promise<unknown> as Promise<Kind>,
      clock,
      (what) => counts[what]++,
    )
  }

  async #send(
    given: Signature,
    args: readonly unknown[],
    options: Options,
    current: CurrentTask | undefined,
  ): Promise<AnyResult> {
    const { waiting, clock } = this.#options
    // What the caller does to its objects afterwards must not change the messages.
    const [sig, first] = copied([given, args])
    const client = waiting.clientIfOpen() ?? (await waiting.client())
    const { replyTo } = client.backend
    const place = current && { parent_id: current.id, root_id: current.request.rootId }
    const planned = plan(
      sig,
      { args: first, options: { ...place, ...options } },
      this.#ground(() => clock.uuid(), replyTo),
    )
    await this.#check(planned)
    const expectations = new Map<string, Expectation>()
    try {
      // Over the broker a result that nobody expects is lost; elsewhere it is found by its id when it is asked for.
      if (replyTo !== undefined) {
        for (const id of taskIds(planned.result)) expectations.set(id, await client.backend.expect(id))
      }
      await this.#publish(planned, current?.request)
    } catch (error) {
      for (const expectation of expectations.values()) expectation.close()
      throw error
    }
    for (const id of endIds(planned.result)) current?.sent(id)
    return readResult(planned.result, waiting, expectations)
  }

  /**
   * Sends a canvas in place of a task that runs: with its id, its place and all that follows it. Rejects with what the task
   * is to throw.
   */
  async replace(given: Signature, { request, embed = NO_EMBED }: CurrentTask): Promise<never> {
    const { id, group, groupIndex, rootId, parentId, replyTo, replacedTaskNesting } = request
    const linked = linkedTo(linkedTo(single(given), 'link', embed.callbacks ?? []), 'link_error', embed.errbacks ?? [])
    const place = { group_id: group, group_index: groupIndex, chord: embed.chord }
    const nesting = { replaced_task_nesting: replacedTaskNesting + 1 }
    const own = { ...placeIn(place), ...nesting, task_id: id, ...(replyTo !== '' && { reply_to: replyTo }) }
    const options = {
      root_id: rootId,
      parent_id: parentId,
      ...nesting,
      chain: embed.chain,
    }
    // Run again, it sends the same tasks again, and no others.
    const ids = derivedIds(`${id} replace ${replacedTaskNesting}`)
    await this.#publish(plan(completed(linked, own), { options }, this.#ground(ids, replyTo || undefined)), request)
    throw new Ignore('replaced by a canvas')
  }

  /** Sends a canvas as one more member of the chord that a task is in. */
  async addToChord<Result, Kind extends Gettable<Result>>(given: Signature, current: CurrentTask): Promise<Kind> {
    const { canvas, waiting } = this.#options
    const { id, request, embed = NO_EMBED } = current
    const { group, groupIndex, rootId } = request
    if (!embed.chord || group === null) {
      const problem = 'is called in a task that is in no chord'
      const fix = 'Call it in a member of the header of a chord'
      throw new LovageError('OPTION_INVALID', { option: 'addToChord', where: request.task, problem, fix })
    }
    const place = placeIn({ group_id: group, group_index: groupIndex, chord: embed.chord })
    const { backend } = await waiting.client()
    const ground = this.#ground(this.#addedIds(current), backend.replyTo)
    const planned = plan(completed(single(given), place), { options: { root_id: rootId, parent_id: id } }, ground)
    const chords = await canvas.chordsOf(sizeSaid(embed.chord) !== undefined)
    if (!chords) throw new LovageError('CANVAS_UNSUPPORTED', { task: request.task })
    const member = planned.result.id
    // First, else its end could stand for that of the task which adds it. A task that ends in between comes again, and adds
    // the same one.
    await chords.addMember(group, member)
    try {
      await this.#publish(planned, request)
    } catch (error) {
      // Counted, and never sent, it would be waited for as long as the chord is kept.
      if (isHopeless(error)) await chords.addPart(group, failed(member, failureOf(error)), undefined, {})
      throw error
    }
    return readResult(planned.result, waiting) as unknown as Kind
  }

  #ground(id: () => string, replyTo: string | undefined): Ground {
    return { id, replyTo, saysSizes: this.#options.canvas.saysSizes }
  }

  /** Ids of what a task adds to its chord, the same each time it runs. */
  #addedIds(current: CurrentTask): () => string {
    const ids = this.#added.get(current) ?? derivedIds(`${current.id} added`)
    this.#added.set(current, ids)
    return ids
  }

  /** Whether arguments fit can be told of what begins now. */
  async #check({ calls }: Plan): Promise<void> {
    const { registry } = this.#options
    for (const { task, args, kwargs } of calls) await registry.get(task)?.check(args, kwargs)
  }

  /** `within` is the task that it is sent in: its deadline is that of all. */
  async #publish({ chords, calls, hasChords }: Plan, within: TaskRequest | undefined): Promise<void> {
    const { canvas } = this.#options
    const around = within && { deadlineMs: deadlineOf(within.custom), trace: traceOfMessage(within.custom) }
    if (hasChords) {
      const counted = await canvas.chords('A chord')
      for (const { groupId, size } of chords) await counted.open(groupId, size)
    }
    for (let at = 0; at < calls.length; at += AT_ONCE) {
      await Promise.all(calls.slice(at, at + AT_ONCE).map((call) => canvas.deliver(call, around)))
    }
  }
}

/** The result that a tree tells of. A chain may be longer than the stack is deep: what came before is read one by one. */
export function readResult(
  tree: ResultTree,
  waiting: Waiting,
  expectations: ReadonlyMap<string, Expectation> = new Map(),
): AnyResult {
  let result: AnyResult | undefined
  for (const { id, children } of lineOf(tree)) {
    const parent = result
    const results = children?.map((one) => readResult(one, waiting, expectations))
    const expectation = expectations.get(id)
    result = results
      ? new GroupResult({ id, parent, results }, waiting)
      : new AsyncResult({ id, parent, expectation }, waiting)
  }
  return result as AnyResult
}

/** What it came from, the first first, and itself. */
function lineOf(tree: ResultTree): ResultTree[] {
  const line: ResultTree[] = []
  for (let one: ResultTree | undefined = tree; one; one = one.parent) line.push(one)
  return line.reverse()
}

/** It was not sent, and will not be when it is tried again. */
function isHopeless(error: unknown): boolean {
  return isLovageError(error) && !MAY_BE_SENT.has(error.code)
}

function copied<T>(value: T): T {
  try {
    return structuredClone(value)
  } catch {
    // It has what no message can hold, and encoding says where.
    return value
  }
}

function* taskIds(tree: ResultTree): Generator<string> {
  for (const { id, children } of lineOf(tree)) {
    if (!children) yield id
    else for (const child of children) yield* taskIds(child)
  }
}

/** Ids of the tasks that it ends with. */
function* endIds({ id, children }: ResultTree): Generator<string> {
  if (!children) yield id
  else for (const child of children) yield* endIds(child)
}
