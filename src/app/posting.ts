import type { Clock } from '../base/clock.ts'
import { isLovageError } from '../base/errors.ts'
import type { Broker, Destination } from '../broker/broker.ts'
import { publishAt } from '../broker/publish-at.ts'
import type { Message } from '../protocol/message.ts'
import { encodeTask, type TaskRequest } from '../protocol/task-message.ts'
import type { Outgoing } from './outgoing.ts'
import { topologyOf } from './queues.ts'
import type { Route } from './routes.ts'
import type { Settings } from './settings.ts'

/** Queues remembered as declared. Who sends to more queues than this declares some of them again. */
const MAX_DECLARED = 10_000

/** Publishes one message in one step with others. */
export type PublishWithOthers = (message: Message, to: Destination) => Promise<void>

/** One message on its way to the broker. */
export interface Posting {
  readonly message: Message
  /** Epoch ms; undefined: at once. */
  readonly atMs: number | undefined
  /** Used once. */
  withOthers: PublishWithOthers | undefined
  /** Its queue was declared just for it. */
  isDeclaredFor: boolean
}

/** Brings messages to the broker, and declares their queues before. */
export class Post {
  readonly #settings: Settings
  readonly #clock: Clock
  /** True once it is there. */
  readonly #declared = new Map<string, Promise<void> | true>()

  constructor(settings: Settings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  /** Returns at once what the broker returns, as long as the queue is known to be there. */
  publish(broker: Broker, posting: Posting, { queue, destination }: Route): Promise<void> {
    if (queue === undefined || this.#declared.get(queue) === true) return this.#post(broker, posting, destination)
    return this.#declareAndPublish(broker, posting, queue, destination)
  }

  /** The same, and again where that is of use. */
  publishSurely(broker: Broker, posting: Posting, route: Route): Promise<void> {
    return this.publish(broker, posting, route).catch((error: unknown) =>
      this.publishAgain(error, broker, posting, route),
    )
  }

  /** Somebody deleted the queue since we declared it. What else there is cannot be mended. */
  async publishAgain(error: unknown, broker: Broker, posting: Posting, { queue, destination }: Route): Promise<void> {
    if (queue === undefined || posting.isDeclaredFor || !isLovageError(error, 'UNROUTABLE')) throw error
    this.#declared.delete(queue)
    await this.#declareAndPublish(broker, posting, queue, destination)
  }

  #post(broker: Broker, posting: Posting, to: Destination): Promise<void> {
    const { message, atMs, withOthers } = posting
    posting.withOthers = undefined
    if (withOthers) return withOthers(message, to)
    if (atMs === undefined) return broker.publish(message, to)
    return publishAt(broker, message, to, { atMs, nowMs: this.#clock.now() })
  }

  async #declareAndPublish(broker: Broker, posting: Posting, queue: string, destination: Destination): Promise<void> {
    posting.isDeclaredFor = true
    await this.#declare(broker, queue)
    await this.#post(broker, posting, destination)
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
}

/** The message of a request. */
export function postingOf(
  request: TaskRequest,
  { route, expirationMs, dueAtMs: atMs }: Outgoing,
  withOthers?: PublishWithOthers,
): Posting {
  const message = encodeTask(request, { expirationMs, deliveryMode: route.deliveryMode })
  return { message, atMs, withOthers: atMs === undefined ? withOthers : undefined, isDeclaredFor: false }
}
