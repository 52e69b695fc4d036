import type { Clock } from '../base/clock.ts'
import type { Broker } from '../broker/broker.ts'
import { Emitter } from '../fleet/emitter.ts'
import type { LamportClock } from '../fleet/lamport.ts'
import type { TaskRequest } from '../protocol/task-message.ts'
import { ORIGIN } from './outgoing.ts'
import type { Route } from './routes.ts'

/** Tells of each task that this process has sent: Celery's `task-sent`, one message each, as Celery's clients do. */
export class SentEvents {
  readonly #emitter: Emitter
  #broker: Broker | undefined

  constructor(clock: Clock, lamport: LamportClock) {
    this.#emitter = new Emitter({ clock, lamport, hostname: ORIGIN })
  }

  /** The broker has the message of a task, which was given to it then. Nothing waits for this, and nothing fails with it. */
  tell(broker: Broker, request: TaskRequest, { queue, destination }: Route, sentAtMs: number): void {
    if (this.#broker !== broker) this.#emitter.open(broker)
    this.#broker = broker
    const { id: uuid, task, shadow, rootId, parentId, argsrepr: args, kwargsrepr: kwargs, retries } = request
    const { eta, expires } = request
    const { exchange, routingKey } = destination
    const fields = {
      uuid,
      root_id: rootId,
      parent_id: parentId,
      name: shadow ?? task,
      args,
      kwargs,
      retries,
      eta,
      expires,
      queue: queue ?? null,
      exchange,
      routing_key: routingKey,
    }
    // When it was given to the broker: a worker may have begun with it before the broker has confirmed.
    this.#emitter.tell('task-sent', fields, sentAtMs)
  }

  /** Resolves when all are told that can be. */
  async close(): Promise<void> {
    this.#broker = undefined
    await this.#emitter.close()
  }
}
