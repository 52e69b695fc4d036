import { LovageError, messageOf } from '../base/errors.ts'
import { log } from '../base/log.ts'
import type { Broker, Consumer, Delivery } from '../broker/broker.ts'
import { type ControlAddress, type ControlRequest, encodeReply, isFor, readControl } from '../protocol/control.ts'
import { failureOf } from '../protocol/failure.ts'
import { pythonRepr } from '../protocol/python-repr.ts'
import type { LamportClock } from './lamport.ts'
import type { Pidbox } from './pidbox.ts'

/** Largest command that is read, in bytes: as many ids as a worker remembers fit into it, with their times as `hello` has them. */
const MAX_COMMAND_BYTES = 8 * 2 ** 20

/** Most commands that wait for those before them. */
const MAX_WAITING = 1_000

/** What a node needs to be asked. */
export interface MailboxOptions {
  readonly broker: Broker
  readonly hostname: string
  readonly lamport: LamportClock
  readonly pidbox: Pidbox
  /**
   * Does what a command says, and gives the answer: `{ ok: ... }`, `{ error: ... }` or a value. What it throws is answered
   * as an error.
   */
  readonly answer: (request: ControlRequest) => unknown
}

/**
 * The mailbox of a node: reads commands, does those that are for it, one after the other, and answers where an answer is
 * wanted. What is no command is logged and left; nothing that comes in stops it.
 */
export class Mailbox {
  readonly #options: MailboxOptions
  #consumer: Consumer | undefined
  #waiting = 0
  #last: Promise<void> = Promise.resolve()

  constructor(options: MailboxOptions) {
    this.#options = options
  }

  /** Declares the queue and begins to read it. Throws as `Broker.declare` and `Broker.consume` do. */
  async start(): Promise<void> {
    const { broker, hostname, pidbox } = this.#options
    const queue = pidbox.queueOf(hostname)
    const there = await broker.admin?.depth(queue)
    if (there && there.consumers > 0) {
      const fix = 'give each worker a name of its own (-n): each command reaches one of those of the same name only'
      log('warn', 'fleet', 'another worker has the same name', { hostname, fix })
    }
    await broker.declare(pidbox.nodeTopology(hostname))
    this.#consumer = await broker.consume({
      queues: [queue],
      prefetch: 0,
      noAck: true,
      onDelivery: (delivery) => this.#receive(delivery),
    })
  }

  /** Reads no more; what is being answered is answered. Never rejects. */
  async stop(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = undefined
    await consumer?.cancel().catch(() => {})
  }

  #receive({ message, queue }: Delivery): void {
    const { hostname, lamport } = this.#options
    let request: ControlRequest
    try {
      const size = message.body.byteLength
      if (size > MAX_COMMAND_BYTES) throw new LovageError('MESSAGE_TOO_LARGE', { size, limit: MAX_COMMAND_BYTES })
      request = readControl(message)
    } catch (error) {
      return log('warn', 'fleet', 'command is not understood', { queue, problem: messageOf(error) })
    }
    lamport.adjust(request.clock)
    if (!isFor(request, hostname)) return
    if (this.#waiting >= MAX_WAITING) {
      return log('error', 'fleet', 'command is dropped: too many wait', { hostname, command: request.method })
    }
    this.#waiting++
    this.#last = this.#last.then(() => this.#do(request)).finally(() => this.#waiting--)
  }

  /** Never rejects. */
  async #do(request: ControlRequest): Promise<void> {
    const { hostname, answer } = this.#options
    let value: unknown
    try {
      value = (await answer(request)) ?? null
    } catch (error) {
      const problem = messageOf(error)
      log('error', 'fleet', 'command failed', { hostname, command: request.method, problem })
      value = { error: reprOf(error) }
    }
    const { reply } = request
    if (!reply) return
    try {
      await this.#reply(reply, value)
    } catch (error) {
      const problem = messageOf(error)
      log('warn', 'fleet', 'command is not answered', { hostname, command: request.method, problem })
      await this.#reply(reply, { error: reprOf(error) }).catch(() => {})
    }
  }

  async #reply({ ticket, exchange, routingKey }: ControlAddress, value: unknown): Promise<void> {
    const { broker, hostname, lamport, pidbox } = this.#options
    // Whoever can send commands must not have answers put into queues of tasks, or into exchanges that are not there.
    if (exchange !== pidbox.replyExchange) {
      throw new LovageError('MESSAGE_INVALID', { problem: `it wants its answer at the exchange ${exchange}` })
    }
    const message = encodeReply({ ticket, hostname, value, clock: lamport.forward() })
    // Who asked may have stopped waiting.
    await broker.publish(message, { exchange, routingKey }, { mandatory: false })
  }
}

/** An error as Python shows it: `ValueError('no such thing')`. */
function reprOf(error: unknown): string {
  const { exc_type: type, exc_message: args } = failureOf(error)
  return `${type}(${args.map(quoted).join(', ')})`
}

/** As Python's own `repr`, which takes the quotes that the text has not. */
function quoted(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^"\\\p{C}]*'[^"\\\p{C}]*$/u.test(value)
  return isPlain ? `"${value}"` : pythonRepr(value)
}
