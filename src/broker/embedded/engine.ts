import type { Clock } from '../../base/clock.ts'
import { LovageError } from '../../base/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { BindingSpec, Destination, QueueDepth, QueueSpec, Topology } from '../broker.ts'
import { queueFull, unroutable } from '../publish-errors.ts'
import { queueMismatch } from '../queue-arguments.ts'
import { Aging } from './aging.ts'
import { checkQueue } from '../check-message.ts'
import { type DeathReason, deadLetterOf } from './death.ts'
import { Delayed } from './delayed.ts'
import type { Ledger } from './ledger.ts'
import { Orphans } from './orphans.ts'
import { EngineQueue } from './queue.ts'
import { Session } from './session.ts'
import type { EngineDelivery, Settlement, Subscription, Until } from './subscription.ts'
import { Switchboard } from './switchboard.ts'
import type { Entry } from './waiting.ts'

/**
 * The embedded broker without its outside: queues, exchanges and who reads them, as one state machine. Every operation
 * is synchronous and time comes from the clock alone, so that a thread, a journal or a simulator can be put around it.
 */
export class Engine {
  readonly delayed: Delayed
  #clock: Clock
  #sessions = new Set<Session>()
  #queues = new Map<string, EngineQueue>()
  #switchboard: Switchboard
  #orphans = new Orphans()
  #aging: Aging
  #ledger: Ledger | undefined
  #seq = 0

  /** `ledger` is told of everything that must outlive the engine; without one nothing does. */
  constructor(clock: Clock, ledger?: Ledger) {
    this.#clock = clock
    this.#ledger = ledger
    this.#switchboard = new Switchboard(ledger)
    // It was confirmed long ago, so a full queue takes it too.
    this.delayed = new Delayed(clock, ledger, (entry, queue) => this.admit(entry, queue, false))
    this.#aging = new Aging(clock, {
      expired: (entry, queue) => this.#bury(entry, queue, 'expired'),
      lapsed: (queue) => this.deleteQueue(queue.name),
    })
  }

  /** Nobody is attached and nothing is here that anybody could miss. */
  get isUnused(): boolean {
    return this.#sessions.size === 0 && this.#queues.size === 0 && this.#switchboard.isEmpty
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
    for (const spec of topology.exchanges ?? []) this.#switchboard.declare(spec)
    for (const spec of topology.queues ?? []) this.#declareQueue(spec, session)
    for (const spec of topology.bindings ?? []) this.#bind(spec)
  }

  /** With `dueAtMs`, epoch ms, it waits until then. @throws LovageError `UNROUTABLE`, `PUBLISH_REFUSED` */
  publish(message: Message, to: Destination, mandatory: boolean, dueAtMs?: number): void {
    let refused: EngineQueue | undefined
    for (const queue of this.route(to, mandatory)) {
      const entry = this.prepare(message, to, queue, dueAtMs)
      this.#ledger?.put(entry, queue)
      if (!this.admit(entry, queue)) refused = queue
    }
    if (refused) throw queueFull(refused.name)
  }

  /**
   * The queues that take a message.
   * @throws LovageError `UNROUTABLE`
   */
  route(to: Destination, mandatory: boolean): readonly EngineQueue[] {
    if (to.exchange === '') {
      const queue = this.#queues.get(to.routingKey)
      if (!queue && mandatory) throw unroutable(to)
      return queue ? [queue] : []
    }
    return this.#switchboard.route(to, mandatory).map((name) => this.#queues.get(name) as EngineQueue)
  }

  /** A message as it will stand in a queue. It takes its place in the order here, and is nowhere yet. */
  prepare(message: Message, to: Destination, queue: EngineQueue, dueAtMs?: number): Entry {
    const ttlMs = Math.min(queue.messageTtlMs, message.expirationMs ?? Infinity)
    const { exchange, routingKey } = to
    const expiresAtMs = dueAtMs === undefined ? this.#clock.monotonic() + ttlMs : Infinity
    return { message, exchange, routingKey, seq: this.#seq++, expiresAtMs, dueAtMs, redelivered: false }
  }

  /** Puts a prepared message into its queue, or straight into waiting hands. False when the queue is full and refuses. */
  admit(entry: Entry, queue: EngineQueue, mayRefuse = true): boolean {
    if (this.delayed.takes(entry, queue)) return true
    // Also how a message with no time to wait, or for a queue of length 0, gets through.
    const reader = queue.waiting.size === 0 ? queue.nextConsumer() : undefined
    if (reader) {
      reader.session.hand(entry, queue, reader)
      return true
    }
    if (queue.deleted || (mayRefuse && queue.waiting.size >= queue.maxLength && queue.refusesWhenFull)) {
      this.#ledger?.removed(entry)
      return queue.deleted
    }
    queue.waiting.push(entry)
    while (queue.waiting.size > queue.maxLength && !queue.refusesWhenFull)
      this.#bury(queue.waiting.shift() as Entry, queue, 'maxlen')
    this.#aging.watch(queue, entry.expiresAtMs)
    return true
  }

  /** No message has a number up to this one from now on. */
  continueAfter(seq: number): void {
    this.#seq = Math.max(this.#seq, seq + 1)
  }

  /** Puts back what outlived an earlier engine, oldest first, before anybody is attached. The queue must be there. */
  restore(entry: Entry, name: string): EngineQueue {
    const queue = this.#queues.get(name) as EngineQueue
    if (this.delayed.takes(entry, queue)) return queue
    queue.waiting.push(entry)
    this.#aging.watch(queue, entry.expiresAtMs)
    return queue
  }

  /** A message goes into somebody's hands; `isDone` when that settles it. */
  handed(entry: Entry, isDone: boolean): void {
    if (isDone) this.#ledger?.removed(entry)
    else this.#ledger?.handed(entry)
  }

  /**
   * `isAgain`: it went on before, on an engine that is no more. Queues that are gone are read once they are there.
   * @throws LovageError `TOPOLOGY_MISSING`, `TOPOLOGY_MISMATCH` (another session's exclusive queue)
   */
  subscribe(subscription: Subscription, isAgain = false): void {
    const { session, queueNames } = subscription
    const there = isAgain ? queueNames.filter((name) => this.#queues.has(name)) : queueNames
    const queues = there.map((name) => this.#usable(name, session))
    session.subscriptions.add(subscription)
    for (const queue of queues) this.#join(subscription, queue)
    for (const name of queueNames) if (!there.includes(name)) this.#orphans.add(name, subscription)
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
      else this.#aging.startLapse(queue)
    }
    this.#orphans.forget(subscription)
  }

  /** The first waiting message, unsettled in the session's hands. */
  get(name: string, session: Session): EngineDelivery | undefined {
    const queue = this.#usable(name, session)
    this.#aging.startLapse(queue)
    const entry = this.#aging.take(queue)
    return entry && session.take(entry, queue)
  }

  /** What becomes of a delivery that its session let go. */
  settled(delivery: EngineDelivery, how: Settlement | Until): void {
    const { entry, queue } = delivery.source
    if (typeof how === 'object') return this.delayed.keep(entry, queue, how)
    if (how === 'reject') return this.#bury(entry, queue, 'rejected')
    if (how === 'ack') return this.#ledger?.removed(entry)
    if (how === 'requeue') entry.redelivered = true
    this.giveBack(entry, queue)
    this.pump(queue)
  }

  /** Puts an entry back to its place, without handing it out. */
  giveBack(entry: Entry, queue: EngineQueue): void {
    if (queue.deleted) return this.#ledger?.removed(entry)
    queue.waiting.giveBack(entry)
    this.#aging.watch(queue, entry.expiresAtMs)
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
    if (!queue) return undefined
    const { waiting, consumers } = queue
    return { queue: name, messages: waiting.size, consumers: consumers.length, ...this.delayed.depth(name) }
  }

  /** @throws LovageError `TOPOLOGY_MISSING` */
  purge(name: string, session: Session): number {
    const { waiting } = this.#usable(name, session)
    const { size } = waiting
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) this.#ledger?.removed(entry)
    return size
  }

  /** Removes a queue and what waits in it or for it; its consumers hear of it. */
  deleteQueue(name: string): void {
    const queue = this.#queues.get(name)
    if (!queue) return
    this.#queues.delete(name)
    queue.deleted = true
    queue.expiry?.cancel()
    queue.lapse?.cancel()
    this.delayed.purge(name)
    this.#ledger?.queueDeleted(queue)
    this.#switchboard.forget(name)
    for (const subscription of queue.consumers.splice(0)) {
      subscription.queues.splice(subscription.queues.indexOf(queue), 1)
      this.#orphans.add(name, subscription)
      subscription.session.onQueueLost(name)
    }
  }

  #declareQueue(spec: QueueSpec, session: Session): void {
    const there = this.#queues.get(spec.name)
    if (there) {
      const problem = queueMismatch(there.spec, spec) ?? there.problemFor(session)
      if (problem) throw new LovageError('TOPOLOGY_MISMATCH', { entity: `queue ${spec.name}`, problem })
      return this.#aging.startLapse(there)
    }
    checkQueue(spec)
    const queue = new EngineQueue(spec, spec.exclusive ? session : undefined)
    this.#queues.set(spec.name, queue)
    for (const subscription of this.#orphans.take(spec.name)) this.#join(subscription, queue)
    this.#ledger?.queueDeclared(queue)
    this.#aging.startLapse(queue)
  }

  #bind(binding: BindingSpec): void {
    const { queue } = binding
    if (!this.#queues.has(queue)) throw new LovageError('TOPOLOGY_MISSING', { entity: `queue ${queue}` })
    this.#switchboard.bind(binding)
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

  #handNext(queue: EngineQueue, subscription: Subscription): boolean {
    const entry = this.#aging.take(queue)
    if (entry) subscription.session.hand(entry, queue, subscription)
    return entry !== undefined
  }

  /** The message is done with here; it goes to the queue's dead-letter exchange if it has one. */
  #bury(entry: Entry, queue: EngineQueue, reason: DeathReason): void {
    const letter = deadLetterOf(entry, queue, reason, this.#clock.now())
    try {
      if (letter) this.publish(letter.message, letter.to, false)
    } catch {
      // As RabbitMQ: a dead letter that no exchange or queue takes is gone.
    }
    // Last, so that there is no instant at which it is written down nowhere.
    this.#ledger?.removed(entry)
  }
}
