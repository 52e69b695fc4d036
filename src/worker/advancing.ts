import type { CanvasSends } from '../app/canvas-sends.ts'
import type { Place } from '../app/outgoing.ts'
import type { Registry } from '../app/registry.ts'
import type { ResultBackend } from '../backend/backend.ts'
import type { ChordPart } from '../backend/groups.ts'
import { isLovageError, LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { PublishTogether } from '../broker/broker.ts'
import { advance, type Consequences, type Ending, NOTHING, type Part, type Surroundings } from '../canvas/advance.ts'
import { failChord, type FullChord, join } from '../canvas/join.ts'
import { type Call, type ChordSize, sizeSaid } from '../canvas/plan.ts'
import { failureOf } from '../protocol/failure.ts'
import { DEADLINE_HEADER, deadlineOf } from '../protocol/headers.ts'
import { traceOfMessage } from '../protocol/trace-context.ts'
import { isReady, type Outcome } from '../protocol/outcome.ts'
import type { ResultTree } from '../protocol/result-tree.ts'
import type { Embed } from '../protocol/signature.ts'
import { isSurelyBare, readBody, type TaskRequest } from '../protocol/task-message.ts'

/** Messages on their way at a time. */
const AT_ONCE = 200

/** Tries until it succeeds, until the worker gives up, or until an error that `isFinal` says no try can mend. */
export type Insist = (
  complaint: string,
  fields: Readonly<Record<string, unknown>>,
  act: () => Promise<unknown>,
  how?: { isFinal?: (error: unknown) => boolean },
) => Promise<void>

/** What advancing needs. */
export interface AdvancingOptions {
  readonly canvas: CanvasSends
  readonly backend: ResultBackend
  readonly registry: Pick<Registry, 'get'>
  /** Content types of bodies that are read. */
  readonly accept: readonly string[]
  readonly maxBodyBytes: number
  readonly insist: Insist
}

/** Has come what follows a task that has ended: callbacks, the rest of its chain, the body of its chord. */
export class Advancing {
  readonly #options: AdvancingOptions

  constructor(options: AdvancingOptions) {
    this.#options = options
  }

  /** What follows the task, if it has ended and something does. Where it did not run, its body is read here. */
  embedOf(request: TaskRequest, outcome: Outcome): Embed | undefined {
    if (outcome.embed || outcome.state === 'SUCCESS' || !isReady(outcome.state)) return outcome.embed
    if (isSurelyBare(request)) return undefined
    const { accept, maxBodyBytes } = this.#options
    try {
      return readBody(request, { accept, maxBodyBytes }).embed
    } catch {
      // It is the reason why the task has failed, and what follows cannot be told.
      return undefined
    }
  }

  /**
   * Stores the outcome, and carries out what follows from it. Celery's order: what follows a success is sent before its
   * result is stored, so that this lists what was sent; all else comes after it. What cannot be sent makes it a failure.
   * @param isAgain It may have ended before: elsewhere, or here while the broker had lost us.
   */
  async settle(
    request: TaskRequest,
    given: Outcome,
    embed: Embed,
    isAgain: boolean,
    store: (outcome: Outcome) => Promise<void> | undefined,
  ): Promise<void> {
    let outcome = given
    let following = NOTHING
    if (outcome.state === 'SUCCESS') {
      try {
        following = advance(outcome, request, embed, this.#around(request))
        await this.#send(following, request)
      } catch (error) {
        if (!isFinal(error)) throw error
        const { id, task } = request
        log('error', 'worker', 'what follows a task cannot be sent', { id, task, error: messageOf(error) })
        outcome = { ...outcome, state: 'FAILURE', result: { value: failureOf(error) } }
      }
    }
    const children = [...(outcome.children ?? []), ...following.children]
    await store(children.length > 0 ? { ...outcome, children } : outcome)
    if (outcome.state === 'SUCCESS') await this.#count(following.parts, request, isAgain)
    else await this.#carryOut(advance(outcome, request, embed, this.#around(request)), request, isAgain)
  }

  async #carryOut(consequences: Consequences, request: TaskRequest, isAgain: boolean): Promise<void> {
    const { id, task } = request
    try {
      await this.#send(consequences, timeless(request))
    } catch (error) {
      if (!isFinal(error)) throw error
      log('error', 'worker', 'error callback cannot be sent', { id, task, error: messageOf(error) })
    }
    for (const batch of batches(consequences.endings)) await Promise.all(batch.map((ending) => this.#put(ending)))
    await this.#count(consequences.parts, request, isAgain)
  }

  /** @param isCopy They may have been sent before, by who is no more. */
  async #send({ chords, calls }: Consequences, request: TaskRequest, isCopy = false): Promise<void> {
    await this.#open(chords, request)
    for (const batch of batches(calls)) await Promise.all(batch.map((call) => this.#deliver(call, request, isCopy)))
  }

  async #open(chords: readonly ChordSize[], { id, task }: TaskRequest): Promise<void> {
    if (chords.length === 0) return
    const { canvas, insist } = this.#options
    const counted = await canvas.chords('A chord')
    const open = async (): Promise<void> => {
      for (const { groupId, size } of chords) await counted.open(groupId, size)
    }
    await insist('size of a chord could not be stored', { id, task }, open)
  }

  #deliver(call: Call, request: TaskRequest, isCopy: boolean): Promise<void> {
    const { canvas, insist } = this.#options
    const around = placeBehind(request)
    const about = { id: call.id, task: call.task, after: call.parentId }
    const act = (): Promise<void> => (isCopy ? canvas.deliverCopy(call, around) : canvas.deliver(call, around))
    return insist('what follows a task could not be sent', about, act, { isFinal })
  }

  async #put({ outcome, replyTo }: Ending): Promise<void> {
    const { backend, insist } = this.#options
    const { id } = outcome
    const act = (): Promise<void> => backend.put(outcome, { replyTo, correlationId: id })
    try {
      await insist('result could not be stored', { id }, act, { isFinal })
    } catch (error) {
      // Nobody can be told, and what this task came to is something else.
      if (!isFinal(error)) throw error
    }
  }

  async #count(parts: readonly Part[], request: TaskRequest, isAgain: boolean): Promise<void> {
    for (const part of parts) await this.#countOne(part, request, isAgain)
  }

  async #countOne(
    { groupId, index, outcome, body, rootId }: Part,
    request: TaskRequest,
    cameAgain: boolean,
  ): Promise<void> {
    const { canvas, insist } = this.#options
    const chord = { groupId, body, lastId: outcome.id, rootId }
    const around = this.#around(request)
    const about = { id: outcome.id, chord: groupId }
    const size = sizeSaid(body)
    const chords = await canvas.chordsOf(size !== undefined)
    if (!chords) {
      const error = new LovageError('CANVAS_UNSUPPORTED', { task: request.task })
      log('error', 'worker', 'chord cannot be counted', { ...about, error: error.message })
      return this.#carryOut(failChord(chord, failureOf(error), around), request, cameAgain)
    }
    let isAgain = cameAgain
    const count = async (): Promise<void> => {
      const known = { size, isAgain }
      // What goes wrong may leave the chord in our own hands, for as long as the broker takes a connection for alive.
      isAgain = true
      const all = await chords.addPart(groupId, outcome, index, known)
      if (all === undefined) return
      await chords.gather(groupId, all, (...gathered) => this.#complete(chord, request, ...gathered))
    }
    try {
      await insist('part of a chord could not be counted', about, count, { isFinal })
    } catch (error) {
      if (!isFinal(error)) throw error
      await this.#carryOut(failChord(chord, failureOf(error), around), request, isAgain)
    }
  }

  /** Sends the body of a chord whose parts are all in, or ends it; somebody may have done some of it, and died. */
  async #complete(
    chord: FullChord,
    request: TaskRequest,
    parts: readonly ChordPart[],
    tree: ResultTree | undefined,
    together: PublishTogether | undefined,
  ): Promise<void> {
    const around = this.#around(request)
    try {
      const following = join(chord, parts, around, tree)
      const others = { ...following, chords: [], calls: [] }
      if (!together || following.calls.length === 0) {
        await this.#send(following, request, true)
        return await this.#carryOut(others, request, true)
      }
      // All that may be done twice comes first: behind the one step nothing is done again.
      await this.#open(following.chords, request)
      await this.#carryOut(others, request, true)
      await this.#options.canvas.deliverTogether(following.calls, placeBehind(request), together)
    } catch (error) {
      if (!isFinal(error)) throw error
      log('error', 'worker', 'body of a chord cannot be sent', { chord: chord.groupId, error: messageOf(error) })
      await this.#carryOut(failChord(chord, failureOf(error), around), request, true)
    }
  }

  #around({ id, task, parentId, group, retries, argsrepr, kwargsrepr }: TaskRequest): Surroundings {
    const { registry, canvas } = this.#options
    return {
      saysSizes: canvas.saysSizes,
      isNewStyle: (name) => (registry.get(name)?.arity ?? 0) > 1,
      about: { task, parentId, group, retries, argsrepr, kwargsrepr },
      onUnreadable: (error) =>
        log('error', 'worker', 'what follows a task is no canvas', { id, task, error: error.message }),
    }
  }
}

/** Where what follows a task stands. */
function placeBehind({ stamps, stampedHeaders, custom }: TaskRequest): Partial<Place> {
  return { stamps, stampedHeaders, deadlineMs: deadlineOf(custom), trace: traceOfMessage(custom) }
}

function* batches<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += AT_ONCE) yield all.slice(at, at + AT_ONCE)
}

const FINAL: ReadonlySet<string> = new Set([
  ...['MESSAGE_TOO_LARGE', 'ENCODE_FAILED', 'UNROUTABLE', 'TOPOLOGY_MISMATCH', 'TOPOLOGY_MISSING', 'OPTION_INVALID'],
  ...['BODY_UNDECODABLE', 'CAPABILITY_MISSING', 'CANVAS_UNSUPPORTED'],
])

/** No try can mend it. */
function isFinal(error: unknown): boolean {
  return isLovageError(error) && FINAL.has(error.code)
}

/** What sees to a failure is not for who waits for the answer: it is called however late it is. */
function timeless(request: TaskRequest): TaskRequest {
  return { ...request, custom: { ...request.custom, [DEADLINE_HEADER]: null } }
}
