import { backoffMs, type Backoff } from '../../base/backoff.ts'
import { sleep, type Clock } from '../../base/clock.ts'
import { isLovageError, LovageError, messageOf } from '../../base/errors.ts'
import { log } from '../../base/log.ts'
import type { Broker, Consumer, Delivery } from '../../broker/broker.ts'
import { plainHeader, type Headers } from '../../protocol/headers.ts'
import type { Message } from '../../protocol/message.ts'
import { isReady, type Outcome } from '../../protocol/outcome.ts'
import { decodeResult, serializeRpcResult } from '../../protocol/result-record.ts'
import type { Serializer } from '../../protocol/serializer.ts'
import type { Expectation, ReplyAddress, ResultBackend } from '../backend.ts'
import { Expectations } from '../expectations.ts'
import { GoneQueues } from './gone-queues.ts'
import { Outbox } from './outbox.ts'
import { PACK_TYPE, packedQueue, unpacked, type Packed } from './pack.ts'

/** How an {@link RpcBackend} is made. */
export interface RpcBackendOptions {
  readonly broker: Broker
  readonly clock: Clock
  /** How long results are kept for late callers. */
  readonly resultExpiresMs: number
  /** A restart of the broker must not lose a final outcome. */
  readonly resultPersistent: boolean
  readonly maxPendingResults: number
  readonly types: 'typed' | 'plain'
  readonly serializer: Serializer
  /** Content types of results that are read. */
  readonly accept: readonly string[]
  /** Most bytes of a result that came packed. */
  readonly maxBodyBytes: number
}

/** A reply queue that is not there may belong to a Python client that is just reconnecting: about six seconds in all. */
const RETRY: Backoff = { baseMs: 200, maxMs: 2_000, jitter: false }
const TRIES = 6

const MANDATORY = { mandatory: true } as const

/** Ours, beside the five members that the body has in Celery. Python's clients do not read headers of results. */
const RUN_MS = 'x-lovage-run-ms'

/**
 * How long a reply queue waits for its client to come back. Long enough for any outage that a waiter sits out, short enough
 * that those of clients that were killed do not gather.
 */
const STAYS_MS = 60 * 60_000

/**
 * Results over the broker, as Celery's `rpc://`: each client has a reply queue of its own, and workers publish to it.
 * They can be read once, by the process that asked.
 */
export class RpcBackend implements ResultBackend {
  readonly kind = 'rpc'
  /** Name of the reply queue. */
  readonly replyTo: string
  readonly #options: RpcBackendOptions
  readonly #expectations: Expectations
  readonly #gone: GoneQueues
  readonly #outbox: Outbox
  /** Ends the waits between tries when the backend stops. */
  #stopping = new AbortController()
  #isStarted = false
  #listening: Promise<Consumer> | undefined
  #consumer: Consumer | undefined

  constructor(options: RpcBackendOptions) {
    const { clock, maxPendingResults: max, resultExpiresMs: maxAgeMs } = options
    this.#options = options
    this.replyTo = packedQueue(clock.uuid())
    this.#expectations = new Expectations({ clock, max, maxAgeMs, keepsSettled: true })
    this.#gone = new GoneQueues(clock)
    this.#outbox = new Outbox(
      (fn) => this.#atTurnEnd(fn),
      (message, replyTo) => this.#publish(message, replyTo),
    )
  }

  get waiting(): number {
    return this.#expectations.waiting
  }

  async start(): Promise<void> {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#stopping = new AbortController()
  }

  async stop(): Promise<void> {
    this.#isStarted = false
    this.#stopping.abort(new LovageError('BROKER_CLOSED'))
    this.#expectations.clear(new LovageError('BROKER_CLOSED'))
    const listening = this.#listening
    this.#listening = undefined
    this.#consumer = undefined
    const consumer = await listening?.catch(() => undefined)
    if (consumer) await this.#endQueue(consumer)
  }

  /** Nobody reads it any more. Where it cannot be removed now it goes at its own time. */
  async #endQueue(consumer: Consumer): Promise<void> {
    const { broker } = this.#options
    try {
      await consumer.cancel()
      if (broker.state === 'connected') await broker.admin?.deleteQueue(this.replyTo)
    } catch (error) {
      log('debug', 'backend', 'reply queue was not removed', { queue: this.replyTo, error: messageOf(error) })
    }
  }

  async expect(id: string): Promise<Expectation> {
    if (!this.#isStarted) throw new LovageError('BROKER_CLOSED')
    // Workers never ask for results, so the queue is made when the first one is wanted.
    if (!this.#consumer) await this.#listen()
    return this.#expectations.open(id)
  }

  async put(outcome: Outcome, { replyTo, correlationId }: ReplyAddress): Promise<void> {
    if (!replyTo) return
    if (!this.#isStarted) throw new LovageError('BROKER_CLOSED')
    const { body, contentType, contentEncoding } = serializeRpcResult(outcome, this.#options)
    const message: Message = {
      headers: timesOf(outcome),
      body,
      contentType,
      contentEncoding,
      deliveryMode: this.#options.resultPersistent && isReady(outcome.state) ? 2 : 1,
      priority: 0,
      correlationId: correlationId || outcome.id,
    }
    try {
      await this.#outbox.send(message, replyTo)
      this.#gone.delete(replyTo)
    } catch (error) {
      if (!isLovageError(error, 'UNROUTABLE')) throw error
      await this.#publishAgain(message, replyTo, outcome)
    }
  }

  async get(id: string): Promise<Outcome | undefined> {
    return this.#expectations.latest(id)
  }

  async forget(id: string): Promise<void> {
    this.#expectations.forget(id)
  }

  #publish(message: Message, replyTo: string): Promise<void> {
    return this.#options.broker.publish(message, { exchange: '', routingKey: replyTo }, MANDATORY)
  }

  #atTurnEnd(fn: () => void): void {
    const { broker, clock } = this.#options
    if (broker.atTurnEnd) broker.atTurnEnd(fn)
    else clock.turn(fn)
  }

  /** Its reply queue was not there a moment ago. */
  async #publishAgain(message: Message, replyTo: string, { id, state }: Outcome): Promise<void> {
    const { clock } = this.#options
    const tries = this.#gone.has(replyTo) ? 1 : TRIES
    for (let attempt = 1; attempt < tries; attempt++) {
      await sleep(clock, backoffMs(attempt - 1, RETRY, clock.random()), this.#stopping.signal)
      try {
        await this.#publish(message, replyTo)
        this.#gone.delete(replyTo)
        return
      } catch (error) {
        if (!isLovageError(error, 'UNROUTABLE')) throw error
      }
    }
    // Who asked is gone. Failing here would have the task run again and again for nobody.
    this.#gone.add(replyTo)
    log('error', 'backend', 'result is lost: its reply queue is gone', { id, state, queue: replyTo, tries })
  }

  async #listen(): Promise<void> {
    const listening = (this.#listening ??= this.#consume())
    try {
      const consumer = await listening
      if (this.#listening === listening) this.#consumer = consumer
      else throw new LovageError('BROKER_CLOSED')
    } catch (error) {
      if (this.#listening === listening) this.#listening = undefined
      throw error
    }
  }

  async #consume(): Promise<Consumer> {
    const { broker, resultExpiresMs } = this.#options
    // It outlives our connection, and what we have not acknowledged comes again on the next one: a result that was written
    // to a connection already dead is not lost with it.
    const queue = {
      name: this.replyTo,
      durable: true,
      autoDelete: false,
      expiresMs: Math.min(Math.ceil(resultExpiresMs), STAYS_MS),
    }
    await broker.declare({ queues: [queue] })
    return broker.consume({
      queues: [this.replyTo],
      prefetch: 0,
      onDelivery: (delivery) => {
        this.#receive(delivery)
        delivery.ack()
      },
    })
  }

  #receive({ message }: Delivery): void {
    if (message.contentType !== PACK_TYPE) return this.#take(message)
    let results: readonly Packed[]
    try {
      results = unpacked(message.body)
    } catch (error) {
      log('error', 'backend', 'results cannot be read', { contentType: PACK_TYPE, error: messageOf(error) })
      return
    }
    for (const result of results) this.#take(result)
  }

  #take(message: Packed): void {
    let outcome: { -readonly [K in keyof Outcome]: Outcome[K] }
    try {
      const runMs = plainHeader(message.headers[RUN_MS])
      outcome = decodeResult(message.body, contentOf(message), this.#options)
      if (typeof runMs === 'number') outcome.runMs = runMs
    } catch (error) {
      const { correlationId: id, contentType } = message
      log('error', 'backend', 'result cannot be read', { id, contentType, error: messageOf(error) })
      return
    }
    if (!this.#expectations.take(outcome, message.body.length)) {
      log('debug', 'backend', 'result came for nobody', { id: outcome.id, state: outcome.state })
    }
  }
}

function timesOf({ runMs }: Outcome): Headers {
  return runMs === undefined ? {} : { [RUN_MS]: Math.round(runMs * 100) / 100 }
}

function contentOf({ contentType, headers }: Packed): { contentType?: string; compression?: string } {
  const { compression } = headers
  if (typeof compression === 'string') return contentType ? { contentType, compression } : { compression }
  return contentType ? { contentType } : {}
}
