import type { Expectation, ResultBackend } from '../backend/backend.ts'
import type { Clock } from '../base/clock.ts'
import { isLovageError, LovageError } from '../base/errors.ts'
import type { Broker, Destination } from '../broker/broker.ts'
import { publishAt } from '../broker/publish-at.ts'
import type { Call } from '../canvas/plan.ts'
import type { LamportClock } from '../fleet/lamport.ts'
import { pack } from '../protocol/compression.ts'
import type { Serialized } from '../protocol/serializer.ts'
import { isBare, NO_EMBED } from '../protocol/signature.ts'
import type { Message } from '../protocol/message.ts'
import { encodeTask, serializeBody, type TaskRequest } from '../protocol/task-message.ts'
import { AsyncResult, type Waiting } from './async-result.ts'
import { checkCallOptions, type CheckedCallOptions } from './call-options.ts'
import { assertStore, keepsMarks } from './capabilities.ts'
import { shown } from './check.ts'
import { currentTaskIfAny, type CurrentTask } from './current-task.ts'
import { type Circumstances, type Outgoing, outgoing, type Place, type Sendable } from './outgoing.ts'
import type { Hooks } from './hooks.ts'
import { afterPublish, beforePublish, type Publishing } from './publish-hooks.ts'
import { topologyOf } from './queues.ts'
import type { Route } from './routes.ts'
import { Sending } from './sending.ts'
import { SentEvents } from './sent-events.ts'
import type { Composes } from './signature.ts'
import { readCallOptions, stampsOf } from './signature-options.ts'
import type { Settings } from './settings.ts'
import type { StreamGround } from './stream-run.ts'

/** What an application talks through. */
export interface Client {
  readonly broker: Broker
  readonly backend: ResultBackend
}

/** How sending has gone so far, in this process. */
export interface SendCounts {
  /** Messages that the broker has. */
  readonly sent: number
  /** Sendings that failed. */
  readonly failed: number
  /** Those of them that nobody awaited. */
  readonly unawaited: number
}

type Kwargs = Readonly<Record<string, unknown>>

const NO_KWARGS: Kwargs = Object.freeze({})

const ONCE = 'A task that is sent with once'

/** Queues remembered as declared. Who sends to more queues than this declares some of them again. */
const MAX_DECLARED = 10_000

type Publish = (to: Destination) => Promise<void>

/** Publishes one message in one step with others. */
export type PublishWithOthers = (message: Message, to: Destination) => Promise<void>

/** What a call is sent by. */
export type Sends = Pick<Sender, 'send'> & Composes & { readonly stream: StreamGround }

/** Makes calls into messages and brings them to the broker. */
export class Sender {
  readonly counts = { sent: 0, failed: 0, unawaited: 0 }
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #waiting: Waiting
  readonly #hooks: Hooks
  /** True once it is there. */
  readonly #declared = new Map<string, Promise<void> | true>()

  /** Undefined: nothing is told. */
  readonly #sentEvents: SentEvents | undefined

  constructor(settings: Settings, clock: Clock, waiting: Waiting, hooks: Hooks, lamport: LamportClock) {
    this.#settings = settings
    this.#clock = clock
    this.#waiting = waiting
    this.#hooks = hooks
    this.#sentEvents = settings.sendSentEvent ? new SentEvents(clock, lamport) : undefined
  }

  /** Sends a call at once. */
  send<Result>(
    task: Sendable,
    args: readonly unknown[],
    kwargs: Kwargs = NO_KWARGS,
    options?: object,
  ): Sending<Result> {
    const { id, sent } = this.#begin<Result>(task, args, kwargs, options)
    return new Sending(task.name, id, sent, this.#clock, (what) => this.counts[what]++)
  }

  /** What is told of what was sent goes out first. */
  async close(): Promise<void> {
    await this.#sentEvents?.close()
  }

  #begin<Result>(
    task: Sendable,
    args: readonly unknown[],
    kwargs: Kwargs,
    options: object | undefined,
  ): { id: string; sent: Promise<AsyncResult<Result>> } {
    let call: Partial<CheckedCallOptions>
    try {
      call = checkCallOptions(task.name, options)
      checkCall(task.name, args, kwargs)
      if (call.once) assertStore(this.#settings, ONCE)
    } catch (error) {
      return { id: this.#clock.uuid(), sent: Promise.reject(error as Error) }
    }
    const id = call.taskId ?? this.#clock.uuid()
    return { id, sent: this.#send(task, id, args, call.kwargs ?? kwargs, call, currentTaskIfAny()) }
  }

  async #send<Result>(
    task: Sendable,
    id: string,
    args: readonly unknown[],
    kwargs: Kwargs,
    call: Partial<CheckedCallOptions>,
    current: CurrentTask | undefined,
  ): Promise<AsyncResult<Result>> {
    const { jsonTypes: types } = this.#settings
    // Encoded before the first wait: what the caller does to its objects afterwards must not change the message.
    const serializer = call.serializer ?? task.options.serializer
    const content = serializeBody(args, kwargs, NO_EMBED, { serializer, types })
    this.#limit(content.body)
    const checking = task.check?.(args, kwargs)
    if (checking) await checking
    const client = this.#waiting.clientIfOpen() ?? (await this.#waiting.client())
    const { backend } = client
    const going = this.#going(task, args, kwargs, call, { id, replyTo: backend.replyTo, current, content })
    const { route, expiresAtMs } = going
    const hooks = this.#hooks
    const about = (): Publishing => ({ ...route.destination, args, kwargs })
    const request = hooks.has('beforeTaskPublish') ? await beforePublish(hooks, going.request, about()) : going.request
    const publish = this.#publishing(client.broker, request, going)
    const expectation = request.ignoreResult ? undefined : await backend.expect(id)
    const sentAtMs = this.#clock.now()
    try {
      const published = this.#publish(client.broker, publish, route)
      // An id that the caller chose may be that of an older task, whose outcome would prove nothing.
      await (expectation && call.taskId === undefined ? taken(published, expectation) : published)
    } catch (error) {
      expectation?.close()
      throw error
    }
    this.counts.sent++
    this.#sentEvents?.tell(client.broker, request, route, sentAtMs)
    current?.sent(id)
    if (hooks.has('afterTaskPublish')) await afterPublish(hooks, request, about())
    const { ignoreResult: isIgnored } = request
    return new AsyncResult<Result>({ id, task: task.name, isIgnored, expiresAtMs, expectation }, this.#waiting)
  }

  /**
   * Brings a task of a canvas to the broker. Whoever wants to know how it ends listens for that before.
   * @param withOthers Used for what is due at once, and not when that has found no queue.
   */
  async deliver(
    task: Sendable,
    call: Call,
    around: Partial<Place> = {},
    withOthers?: PublishWithOthers,
  ): Promise<void> {
    const { args, kwargs, embed, id, rootId, parentId, group, groupIndex, replyTo = '' } = call
    const options = readCallOptions(call.options, task.name)
    if (options.once && !keepsMarks(this.#settings)) assertStore(this.#settings, ONCE)
    const serializer = options.serializer ?? task.options.serializer
    const content = serializeBody(args, kwargs, embed, { serializer, types: this.#settings.jsonTypes })
    this.#limit(content.body)
    const { broker } = this.#waiting.clientIfOpen() ?? (await this.#waiting.client())
    const { deadlineMs, trace } = around
    const place = { rootId, parentId, group, groupIndex, deadlineMs, trace, ...stampsOf(call.options, around) }
    const going = this.#going(task, args, kwargs, options, { id, replyTo, current: undefined, content, place })
    const hooks = this.#hooks
    const about = { ...going.route.destination, args, kwargs }
    const request = hooks.has('beforeTaskPublish') ? await beforePublish(hooks, going.request, about) : going.request
    // Dropped by the broker unseen, it would leave what follows it waiting for ever: a worker is to say that it has expired.
    const mayVanish = isBare(embed) && around.isAwaited !== true
    const sending = mayVanish ? going : { ...going, expirationMs: undefined }
    const sentAtMs = this.#clock.now()
    await this.#publish(broker, this.#publishing(broker, request, sending, withOthers), going.route)
    this.counts.sent++
    this.#sentEvents?.tell(broker, request, going.route, sentAtMs)
    if (hooks.has('afterTaskPublish')) await afterPublish(hooks, request, about)
  }

  #going(
    task: Sendable,
    args: readonly unknown[],
    kwargs: Kwargs,
    call: Partial<CheckedCallOptions>,
    {
      content,
      id,
      replyTo,
      current,
      place,
    }: Omit<Circumstances, 'nowMs' | 'written' | 'mark'> & { content: Serialized },
  ): Outgoing {
    const mark = call.once ? this.#clock.uuid() : undefined
    const compression = call.compression ?? task.options.compression
    const written = compression ? { ...content, ...pack(content.body, compression) } : content
    const nowMs = this.#clock.now()
    return outgoing(task, args, kwargs, call, { id, replyTo, current, place, mark, written, nowMs })
  }

  #publishing(
    broker: Broker,
    request: TaskRequest,
    { route, expirationMs, dueAtMs: atMs }: Outgoing,
    withOthers?: PublishWithOthers,
  ): Publish {
    const message = encodeTask(request, { expirationMs, deliveryMode: route.deliveryMode })
    let first = atMs === undefined ? withOthers : undefined
    return (to) => {
      const publish = first
      first = undefined
      return publish ? publish(message, to) : publishAt(broker, message, to, { atMs, nowMs: this.#clock.now() })
    }
  }

  /** Returns at once what the broker returns, as long as the queue is known to be there. */
  #publish(broker: Broker, publish: Publish, { queue, destination }: Route): Promise<void> {
    if (queue === undefined) return publish(destination)
    if (this.#declared.get(queue) !== true) return this.#declareAndPublish(broker, publish, queue, destination)
    return publish(destination).catch((error: unknown) => {
      // Somebody deleted the queue since we declared it.
      if (!isLovageError(error, 'UNROUTABLE')) throw error
      this.#declared.delete(queue)
      return this.#declareAndPublish(broker, publish, queue, destination)
    })
  }

  async #declareAndPublish(broker: Broker, publish: Publish, queue: string, destination: Destination): Promise<void> {
    await this.#declare(broker, queue)
    await publish(destination)
  }

  #declare(broker: Broker, queue: string): Promise<void> | true {
    const known = this.#declared.get(queue)
    if (known) return known
    const declaring = broker.declare(topologyOf(this.#settings, queue))
    this.#declared.set(queue, declaring)
    declaring.then(
      () => {
        if (this.#declared.get(queue) === declaring) this.#declared.set(queue, true)
      },
      () => this.#declared.delete(queue),
    )
    if (this.#declared.size > MAX_DECLARED) this.#forgetOldest()
    return declaring
  }

  #forgetOldest(): void {
    for (const oldest of this.#declared.keys()) return void this.#declared.delete(oldest)
  }

  #limit(body: Uint8Array): void {
    const { maxMessageBytes: limit } = this.#settings
    if (body.length > limit) throw new LovageError('MESSAGE_TOO_LARGE', { size: body.length, limit })
  }
}

/**
 * Resolves when the broker has confirmed the message, or when something is heard of its task, which proves as much: a
 * confirmation waits for the disk, or for the worker's acknowledgement, and comes behind the result of a quick task.
 */
function taken(published: Promise<void>, expectation: Expectation): Promise<void> {
  return new Promise((resolve, reject) => {
    expectation.onFirst(resolve)
    published.then(resolve, reject)
  })
}

/** What the types rule out can still come from JavaScript, and Python would choke on it far away from here. */
function checkCall(name: unknown, args: unknown, kwargs: unknown): void {
  const invalid = (option: string, value: unknown, what: string, fix: string): LovageError =>
    new LovageError('OPTION_INVALID', {
      option,
      where: `a call of ${shown(name)}`,
      problem: `must be ${what}, and is ${shown(value)}`,
      fix,
    })
  if (typeof name !== 'string' || name === '') throw invalid('name', name, 'a text that is not empty', 'Name the task')
  if (!Array.isArray(args)) throw invalid('args', args, 'a list', 'Write the arguments as a list: [2, 3]')
  if (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs)) {
    throw invalid('kwargs', kwargs, 'an object', 'Write the arguments by name: { x: 2, y: 3 }')
  }
}
