import { isDeepStrictEqual } from 'node:util'
import type { Destination } from '../../broker/broker.ts'
import type { QueueDeclaration } from '../../broker/open.ts'
import type { Message } from '../../protocol/message.ts'
import type { FaultKit } from './faults.ts'
import type { MessageWatch } from './ledger.ts'
import { ChannelFault, RabbitChannel, type ChannelSink } from './rabbit-channel.ts'
import { RabbitExchanges } from './rabbit-exchanges.ts'
import { type RabbitConsumer, type RabbitEntry, RabbitQueue } from './rabbit-queue.ts'
import type { Timeline } from './timeline.ts'

/** What can be heard of one connection. */
interface Connection {
  /** The server is gone. */
  readonly onDown: () => void
}

/** Between tries to move on what has expired to a queue that is not there. */
const MOVE_AGAIN_MS = 1_000

/** Longest time until a message, or an acknowledgement, is on disk. */
const FSYNC_MS = 8

/**
 * A model of RabbitMQ, as far as Lovage uses it: exchanges, bound to each other too, classic queues, credit, confirmations,
 * returns, redelivery, priorities, expiry of messages and queues, dead-letter exchanges of what expires, queue lengths,
 * faults that close a channel, and death with what was on disk. Not there: queues that refuse, alarms, and bytes.
 */
export class RabbitServer {
  readonly kit: FaultKit
  readonly #timeline: Timeline
  readonly #watch: MessageWatch
  readonly #queues = new Map<string, RabbitQueue>()
  readonly exchanges = new RabbitExchanges()
  readonly #connections = new Map<Connection, Set<RabbitChannel>>()
  #isUp = true
  /** Counts its lives: what one life has planned is nothing to the next. */
  #life = 0
  #seq = 0

  constructor(timeline: Timeline, kit: FaultKit, watch: MessageWatch) {
    this.#timeline = timeline
    this.kit = kit
    this.#watch = watch
  }

  get isUp(): boolean {
    return this.#isUp
  }

  /** Does it, unless the server dies before. */
  later(ms: number, fn: () => void): void {
    const life = this.#life
    this.#timeline.at(this.#timeline.monotonic() + ms, () => this.#life === life && fn())
  }

  connect(connection: Connection): void {
    this.#connections.set(connection, new Set())
  }

  disconnect(connection: Connection): void {
    const channels = this.#connections.get(connection)
    if (!channels) return
    this.#connections.delete(connection)
    for (const channel of channels) channel.end()
    for (const queue of this.#queues.values()) if (queue.owner === connection) this.deleteQueue(queue.name)
  }

  openChannel(connection: Connection, sink: ChannelSink): RabbitChannel {
    const channel = new RabbitChannel(this, connection, sink)
    this.#connections.get(connection)?.add(channel)
    return channel
  }

  closeChannel(connection: Connection, channel: RabbitChannel): void {
    this.#connections.get(connection)?.delete(channel)
    channel.end()
  }

  /** Dies. What is on disk is there in its next life. */
  crash(): void {
    const nowMs = this.#timeline.monotonic()
    const unacked = [...this.#connections.values()].flatMap((channels) =>
      [...channels].flatMap((one) => [...one.unacked]),
    )
    this.#isUp = false
    this.#life++
    const gone = [...this.#connections.keys()]
    this.#connections.clear()
    for (const { entry, queue } of unacked) {
      entry.redelivered = true
      queue.put(entry)
    }
    for (const queue of [...this.#queues.values()]) {
      queue.consumers.length = 0
      for (const [entry, isTaken] of queue.moving) {
        queue.put(entry)
        // What it was moved to has it as well.
        if (isTaken) this.#watch.accepted(entry.message, queue.name)
      }
      queue.moving.clear()
      if (!queue.spec.durable) {
        this.#forget(queue)
        continue
      }
      const kept = queue.ready.splice(0).filter((entry) => {
        const isKept = entry.message.deliveryMode === 2 && (entry.isSafe || this.kit.between(0, 1) < 0.5)
        if (!isKept) this.#watch.dropped(entry.message, queue.name)
        return isKept
      })
      for (const entry of kept) queue.put(entry)
      for (const { entry, atMs } of queue.lately.splice(0)) {
        // Its acknowledgement was not on disk: it is there again.
        if (entry.message.deliveryMode !== 2 || nowMs - atMs > FSYNC_MS || this.kit.between(0, 1) < 0.5) continue
        entry.redelivered = true
        queue.put(entry)
        this.#watch.accepted(entry.message, queue.name)
      }
    }
    this.exchanges.crash()
    for (const { onDown } of gone) onDown()
  }

  boot(): void {
    this.#isUp = true
    for (const queue of this.#queues.values()) this.pump(queue)
  }

  /** Returns how long it takes until the message is safe. `isMoved`: it is one copy with another that goes for it. */
  publish(message: Message, to: Destination, onUnroutable: () => void, isMoved = false): number {
    const names = this.exchanges.route(to)
    const queues = names.map((name) => this.#queues.get(name)).filter((queue) => queue !== undefined)
    if (queues.length === 0) onUnroutable()
    let safeInMs = 0
    let isKnown = isMoved
    for (const queue of queues) {
      // Nothing is ever in it.
      if (queue.maxLength === 0) continue
      const isKept = queue.spec.durable && message.deliveryMode === 2
      const entry: RabbitEntry = {
        message,
        ...to,
        seq: this.#seq++,
        expiresAtMs: this.#timeline.monotonic() + Math.min(message.expirationMs ?? Infinity, queue.ttlMs),
        redelivered: false,
        isSafe: false,
      }
      if (!isKnown) this.#watch.accepted(message, queue.name)
      isKnown = false
      queue.put(entry)
      if (isKept) {
        const inMs = this.kit.between(0, FSYNC_MS)
        safeInMs = Math.max(safeInMs, inMs)
        this.later(inMs, () => (entry.isSafe = true))
      }
      this.pump(queue)
      while (queue.ready.length > queue.maxLength)
        this.#watch.dropped((queue.ready.shift() as RabbitEntry).message, queue.name)
    }
    return safeInMs
  }

  declareQueue(spec: QueueDeclaration, connection: object): void {
    const there = this.#queues.get(spec.name)
    if (!there) {
      const queue = new RabbitQueue(spec, spec.exclusive ? connection : undefined)
      this.#queues.set(spec.name, queue)
      return this.#startLapse(queue)
    }
    this.queue(spec.name, connection)
    if (!isDeepStrictEqual(there.spec, spec)) {
      throw new ChannelFault(406, `PRECONDITION_FAILED - inequivalent arg for queue '${spec.name}' in vhost '/'`)
    }
    this.#startLapse(there)
  }

  bind(queue: string, exchange: string, routingKey: string): void {
    this.queue(queue, undefined)
    this.exchanges.bind(queue, exchange, routingKey)
  }

  /** @throws ChannelFault 404 when it is not there, 405 when it is another connection's */
  queue(name: string, connection: object | undefined): RabbitQueue {
    const queue = this.#queues.get(name)
    if (!queue) throw new ChannelFault(404, `NOT_FOUND - no queue '${name}' in vhost '/'`)
    if (queue.owner && connection && queue.owner !== connection) {
      throw new ChannelFault(405, `RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${name}'`)
    }
    this.#expire(queue)
    return queue
  }

  deleteQueue(name: string): void {
    const queue = this.#queues.get(name)
    if (!queue) return
    this.#forget(queue)
    for (const { channel, tag } of queue.consumers.splice(0)) {
      channel.consumers.delete(tag)
      channel.sink.cancelled(tag)
    }
  }

  purge(queue: RabbitQueue): number {
    const gone = queue.ready.splice(0)
    for (const { message } of gone) this.#watch.dropped(message, queue.name)
    return gone.length
  }

  dropConsumer(consumer: RabbitConsumer): void {
    const { queue } = consumer
    const at = queue.consumers.indexOf(consumer)
    if (at < 0) return
    queue.consumers.splice(at, 1)
    if (queue.consumers.length > 0) return
    if (queue.spec.autoDelete) this.deleteQueue(queue.name)
    else this.#startLapse(queue)
  }

  giveBack(entries: Iterable<{ entry: RabbitEntry; queue: RabbitQueue }>): void {
    const queues = new Set<RabbitQueue>()
    for (const { entry, queue } of entries) {
      entry.redelivered = true
      if (this.#queues.get(queue.name) === queue) queue.put(entry)
      else this.#watch.dropped(entry.message, queue.name)
      queues.add(queue)
    }
    for (const queue of queues) this.pump(queue)
  }

  acked(entry: RabbitEntry, queue: RabbitQueue): void {
    this.#forgetLately(entry, queue)
    this.#watch.settled(entry.message, queue.name)
  }

  /** It is gone, as soon as the disk knows. */
  #forgetLately(entry: RabbitEntry, queue: RabbitQueue): void {
    const atMs = this.#timeline.monotonic()
    queue.lately = queue.lately.filter((one) => atMs - one.atMs <= FSYNC_MS)
    queue.lately.push({ entry, atMs })
  }

  pump(queue: RabbitQueue): void {
    for (;;) {
      this.#expire(queue)
      const consumer = queue.ready.length > 0 ? queue.nextConsumer() : undefined
      if (!consumer) return this.#lookAgain(queue)
      consumer.channel.hand(queue.ready.shift() as RabbitEntry, consumer)
    }
  }

  /** What expires without a reader is moved on all the same. */
  #lookAgain(queue: RabbitQueue): void {
    const [first] = queue.ready
    if (!first || queue.deadLetterExchange === undefined) return
    this.later(Math.max(0, first.expiresAtMs - this.#timeline.monotonic()), () => this.pump(queue))
  }

  take(queue: RabbitQueue): RabbitEntry | undefined {
    this.#expire(queue)
    return queue.ready.shift()
  }

  #expire(queue: RabbitQueue): void {
    for (const entry of queue.takeExpired(this.#timeline.monotonic())) {
      if (queue.deadLetterExchange === undefined) this.#watch.dropped(entry.message, queue.name)
      else this.#moveOn(entry, queue, queue.deadLetterExchange)
    }
  }

  /** At least once, as quorum queues do it: what has expired is there until it has arrived. */
  #moveOn(entry: RabbitEntry, queue: RabbitQueue, exchange: string): void {
    const { expirationMs: _, ...message } = entry.message
    const { routingKey } = entry
    let isTaken = true
    const safeInMs = this.publish(message, { exchange, routingKey }, () => (isTaken = false), true)
    queue.moving.set(entry, isTaken)
    this.later(isTaken ? safeInMs : MOVE_AGAIN_MS, () => {
      queue.moving.delete(entry)
      if (isTaken) this.#forgetLately(entry, queue)
      else this.#moveOn(entry, queue, exchange)
    })
  }

  #startLapse(queue: RabbitQueue): void {
    const { expiresMs } = queue
    const sinceMs = (queue.idleSinceMs = this.#timeline.monotonic())
    if (expiresMs === Infinity || queue.consumers.length > 0) return
    this.later(expiresMs, () => {
      const isIdle = queue.consumers.length === 0 && queue.idleSinceMs === sinceMs
      if (isIdle && this.#queues.get(queue.name) === queue) this.deleteQueue(queue.name)
    })
  }

  #forget(queue: RabbitQueue): void {
    this.#queues.delete(queue.name)
    for (const { message } of queue.ready.splice(0)) this.#watch.dropped(message, queue.name)
    this.exchanges.unbind(queue.name)
  }
}
