import { PassingSet } from '../../base/passing.ts'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { Engine } from './engine.ts'
import { EngineDelivery, type Settlement, type Subscription, type Until } from './subscription.ts'
import type { EngineQueue } from './queue.ts'
import type { Entry } from './waiting.ts'
import { sizeOfMessage } from './wire/packed-message.ts'

/** Deliveries on their way to one session's handlers; more wait in their queues. */
const OUTBOX_ROOM = 512

/** The same, for large ones: what is on its way is there twice. */
const OUTBOX_BYTES = 4 * 2 ** 20

/** Deliveries handed out in microtasks before timers and sockets get their turn. */
const DELIVERIES_A_TURN = 512

/** What one attached broker holds of an engine: its subscriptions, and the deliveries that it has not settled. */
export class Session {
  readonly subscriptions = new Set<Subscription>()
  #engine: Engine
  #clock: Clock
  #unsettled = new PassingSet<EngineDelivery>()
  #outbox: EngineDelivery[] = []
  #outboxBytes = 0
  #scheduled = false
  #sinceTurn = 0
  #ended = false
  #isBlocked = false
  #isPaused = false
  /** Called when a queue that is consumed here was deleted. */
  readonly onQueueLost: (queue: string) => void

  constructor(engine: Engine, clock: Clock, onQueueLost: (queue: string) => void) {
    this.#engine = engine
    this.#clock = clock
    this.onQueueLost = onQueueLost
  }

  get hasRoom(): boolean {
    return !this.#isOutboxFull && !this.#isBlocked && !this.#isPaused
  }

  /** Something that was handed out here is not settled. */
  get isHolding(): boolean {
    return this.#unsettled.size > 0
  }

  get #isOutboxFull(): boolean {
    return this.#outbox.length >= OUTBOX_ROOM || this.#outboxBytes >= OUTBOX_BYTES
  }

  /** Whoever stands behind the handlers cannot take more now. */
  setBlocked(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    if (!isBlocked) for (const subscription of this.subscriptions) this.#engine.feed(subscription)
  }

  /** It gets nothing more, for good. */
  pause(): void {
    this.#isPaused = true
  }

  /** Puts a message on its way to the subscription's handler. */
  hand(entry: Entry, queue: EngineQueue, subscription: Subscription): void {
    const delivery = new EngineDelivery(this, entry, queue, subscription)
    if (!subscription.noAck) {
      subscription.unsettled++
      this.#unsettled.add(delivery)
    }
    this.#engine.handed(entry, subscription.noAck)
    this.#outbox.push(delivery)
    this.#outboxBytes += sizeOfMessage(entry.message)
    this.#schedule()
  }

  /** Takes one message without a subscription. */
  take(entry: Entry, queue: EngineQueue): EngineDelivery {
    const delivery = new EngineDelivery(this, entry, queue, undefined)
    this.#unsettled.add(delivery)
    this.#engine.handed(entry, false)
    return delivery
  }

  /** It is not settled. */
  holds(delivery: EngineDelivery): boolean {
    return this.#unsettled.has(delivery)
  }

  /** False when it is no longer ours. */
  settle(delivery: EngineDelivery, how: Settlement | Until): boolean {
    if (!this.#unsettled.delete(delivery)) return false
    const { subscription } = delivery.source
    if (subscription) subscription.unsettled--
    this.#engine.settled(delivery, how)
    if (subscription) this.#engine.feed(subscription)
    return true
  }

  /** Ends a subscription. What is on its way to the handler goes back; what was handed over stays ours. */
  cancel(subscription: Subscription): void {
    if (!this.subscriptions.delete(subscription)) return
    subscription.open = false
    const kept: EngineDelivery[] = []
    const back: EngineDelivery[] = []
    for (const delivery of this.#outbox) (delivery.source.subscription === subscription ? back : kept).push(delivery)
    this.#outbox = kept
    for (const { message } of back) this.#outboxBytes -= sizeOfMessage(message)
    this.#giveBack(back)
    this.#engine.unsubscribe(subscription)
  }

  /** Ends everything: what is unsettled goes back to its queue, exclusive queues go. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    const unseen = new Set(this.#outbox)
    this.#outbox = []
    for (const subscription of this.subscriptions) subscription.open = false
    for (const delivery of this.#unsettled) if (!unseen.has(delivery)) delivery.source.entry.redelivered = true
    this.#giveBack([...new Set([...this.#unsettled, ...unseen])])
    for (const subscription of this.subscriptions) this.#engine.unsubscribe(subscription)
    this.subscriptions.clear()
    this.#engine.detach(this)
  }

  /** Newest first, which is the cheap order. */
  #giveBack(deliveries: EngineDelivery[]): void {
    deliveries.sort((a, b) => b.source.entry.seq - a.source.entry.seq)
    const queues = new Set<EngineQueue>()
    for (const delivery of deliveries) {
      const { entry, queue, subscription } = delivery.source
      if (this.#unsettled.delete(delivery) && subscription) subscription.unsettled--
      this.#engine.giveBack(entry, queue)
      queues.add(queue)
    }
    for (const queue of queues) this.#engine.pump(queue)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (this.#sinceTurn < DELIVERIES_A_TURN) return queueMicrotask(() => this.#flush())
    // A handler that acks at once is fed again in the same turn: without this, a long queue would starve all else.
    this.#sinceTurn = 0
    this.#clock.turn(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    const [batch, wasFull] = [this.#outbox, this.#isOutboxFull]
    this.#outbox = []
    this.#outboxBytes = 0
    this.#sinceTurn += batch.length
    for (let i = 0; i < batch.length; i++) {
      const delivery = batch[i] as EngineDelivery
      const { subscription } = delivery.source
      // A handler before it in this batch may have cancelled or stopped.
      if (!subscription?.open) {
        this.#giveBackUnseen(delivery)
        continue
      }
      try {
        subscription.onDelivery(delivery)
      } catch (error) {
        log('error', 'broker', 'delivery handler threw', { queue: delivery.queue, error: messageOf(error) })
      }
    }
    if (wasFull) for (const subscription of this.subscriptions) this.#engine.feed(subscription)
  }

  #giveBackUnseen(delivery: EngineDelivery): void {
    const { noAck } = delivery.source.subscription as Subscription
    if (noAck || this.#unsettled.has(delivery)) this.#giveBack([delivery])
  }
}
