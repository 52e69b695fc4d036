import { type Clock, deadline, type Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import { Ring } from '../base/ring.ts'
import type { Broker } from '../broker/broker.ts'
import {
  type CeleryEvent,
  encodeEvent,
  EVENT_EXCHANGE,
  eventKey,
  eventText,
  joinEvents,
  TASK_BATCH_KEY,
} from '../protocol/event.ts'
import type { Message } from '../protocol/message.ts'
import { eventExchange } from './exchange.ts'
import type { LamportClock } from './lamport.ts'

/** What an emitter needs. */
export interface EmitterOptions {
  readonly clock: Clock
  readonly lamport: LamportClock
  /** The node that tells. */
  readonly hostname: string
  /** Whether events of tasks are told from the beginning. Default false. */
  readonly tasks?: boolean
}

/** How telling has gone so far. */
export interface EmitterCounts {
  /** Events that the broker has taken, whether or not somebody listens. */
  readonly sent: number
  /** Events that were given up: the broker was away for too long, or refused them. */
  readonly dropped: number
}

/** Events of tasks are gathered for so long: one message for all that happens meanwhile. */
const GATHER_MS = 20

/** What goes into one message: events, and characters of their texts. */
const BATCH = 100
const BATCH_SIZE = 256 * 1024

/** What waits for the broker: the oldest make way. */
const MOST_WAITING = 10_000
const MOST_WAITING_SIZE = 16 * 1024 * 1024

/** Messages on their way at a time: a broker that is slow to confirm gets larger batches, not more of them. */
const MOST_ON_THEIR_WAY = 8

/** Pause after the exchange could not be declared. */
const AGAIN_MS = 5000

/** Longest wait for what is still to be told at the end. */
const END_MS = 1000

/**
 * Tells the events of one node to whoever listens (celery/events/dispatcher.py). Nothing waits for it, and what goes wrong
 * here is logged and counted and no more. Events of tasks are sent many in one message, and wait while the broker is away;
 * those of the worker are sent at once, or not at all, because the next one says it anew.
 */
export class Emitter {
  readonly counts = { sent: 0, dropped: 0 }
  readonly #clock: Clock
  readonly #lamport: LamportClock
  readonly #hostname: string
  readonly #waiting = new Ring<string>()
  #waitingSize = 0
  #tellsTasks: boolean
  #broker: Broker | undefined
  /** The exchange is there. */
  #isReady = false
  #isPreparing = false
  #notBeforeMs = 0
  /** What waits for that. */
  #early: { readonly message: Message; readonly key: string }[] = []
  #unlisten: (() => void) | undefined
  #gathering: Timer | undefined
  readonly #onTheirWay = new Set<Promise<void>>()
  /** Said once, and again only after one has got through. */
  #hasComplained = false

  constructor({ clock, lamport, hostname, tasks = false }: EmitterOptions) {
    this.#clock = clock
    this.#lamport = lamport
    this.#hostname = hostname
    this.#tellsTasks = tasks
  }

  /** Whether events of tasks are told: asking first spares the making of them. */
  get tellsTasks(): boolean {
    return this.#tellsTasks
  }

  /** Turns the events of tasks on or off. False: they were so already. */
  tellTasks(wanted: boolean): boolean {
    if (this.#tellsTasks === wanted) return false
    this.#tellsTasks = wanted
    return true
  }

  /** Events of tasks that wait to be sent. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Tells over this broker from now on. What has to be there is declared with the first event. */
  open(broker: Broker): void {
    this.#broker = broker
    this.#unlisten = broker.onState((state) => state === 'connected' && this.#send())
  }

  /** Something that happened to a task; told where such events are on. Never throws. */
  task(type: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.#tellsTasks || !this.#broker) return
    const text = this.#written(this.#event(type, fields), eventText)
    if (text === undefined) return
    this.#waiting.push(text)
    this.#waitingSize += text.length
    while (this.#waiting.size > MOST_WAITING || this.#waitingSize > MOST_WAITING_SIZE) this.#dropOldest()
    if (this.#waiting.size >= BATCH) this.#send()
    else this.#gathering ??= this.#clock.after(GATHER_MS, () => this.#send(), { unref: true })
  }

  /** Something that happened to the node, now or then: told at once. Never throws. */
  tell(type: string, fields: Readonly<Record<string, unknown>>, atMs?: number): void {
    const broker = this.#broker
    if (!broker || broker.state !== 'connected') return
    const message = this.#written(this.#event(type, fields, atMs), encodeEvent)
    if (!message) return
    if (this.#isReady) return this.#publish(broker, message, eventKey(type), 1)
    if (this.#early.length < MOST_WAITING) this.#early.push({ message, key: eventKey(type) })
    else this.#lost(1, 'events are dropped: their exchange is not there yet', { waiting: this.#early.length })
    this.#prepare(broker)
  }

  /** Resolves when all has been sent that can be, or after a second. Nothing is told from then on. */
  async close(): Promise<void> {
    const end = async (): Promise<void> => {
      for (this.#send(); this.#onTheirWay.size > 0; this.#send()) await Promise.all(this.#onTheirWay)
    }
    await deadline(this.#clock, end(), END_MS, () => new Error('late')).catch(() => {})
    this.#unlisten?.()
    this.#gathering?.cancel()
    this.#gathering = undefined
    this.#broker = undefined
    this.#isReady = false
    this.#early = []
    while (this.#waiting.size > 0) this.#dropOldest()
  }

  #event(type: string, fields: Readonly<Record<string, unknown>>, nowMs = this.#clock.now()): CeleryEvent {
    return {
      type,
      hostname: this.#hostname,
      utcoffset: utcOffset(nowMs),
      pid: process.pid,
      clock: this.#lamport.forward(),
      timestamp: nowMs / 1000,
      fields,
    }
  }

  #written<T>(event: CeleryEvent, write: (event: CeleryEvent) => T): T | undefined {
    try {
      return write(event)
    } catch (error) {
      this.#lost(1, 'event has no form on the wire', { type: event.type, error: messageOf(error) })
      return undefined
    }
  }

  #dropOldest(): void {
    this.#waitingSize -= this.#waiting.shift()?.length ?? 0
    this.#lost(1, 'events are dropped: the broker does not take them', { waiting: this.#waiting.size })
  }

  /** Sends what has been gathered. */
  #send(): void {
    this.#gathering?.cancel()
    this.#gathering = undefined
    const broker = this.#broker
    if (!broker || broker.state !== 'connected' || this.#waiting.size === 0) return
    if (!this.#isReady) return this.#prepare(broker)
    while (this.#waiting.size > 0 && this.#onTheirWay.size < MOST_ON_THEIR_WAY) {
      const texts = this.#batch()
      this.#publish(broker, joinEvents(this.#hostname, texts), TASK_BATCH_KEY, texts.length)
    }
  }

  #batch(): string[] {
    const texts: string[] = []
    let size = 0
    for (let next = this.#waiting.peek(); next !== undefined && texts.length < BATCH; next = this.#waiting.peek()) {
      if (texts.length > 0 && size + next.length > BATCH_SIZE) break
      texts.push(next)
      size += next.length
      this.#waiting.shift()
    }
    this.#waitingSize -= size
    return texts
  }

  #publish(broker: Broker, message: Message, routingKey: string, count: number): void {
    const sent = async (): Promise<void> => {
      try {
        await broker.publish(message, { exchange: EVENT_EXCHANGE, routingKey }, { mandatory: false })
        this.counts.sent += count
        this.#hasComplained = false
      } catch (error) {
        // The exchange may be gone: it is declared again before the next.
        this.#isReady = false
        this.#lost(count, 'events could not be sent', { events: count, error: messageOf(error) })
      }
    }
    this.#track(sent())
  }

  /** Keeps count of what is on its way, which must not reject; with its end there is room for more. */
  #track(promise: Promise<void>): void {
    const tracked = promise.then(() => {
      this.#onTheirWay.delete(tracked)
      if (this.#isReady && !this.#gathering) this.#send()
    })
    this.#onTheirWay.add(tracked)
  }

  /** Has the exchange be there. Where it cannot be declared, that is tried again with an event after a pause. */
  #prepare(broker: Broker): void {
    if (this.#isPreparing || this.#clock.monotonic() < this.#notBeforeMs) return
    this.#isPreparing = true
    const prepare = async (): Promise<void> => {
      try {
        await broker.declare({ exchanges: [eventExchange(broker)] })
        this.#isReady = this.#broker === broker
      } catch (error) {
        this.#notBeforeMs = this.#clock.monotonic() + AGAIN_MS
        this.#complain('events cannot be told', { error: messageOf(error) })
      }
      this.#isPreparing = false
      const early = this.#early.splice(0)
      if (!this.#isReady) return void (this.counts.dropped += early.length)
      for (const { message, key } of early) this.#publish(broker, message, key, 1)
      this.#send()
    }
    this.#track(prepare())
  }

  #lost(count: number, what: string, fields: Readonly<Record<string, unknown>>): void {
    this.counts.dropped += count
    this.#complain(what, fields)
  }

  #complain(what: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.#hasComplained) return
    this.#hasComplained = true
    log('warn', 'fleet', what, { hostname: this.#hostname, ...fields, dropped: this.counts.dropped })
  }
}

/** Whole hours that local time is behind UTC, as Python counts them. */
function utcOffset(nowMs: number): number {
  return Math.floor(new Date(nowMs).getTimezoneOffset() / 60)
}
