import type { Due } from '../../base/due-heap.ts'
import type { QueueSpec } from '../broker.ts'
import type { Session } from './session.ts'
import type { Subscription } from './subscription.ts'
import { Waiting } from './waiting.ts'

/** One queue of the engine: what waits in it and who reads it. */
export class EngineQueue {
  readonly name: string
  readonly spec: QueueSpec
  /** The only session that may use it, when it is exclusive. */
  readonly owner: Session | undefined
  readonly waiting: Waiting
  readonly consumers: Subscription[] = []
  /** Longest life of a waiting message; Infinity is for ever. */
  readonly messageTtlMs: number
  readonly maxLength: number
  readonly refusesWhenFull: boolean
  readonly deadExchange: string | undefined
  readonly deadRoutingKey: string | undefined
  /** When its first messages run out. */
  expiry: Due | undefined
  expiryAtMs = Infinity
  /** When it goes for want of consumers. */
  lapse: Due | undefined
  deleted = false
  #next = 0

  constructor(spec: QueueSpec, owner: Session | undefined) {
    this.name = spec.name
    this.spec = spec
    this.owner = owner
    this.waiting = new Waiting(spec.maxPriority ?? 0)
    this.messageTtlMs = spec.messageTtlMs ?? Infinity
    this.maxLength = spec.maxLength ?? Infinity
    this.refusesWhenFull = spec.arguments?.['x-overflow'] === 'reject-publish'
    this.deadExchange = textArgument(spec, 'x-dead-letter-exchange')
    this.deadRoutingKey = textArgument(spec, 'x-dead-letter-routing-key')
  }

  /** Why this session may not use it, in words; undefined when it may. */
  problemFor(session: Session): string | undefined {
    return this.owner && this.owner !== session ? 'it is exclusive to another connection' : undefined
  }

  /** The next consumer, in turn, that can take a message now. */
  nextConsumer(): Subscription | undefined {
    for (let tried = 0; tried < this.consumers.length; tried++) {
      const consumer = this.consumers[this.#next++ % this.consumers.length] as Subscription
      if (consumer.hasCredit) return consumer
    }
    return undefined
  }
}

function textArgument(spec: QueueSpec, name: string): string | undefined {
  const value = spec.arguments?.[name]
  return typeof value === 'string' ? value : undefined
}
