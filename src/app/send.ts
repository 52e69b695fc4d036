import type { ResultBackend } from '../backend/backend.ts'
import type { Clock } from '../base/clock.ts'
import { LovageError } from '../base/errors.ts'
import type { Broker } from '../broker/broker.ts'
import type { Call } from '../canvas/plan.ts'
import type { LamportClock } from '../fleet/lamport.ts'
import { pack } from '../protocol/compression.ts'
import type { Serialized } from '../protocol/serializer.ts'
import { isBare, NO_EMBED } from '../protocol/signature.ts'
import { serializeBody, type TaskRequest } from '../protocol/task-message.ts'
import { AsyncResult, type Waiting } from './async-result.ts'
import { checkCallOptions, type CheckedCallOptions } from './call-options.ts'
import { assertStore, keepsMarks } from './capabilities.ts'
import { checkCall } from './check-call.ts'
import { currentTaskIfAny, type CurrentTask } from './current-task.ts'
import { type Circumstances, type Outgoing, outgoing, type Place, type Sendable } from './outgoing.ts'
import type { Hooks } from './hooks.ts'
import { Post, postingOf, type PublishWithOthers } from './posting.ts'
import { afterPublish, beforePublish, type Publishing } from './publish-hooks.ts'
import { taken } from './taken.ts'
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

/** What is sent, and with what. */
interface Asked {
  readonly task: Sendable
  readonly id: string
  readonly args: readonly unknown[]
  readonly kwargs: Kwargs
  readonly call: Partial<CheckedCallOptions>
  readonly content: Serialized
  readonly current: CurrentTask | undefined
}

/** What a call is sent by. */
export type Sends = Pick<Sender, 'send'> & Composes & { readonly stream: StreamGround }

/** Makes calls into messages and brings them to the broker. */
export class Sender {
  readonly counts = { sent: 0, failed: 0, unawaited: 0 }
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #waiting: Waiting
  readonly #hooks: Hooks
  readonly #post: Post
  readonly #onFailed = (what: 'failed' | 'unawaited'): void => void this.counts[what]++

  /** Undefined: nothing is told. */
  readonly #sentEvents: SentEvents | undefined

  constructor(settings: Settings, clock: Clock, waiting: Waiting, hooks: Hooks, lamport: LamportClock) {
    this.#settings = settings
    this.#clock = clock
    this.#waiting = waiting
    this.#hooks = hooks
    this.#post = new Post(settings, clock)
    this.#sentEvents = settings.sendSentEvent ? new SentEvents(clock, lamport) : undefined
  }

  /** Sends a call at once. */
  send<Result>(
    task: Sendable,
    args: readonly unknown[],
    kwargs: Kwargs = NO_KWARGS,
    options?: object,
  ): Sending<Result> {
    let id: string | undefined
    let sent: Promise<AsyncResult<Result>>
    try {
      const call = checkCallOptions(task.name, options)
      checkCall(task.name, args, kwargs)
      if (call.once) assertStore(this.#settings, ONCE)
      id = call.taskId ?? this.#clock.uuid()
      sent = this.#begin(task, id, args, call.kwargs ?? kwargs, call)
    } catch (error) {
      sent = Promise.reject(error as Error)
    }
    return new Sending(task.name, id ?? this.#clock.uuid(), sent, this.#clock, this.#onFailed)
  }

  /** What is told of what was sent goes out first. */
  async close(): Promise<void> {
    await this.#sentEvents?.close()
  }

  #begin<Result>(
    task: Sendable,
    id: string,
    args: readonly unknown[],
    kwargs: Kwargs,
    call: Partial<CheckedCallOptions>,
  ): Promise<AsyncResult<Result>> {
    const { jsonTypes: types } = this.#settings
    // Encoded before the first wait: what the caller does to its objects afterwards must not change the message.
    const serializer = call.serializer ?? task.options.serializer
    const content = serializeBody(args, kwargs, NO_EMBED, { serializer, types })
    this.#limit(content.body)
    const checking = task.check?.(args, kwargs)
    const client = this.#waiting.clientIfOpen()
    const asked = { task, id, args, kwargs, call, content, current: currentTaskIfAny() }
    if (checking || !client) return this.#sendWhenOpen(asked, checking)
    return this.#send(asked, client)
  }

  async #sendWhenOpen<Result>(asked: Asked, checking: void | Promise<void>): Promise<AsyncResult<Result>> {
    if (checking) await checking
    return await this.#send<Result>(asked, this.#waiting.clientIfOpen() ?? (await this.#waiting.client()))
  }

  /** Not async as far as nothing is to be waited for but the broker: each frame of an async function costs as much as a message. */
  #send<Result>(asked: Asked, client: Client): Promise<AsyncResult<Result>> {
    const { task, id, args, kwargs, call, content, current } = asked
    const { broker, backend } = client
    const going = this.#going(task, args, kwargs, call, { id, replyTo: backend.replyTo, current, content })
    const hooks = this.#hooks
    const isHooked = hooks.has('beforeTaskPublish') || hooks.has('afterTaskPublish')
    if (isHooked || !going.request.ignoreResult) return this.#sendExpecting(asked, client, going)
    const { route, expiresAtMs } = going
    const posting = postingOf(going.request, going)
    const tell = this.#telling(broker, going.request, route)
    const sent = (): AsyncResult<Result> => {
      this.counts.sent++
      tell?.()
      current?.sent(id)
      return new AsyncResult<Result>({ id, task: task.name, isIgnored: true, expiresAtMs }, this.#waiting)
    }
    return this.#post
      .publish(broker, posting, route)
      .then(sent, (error: unknown) => this.#post.publishAgain(error, broker, posting, route).then(sent))
  }

  async #sendExpecting<Result>(
    { task, id, args, kwargs, call, current }: Asked,
    { broker, backend }: Client,
    going: Outgoing,
  ): Promise<AsyncResult<Result>> {
    const { route, expiresAtMs } = going
    const hooks = this.#hooks
    const about = (): Publishing => ({ ...route.destination, args, kwargs })
    const request = hooks.has('beforeTaskPublish') ? await beforePublish(hooks, going.request, about()) : going.request
    // An id that the caller chose may be that of an older task, whose outcome would prove nothing.
    const isNew = call.taskId === undefined
    const expectation = request.ignoreResult ? undefined : await backend.expect(id, isNew)
    const tell = this.#telling(broker, request, route)
    try {
      const published = this.#post.publishSurely(broker, postingOf(request, going), route)
      await (expectation && isNew ? taken(published, expectation) : published)
    } catch (error) {
      expectation?.close()
      throw error
    }
    this.counts.sent++
    tell?.()
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
    const tell = this.#telling(broker, request, going.route)
    await this.#post.publishSurely(broker, postingOf(request, sending, withOthers), going.route)
    this.counts.sent++
    tell?.()
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

  /** Tells of a message that is given to the broker now, once the broker has it. Undefined: nobody is told. */
  #telling(broker: Broker, request: TaskRequest, route: Route): (() => void) | undefined {
    const events = this.#sentEvents
    if (!events) return undefined
    const sentAtMs = this.#clock.now()
    return () => events.tell(broker, request, route, sentAtMs)
  }

  #limit(body: Uint8Array): void {
    const { maxMessageBytes: limit } = this.#settings
    if (body.length > limit) throw new LovageError('MESSAGE_TOO_LARGE', { size: body.length, limit })
  }
}
