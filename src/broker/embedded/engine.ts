import type { Clock } from '../../base/clock.ts'
import { DueHeap } from '../../base/due-heap.ts'
import { LovageError } from '../../base/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { BindingSpec, Destination, ExchangeSpec, QueueDepth, QueueSpec, Topology } from '../broker.ts'
import { unroutable } from '../publish-errors.ts'
import { exchangeMismatch, queueArguments, queueMismatch } from '../queue-arguments.ts'
import { checkHeaders } from './check-headers.ts'
import { type DeathReason, withDeath } from './death.ts'
import { Exchange } from './exchange.ts'
import { EngineQueue } from './queue.ts'
import { Session } from './session.ts'
import type { EngineDelivery, Settlement, Subscription } from './subscription.ts'
import type { Entry } from './waiting.ts'

/**
 * The embedded broker without its outside: queues, exchanges and who reads them, as one state machine. Every operation
 * is synchronous and time comes from the clock alone, so that a thread, a journal or a simulator can be put around it.
 */
export class Engine {
  #clock: Clock
  #sessions = new Set<Session>()
  #queues = new Map<string, EngineQueue>()
  #exchanges = new Map<string, Exchange>()
  /** Subscriptions to queues that were deleted under them: they go on when the queue is declared again. */
  #orphans = new Map<string, Set<Subscription>>()
  #dues: DueHeap
  #seq = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#dues = new DueHeap(clock, { unref: true })
  }

  /** Nobody is attached and nothing is here that anybody could miss. */
  get isUnused(): boolean {
    return this.#sessions.size === 0 && this.#queues.size === 0 && this.#exchanges.size === 0
  }

  attach(onQueueLost: (queue: string) => void): Session {
    const session = new Session(this, this.#clock, onQueueLost)
    this.#sessions.add(session)
    return session
  }

  detach(session: Session): void {
    this.#sessions.delete(session)
    for (const queue of this.#queues.values()) if (queue.owner === session) this.deleteQueue(queue.name)
  }

  /** @throws LovageError `TOPOLOGY_MISMATCH`, `TOPOLOGY_MISSING` */
  declare(topology: Topology, session: Session): void {
    for (const spec of topology.exchanges ?? []) this.#declareExchange(spec)
    for (const spec of topology.queues ?? []) this.#declareQueue(spec, session)
    for (const spec of topology.bindings ?? []) this.#bind(spec)
  }

  /** @throws LovageError `UNROUTABLE`, `PUBLISH_REFUSED` */
  publish(message: Message, to: Destination, mandatory: boolean): void {
    if (to.exchange === '') {
      const queue = this.#queues.get(to.routingKey)
      if (!queue && mandatory) throw unroutable(to)
      if (queue && !this.#enqueue(queue, message, to)) throw full(queue.name)
      return
    }
    const exchange = this.#exchanges.get(to.exchange)
    // As RabbitMQ: an exchange that is not there is an error even for a message that may be dropped.
    if (!exchange) throw unroutable(to)
    const names = exchange.route(to.routingKey)
    if (names.length === 0 && mandatory) throw unroutable(to)
    let refused: string | undefined
    for (const name of names) {
      if (!this.#enqueue(this.#queues.get(name) as EngineQueue, message, to)) refused = name
    }
    if (refused !== undefined) throw full(refused)
  }

  /** @throws LovageError `TOPOLOGY_MISSING`, `TOPOLOGY_MISMATCH` (another session's exclusive queue) */
  subscribe(subscription: Subscription): void {
    const { session } = subscription
    const queues = subscription.queueNames.map((name) => this.#usable(name, session))
    session.subscriptions.add(subscription)
    for (const queue of queues) this.#join(subscription, queue)
    // One turn later, so that whoever consumes holds the consumer before the first delivery.
    this.#clock.turn(() => {
      subscription.open = session.subscriptions.has(subscription)
      this.feed(subscription)
    })
  }

  unsubscribe(subscription: Subscription): void {
    for (const queue of subscription.queues.splice(0)) {
      queue.consumers.splice(queue.consumers.indexOf(subscription), 1)
      if (queue.consumers.length > 0 || queue.deleted) continue
      if (queue.spec.autoDelete) this.deleteQueue(queue.name)
      else this.#startLapse(queue)
    }
    for (const [name, orphans] of this.#orphans) {
      if (orphans.delete(subscription) && orphans.size === 0) this.#orphans.delete(name)
    }
  }

  /** The first waiting message, unsettled in the session's hands. */
  get(name: string, session: Session): EngineDelivery | undefined {
    const queue = this.#usable(name, session)
    this.#startLapse(queue)
    const entry = this.#take(queue)
    return entry && session.take(entry, queue)
  }

  /** What becomes of a delivery that its session let go. */
  settled(delivery: EngineDelivery, how: Settlement): void {
    const { entry, queue } = delivery.source
    if (how === 'reject') this.#bury(entry, queue, 'rejected')
    if (how !== 'requeue') return
    entry.redelivered = true
    this.giveBack(entry, queue)
    this.pump(queue)
  }

  /** Puts an entry back to its place, without handing it out. */
  giveBack(entry: Entry, queue: EngineQueue): void {
    if (queue.deleted) return
    queue.waiting.giveBack(entry)
    this.#watchExpiry(queue, entry.expiresAtMs)
  }

  /** Hands out what waits, to whoever has credit. */
  pump(queue: EngineQueue): void {
    while (queue.waiting.size > 0) {
      const subscription = queue.nextConsumer()
      if (!subscription || !this.#handNext(queue, subscription)) return
    }
  }

  /** Hands out to one subscription what its credit allows, from its queues in turn. */
  feed(subscription: Subscription): void {
    const { queues } = subscription
    for (let dry = 0; dry < queues.length && subscription.hasCredit;) {
      const queue = queues[subscription.next++ % queues.length] as EngineQueue
      if (queue.waiting.size > 0 && this.#handNext(queue, subscription)) dry = 0
      else dry++
    }
  }

  depth(name: string): QueueDepth | undefined {
    const queue = this.#queues.get(name)
    return queue && { queue: name, messages: queue.waiting.size, consumers: queue.consumers.length }
  }

  /** @throws LovageError `TOPOLOGY_MISSING` */
  purge(name: string, session: Session): number {
    const { waiting } = this.#usable(name, session)
    const { size } = waiting
    while (waiting.size > 0) waiting.shift()
    return size
  }

  /** Removes a queue and what waits in it; its consumers hear of it. */
  deleteQueue(name: string): void {
    const queue = this.#queues.get(name)
    if (!queue) return
    this.#queues.delete(name)
    queue.deleted = true
    queue.expiry?.cancel()
    queue.lapse?.cancel()
    for (const [exchangeName, exchange] of this.#exchanges) {
      if (exchange.unbind(name) && !exchange.isBound && exchange.spec.autoDelete) this.#exchanges.delete(exchangeName)
    }
    for (const subscription of queue.consumers.splice(0)) {
      subscription.queues.splice(subscription.queues.indexOf(queue), 1)
      this.#orphans.set(name, (this.#orphans.get(name) ?? new Set()).add(subscription))
      subscription.session.onQueueLost(name)
    }
  }

  #declareExchange(spec: ExchangeSpec): void {
    const there = this.#exchanges.get(spec.name)
    if (!there) return void this.#exchanges.set(spec.name, new Exchange(spec))
    const problem = exchangeMismatch(there.spec, spec)
    if (problem) throw new LovageError('TOPOLOGY_MISMATCH', { entity: `exchange ${spec.name}`, problem })
  }

  #declareQueue(spec: QueueSpec, session: Session): void {
    const there = this.#queues.get(spec.name)
    if (there) {
      const problem = queueMismatch(there.spec, spec) ?? there.problemFor(session)
      if (problem) throw new LovageError('TOPOLOGY_MISMATCH', { entity: `queue ${spec.name}`, problem })
      return this.#startLapse(there)
    }
    checkHeaders(queueArguments(spec), '$.arguments')
    const queue = new EngineQueue(spec, spec.exclusive ? session : undefined)
    this.#queues.set(spec.name, queue)
    const orphans = this.#orphans.get(spec.name)
    this.#orphans.delete(spec.name)
    for (const subscription of orphans ?? []) this.#join(subscription, queue)
    this.#startLapse(queue)
  }

  #bind({ exchange, queue, routingKey }: BindingSpec): void {
    if (!this.#queues.has(queue)) throw new LovageError('TOPOLOGY_MISSING', { entity: `queue ${queue}` })
    const there = this.#exchanges.get(exchange)
    if (!there) throw new LovageError('TOPOLOGY_MISSING', { entity: `exchange ${exchange}` })
    there.bind(queue, routingKey)
  }

  #usable(name: string, session: Session): EngineQueue {
    const queue = this.#queues.get(name)
    if (!queue) throw new LovageError('TOPOLOGY_MISSING', { entity: `queue ${name}` })
    const problem = queue.problemFor(session)
    if (problem) throw new LovageError('TOPOLOGY_MISMATCH', { entity: `queue ${name}`, problem })
    return queue
  }

  #join(subscription: Subscription, queue: EngineQueue): void {
    queue.lapse?.cancel()
    queue.lapse = undefined
    queue.consumers.push(subscription)
    subscription.queues.push(queue)
  }

  /** False when the queue is full and refuses. */
  #enqueue(queue: EngineQueue, message: Message, to: Destination): boolean {
    const ttlMs = Math.min(queue.messageTtlMs, message.expirationMs ?? Infinity)
    const entry: Entry = {
      message,
      exchange: to.exchange,
      routingKey: to.routingKey,
      seq: this.#seq++,
      expiresAtMs: ttlMs === Infinity ? Infinity : this.#clock.monotonic() + ttlMs,
      redelivered: false,
    }
    // Straight into waiting hands: also how a message with no time to wait, or for a queue of length 0, gets through.
    const reader = queue.waiting.size === 0 ? queue.nextConsumer() : undefined
    if (reader) {
      reader.session.hand(entry, queue, reader)
      return true
    }
    if (queue.waiting.size >= queue.maxLength && queue.refusesWhenFull) return false
    queue.waiting.push(entry)
    while (queue.waiting.size > queue.maxLength) this.#bury(queue.waiting.shift() as Entry, queue, 'maxlen')
    this.#watchExpiry(queue, entry.expiresAtMs)
    return true
  }

  #handNext(queue: EngineQueue, subscription: Subscription): boolean {
    const entry = this.#take(queue)
    if (entry) subscription.session.hand(entry, queue, subscription)
    return entry !== undefined
  }

  /** The next message that has not run out. */
  #take(queue: EngineQueue): Entry | undefined {
    for (let entry = queue.waiting.shift(); entry; entry = queue.waiting.shift()) {
      if (entry.expiresAtMs === Infinity || entry.expiresAtMs > this.#clock.monotonic()) {
        this.#watchExpiry(queue, queue.waiting.peek()?.expiresAtMs ?? Infinity)
        return entry
      }
      this.#bury(entry, queue, 'expired')
    }
    return undefined
  }

  /** One wait a queue, for the first message that runs out; those behind it are looked at when it fires. */
  #watchExpiry(queue: EngineQueue, expiresAtMs: number): void {
    if (expiresAtMs >= queue.expiryAtMs || queue.deleted) return
    queue.expiry?.cancel()
    queue.expiryAtMs = expiresAtMs
    queue.expiry = this.#dues.add(Math.max(0, expiresAtMs - this.#clock.monotonic()), () => {
      queue.expiryAtMs = Infinity
      for (const entry of queue.waiting.takeExpired(this.#clock.monotonic())) this.#bury(entry, queue, 'expired')
      this.#watchExpiry(queue, queue.waiting.nextExpiryMs())
    })
  }

  #startLapse(queue: EngineQueue): void {
    if (queue.spec.expiresMs === undefined || queue.consumers.length > 0) return
    queue.lapse?.cancel()
    queue.lapse = this.#dues.add(queue.spec.expiresMs, () => this.deleteQueue(queue.name))
  }

  /** The message is done with here; it goes to the queue's dead-letter exchange if it has one. */
  #bury(entry: Entry, queue: EngineQueue, reason: DeathReason): void {
    if (queue.deadExchange === undefined || queue.deleted) return
    const message = withDeath(entry, queue.name, reason, this.#clock.now())
    if (!message) return
    const to = { exchange: queue.deadExchange, routingKey: queue.deadRoutingKey ?? entry.routingKey }
    try {
      this.publish(message, to, false)
    } catch {
      // As RabbitMQ: a dead letter that no exchange or queue takes is gone.
    }
  }
}

function full(queue: string): LovageError {
  return new LovageError('PUBLISH_REFUSED', { problem: `queue ${queue} is full` })
}
