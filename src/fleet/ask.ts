import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Broker, Delivery } from '../broker/broker.ts'
import { type ControlReply, type ControlRequest, encodeControl, readReply } from '../protocol/control.ts'
import type { LamportClock } from './lamport.ts'
import type { Pidbox } from './pidbox.ts'

/** Most answers to one question that are kept. */
const MAX_REPLIES = 100_000

/** However many answer: so many times as long as the wait for one answer. */
const LONGEST = 10

/** Whom a command is for. */
export interface Addressed {
  /** Names of nodes. Default: all. */
  readonly destination?: readonly string[] | undefined
  /** With `matcher`: the nodes whose names it matches. */
  readonly pattern?: string | undefined
  readonly matcher?: 'glob' | 'pcre' | undefined
}

/** How answers are waited for. */
export interface Patience {
  /** It ends when nobody has answered for so long. Default 1 s, Celery's. */
  readonly timeoutMs?: number | undefined
  /** It ends with so many answers. Default: as many as there are destinations. */
  readonly limit?: number | undefined
  /** Called with each answer as it comes. What it throws is logged, and changes nothing. */
  readonly onReply?: ((reply: NodeReply) => void) | undefined
}

/** What one node answered. */
export interface NodeReply {
  /** Name of the node: `celery@host`. */
  readonly hostname: string
  /** `{ ok: ... }`, `{ error: ... }`, or a value of the command's own. */
  readonly value: unknown
}

/** What asking needs. */
export interface AskerOptions {
  /** Started. */
  readonly broker: () => Promise<Broker>
  readonly clock: Clock
  readonly lamport: LamportClock
  readonly pidbox: Pidbox
}

/** Sends commands to nodes, and collects what they answer. */
export class Asker {
  readonly #options: AskerOptions
  /** Routing key of the answers. */
  readonly #oid: string
  /** By ticket. */
  readonly #questions = new Map<string, Question>()
  #listening: Promise<unknown> | undefined
  #declaring: Promise<unknown> | undefined

  constructor(options: AskerOptions) {
    this.#options = options
    this.#oid = options.clock.uuid()
  }

  /** Resolves when the broker has the command. Nobody answers. Throws as `Broker.publish` does. */
  async tell(method: string, given: Readonly<Record<string, unknown>>, to: Addressed = {}): Promise<void> {
    const { pidbox } = this.#options
    const broker = await this.#options.broker()
    this.#declaring ??= broker.declare(pidbox.exchanges).catch((error: unknown) => {
      this.#declaring = undefined
      throw error
    })
    await this.#declaring
    await this.#publish(broker, this.#request(method, given, to))
  }

  /** Resolves to the answers, in the order in which they came. Throws as `Broker.publish` does. */
  async ask(
    method: string,
    given: Readonly<Record<string, unknown>>,
    to: Addressed = {},
    { timeoutMs = 1_000, limit, onReply }: Patience = {},
  ): Promise<readonly NodeReply[]> {
    const { clock, pidbox } = this.#options
    const broker = await this.#options.broker()
    await this.#listen(broker)
    const most = Math.min(limit ?? to.destination?.length ?? MAX_REPLIES, MAX_REPLIES)
    const ticket = clock.uuid()
    const question = new Question(clock, { timeoutMs, most, onReply })
    this.#questions.set(ticket, question)
    try {
      const reply = { ticket, exchange: pidbox.replyExchange, routingKey: this.#oid }
      await this.#publish(broker, { ...this.#request(method, given, to), reply }, clock.now() + timeoutMs)
      return await question.answers()
    } finally {
      question.end()
      this.#questions.delete(ticket)
    }
  }

  #request(method: string, given: Readonly<Record<string, unknown>>, to: Addressed): ControlRequest {
    const { destination = null, pattern = null, matcher = null } = to
    return { method, arguments: given, destination, pattern, matcher, clock: this.#options.lamport.forward() }
  }

  async #publish(broker: Broker, request: ControlRequest, expiresAtMs = 0): Promise<void> {
    // On Redis, with no node there, nobody takes it: that is no error, but silence.
    await broker.publish(encodeControl(request, expiresAtMs / 1000), this.#options.pidbox.toAll, { mandatory: false })
  }

  /** As long as the broker lasts: the queue goes with its reader. */
  #listen(broker: Broker): Promise<unknown> {
    const { pidbox } = this.#options
    this.#listening ??= broker
      .declare(pidbox.replyTopology(this.#oid))
      .then(() =>
        broker.consume({
          queues: [pidbox.replyQueueOf(this.#oid)],
          prefetch: 0,
          noAck: true,
          onDelivery: (delivery) => this.#receive(delivery),
        }),
      )
      .catch((error: unknown) => {
        this.#listening = undefined
        throw error
      })
    return this.#listening
  }

  #receive({ message, queue }: Delivery): void {
    let reply: ControlReply
    try {
      reply = readReply(message)
    } catch (error) {
      return log('warn', 'fleet', 'answer is not understood', { queue, problem: messageOf(error) })
    }
    this.#options.lamport.adjust(reply.clock)
    // Who answers a question that has ended answers too late.
    this.#questions.get(reply.ticket)?.take(reply)
  }
}

/** One question that is waited for. */
class Question {
  readonly #clock: Clock
  readonly #patience: { timeoutMs: number; most: number; onReply: Patience['onReply'] }
  readonly #replies: NodeReply[] = []
  #silence: Timer | undefined
  #longest: Timer | undefined
  #done: (() => void) | undefined

  constructor(clock: Clock, patience: { timeoutMs: number; most: number; onReply: Patience['onReply'] }) {
    this.#clock = clock
    this.#patience = patience
  }

  take({ hostname, value }: ControlReply): void {
    const { most, onReply } = this.#patience
    if (this.#replies.length >= most) return
    const reply = { hostname, value }
    this.#replies.push(reply)
    if (this.#done) this.#wait(this.#done)
    try {
      onReply?.(reply)
    } catch (error) {
      log('error', 'fleet', 'an answer was not taken', { hostname, error: messageOf(error) })
    }
  }

  /** Call it once. */
  async answers(): Promise<readonly NodeReply[]> {
    const { timeoutMs } = this.#patience
    await new Promise<void>((resolve) => {
      this.#done = resolve
      this.#longest = this.#clock.after(timeoutMs * LONGEST, resolve)
      this.#wait(resolve)
    })
    return this.#replies
  }

  end(): void {
    this.#done = undefined
    this.#silence?.cancel()
    this.#longest?.cancel()
  }

  #wait(done: () => void): void {
    const { timeoutMs, most } = this.#patience
    this.#silence?.cancel()
    if (this.#replies.length >= most) return done()
    this.#silence = this.#clock.after(timeoutMs, done)
  }
}
