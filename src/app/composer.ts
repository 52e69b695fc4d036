import type { Expectation } from '../backend/backend.ts'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import { linkedTo, type Options } from '../canvas/forms.ts'
import { completed, placeIn, single } from '../canvas/normal.ts'
import { plan, type Plan } from '../canvas/plan.ts'
import type { ResultTree } from '../protocol/result-tree.ts'
import { NO_EMBED, type Signature } from '../protocol/signature.ts'
import { AsyncResult, type Waiting } from './async-result.ts'
import type { CanvasSends } from './canvas-sends.ts'
import { Ignore } from './control-flow.ts'
import { currentTaskIfAny, type CurrentTask } from './current-task.ts'
import { type AnyResult, GroupResult } from './group-result.ts'
import type { Registry } from './registry.ts'
import type { SendCounts } from './send.ts'
import { type Gettable, Sending } from './sending.ts'

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
    const planned = plan(sig, { args: first, options: { ...place, ...options } }, { id: () => clock.uuid(), replyTo })
    await this.#check(planned)
    const expectations = new Map<string, Expectation>()
    try {
      // Over the broker a result that nobody expects is lost; elsewhere it is found by its id when it is asked for.
      if (replyTo !== undefined) {
        for (const id of taskIds(planned.result)) expectations.set(id, await client.backend.expect(id))
      }
      await this.#options.canvas.publish(planned)
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
    const { clock } = this.#options
    const { id, group, groupIndex, rootId, parentId, replyTo, replacedTaskNesting } = request
    const linked = linkedTo(linkedTo(single(given), 'link', embed.callbacks ?? []), 'link_error', embed.errbacks ?? [])
    const place = { group_id: group, group_index: groupIndex, chord: embed.chord }
    const own = { ...placeIn(place), task_id: id, ...(replyTo !== '' && { reply_to: replyTo }) }
    const options = {
      root_id: rootId,
      parent_id: parentId,
      replaced_task_nesting: replacedTaskNesting + 1,
      chain: embed.chain,
    }
    const ground = { id: () => clock.uuid(), replyTo: replyTo || undefined }
    await this.#options.canvas.publish(plan(completed(linked, own), { options }, ground))
    throw new Ignore('replaced by a canvas')
  }

  /** Sends a canvas as one more member of the chord that a task is in. */
  async addToChord<Result, Kind extends Gettable<Result>>(
    given: Signature,
    { id, request, embed = NO_EMBED }: CurrentTask,
  ): Promise<Kind> {
    const { canvas, clock, waiting } = this.#options
    const { group, groupIndex, rootId } = request
    if (!embed.chord || group === null) {
      const problem = 'is called in a task that is in no chord'
      const fix = 'Call it in a member of the header of a chord'
      throw new LovageError('OPTION_INVALID', { option: 'addToChord', where: request.task, problem, fix })
    }
    const place = placeIn({ group_id: group, group_index: groupIndex, chord: embed.chord })
    const { backend } = await waiting.client()
    const ground = { id: () => clock.uuid(), replyTo: backend.replyTo }
    const planned = plan(completed(single(given), place), { options: { root_id: rootId, parent_id: id } }, ground)
    const groups = await canvas.groups('addToChord()')
    await groups.addToChord(group, planned.result.id)
    await this.#options.canvas.publish(planned)
    return readResult(planned.result, waiting) as unknown as Kind
  }

  /** Whether arguments fit can be told of what begins now. */
  async #check({ calls }: Plan): Promise<void> {
    const { registry } = this.#options
    for (const { task, args, kwargs } of calls) await registry.get(task)?.check(args, kwargs)
  }
}

/** The result that a tree tells of. */
export function readResult(
  tree: ResultTree,
  waiting: Waiting,
  expectations: ReadonlyMap<string, Expectation> = new Map(),
): AnyResult {
  const { id, children, parent: before } = tree
  const parent = before && readResult(before, waiting, expectations)
  if (!children) return new AsyncResult({ id, parent, expectation: expectations.get(id) }, waiting)
  return new GroupResult(
    { id, parent, results: children.map((one) => readResult(one, waiting, expectations)) },
    waiting,
  )
}

function copied<T>(value: T): T {
  try {
    return structuredClone(value)
  } catch {
    // It has what no message can hold, and encoding says where.
    return value
  }
}

function* taskIds({ id, children, parent }: ResultTree): Generator<string> {
  if (parent) yield* taskIds(parent)
  if (!children) yield id
  else for (const child of children) yield* taskIds(child)
}

/** Ids of the tasks that it ends with. */
function* endIds({ id, children }: ResultTree): Generator<string> {
  if (!children) yield id
  else for (const child of children) yield* endIds(child)
}
