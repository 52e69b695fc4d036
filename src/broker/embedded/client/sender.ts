import { PassingSet } from '../../../base/passing.ts'
import type { Clock, Timer } from '../../../base/clock.ts'
import { LovageError } from '../../../base/errors.ts'
import { Ring } from '../../../base/ring.ts'
import type { Message } from '../../../protocol/message.ts'
import type { Destination } from '../../broker.ts'
import { ASK, PUBLISH } from '../wire/frames.ts'
import { packMessage } from '../wire/packed-message.ts'
import type { Call, Line } from './line.ts'

/** More wait here unsent, so that what must be sent again after a loss stays bounded. */
const MOST_UNCONFIRMED = 5000

/** Deadlines are looked at no more often than this: one walk over all, not a timer for each. */
const SWEEP_MS = 20

/** What one publish is told. */
interface Answer {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** One publish on its way. */
class Pending implements Call {
  readonly message: Message
  readonly to: Destination
  readonly mandatory: boolean
  /** Epoch ms; undefined: at once. */
  readonly atMs: number | undefined
  readonly timeoutMs: number
  readonly dueMs: number
  isSettled = false
  #sender: Sender
  #answer: Answer

  constructor(
    sender: Sender,
    fields: Pick<Pending, 'atMs' | 'dueMs' | 'mandatory' | 'message' | 'timeoutMs' | 'to'>,
    answer: Answer,
  ) {
    this.#sender = sender
    this.#answer = answer
    this.message = fields.message
    this.to = fields.to
    this.mandatory = fields.mandatory
    this.atMs = fields.atMs
    this.timeoutMs = fields.timeoutMs
    this.dueMs = fields.dueMs
  }

  done(): void {
    if (!this.isSettled) this.#answer.resolve()
    this.isSettled = true
    this.#sender.confirmed(this)
  }

  failed(error: Error): void {
    this.fail(error)
    this.#sender.confirmed(this)
  }

  lost(): void {
    // Its sender hears of the loss as a whole, and keeps the order.
  }

  /** Tells who waits; the owner may still take the message. */
  fail(error: Error): void {
    if (!this.isSettled) this.#answer.reject(error)
    this.isSettled = true
  }
}

/** Sends messages, many on their way at once, and sends again what a loss left unconfirmed. */
export class Sender {
  #clock: Clock
  /** What to say when there was no connection until the deadline. */
  #unreachable: () => Error
  #line: Line | undefined
  #waiting = new Ring<Pending>()
  /** In order. */
  #unconfirmed = new PassingSet<Pending>()
  #sweep: { timer: Timer; atMs: number } | undefined
  #onIdle: (() => void) | undefined

  constructor(clock: Clock, unreachable: () => Error) {
    this.#clock = clock
    this.#unreachable = unreachable
  }

  publish(message: Message, to: Destination, mandatory: boolean, timeoutMs: number, atMs?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const dueMs = this.#clock.monotonic() + timeoutMs
      const pending = new Pending(this, { message, to, mandatory, atMs, timeoutMs, dueMs }, { resolve, reject })
      this.#watch(dueMs)
      this.#waiting.push(pending)
      this.flush()
    })
  }

  /** Takes a new connection into use. */
  attach(line: Line): void {
    this.#line = line
    this.flush()
  }

  /** The connection is gone; what was on its way waits for the next one, in its old order. */
  detach(): void {
    this.#line = undefined
    const waiting = new Ring<Pending>()
    for (const pending of this.#unconfirmed) if (!pending.isSettled) waiting.push(pending)
    for (const pending of this.#waiting) waiting.push(pending)
    this.#unconfirmed.clear()
    this.#waiting = waiting
    this.#tellIdle()
  }

  /** Sends what waits, as far as there is room. */
  flush(): void {
    const line = this.#line
    if (!line?.isOpen) return
    while (this.#waiting.size > 0 && this.#unconfirmed.size < MOST_UNCONFIRMED && line.hasRoom) {
      const next = this.#waiting.shift() as Pending
      if (!next.isSettled) this.#send(next, line)
    }
    this.#tellIdle()
  }

  /** Resolves when nothing is on its way; the deadlines of the messages bound it. */
  async idle(): Promise<void> {
    if (this.#isIdle()) return
    await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  /** Ends what is still on its way. */
  end(error: Error): void {
    for (const pending of this.#everything()) pending.fail(error)
    this.#unconfirmed.clear()
    this.#waiting = new Ring()
    this.#sweep?.timer.cancel()
    this.#sweep = undefined
    this.#tellIdle()
  }

  confirmed(pending: Pending): void {
    this.#unconfirmed.delete(pending)
    if (this.#waiting.size > 0) this.flush()
    else this.#tellIdle()
  }

  #send(pending: Pending, line: Line): void {
    const { message, to, mandatory, atMs } = pending
    this.#unconfirmed.add(pending)
    line.ask(ASK.publish, pending, (writer) => {
      writer.u8((mandatory ? PUBLISH.isMandatory : 0) | (atMs === undefined ? 0 : PUBLISH.isDelayed))
      if (atMs !== undefined) writer.f64(atMs)
      writer.text(to.exchange)
      writer.text(to.routingKey)
      packMessage(writer, message)
    })
  }

  #watch(dueMs: number): void {
    if (this.#sweep && this.#sweep.atMs <= dueMs) return
    this.#sweep?.timer.cancel()
    const waitMs = Math.max(SWEEP_MS, dueMs - this.#clock.monotonic())
    this.#sweep = { atMs: dueMs, timer: this.#clock.after(waitMs, () => this.#sweepNow(), { unref: true }) }
  }

  #sweepNow(): void {
    this.#sweep = undefined
    const nowMs = this.#clock.monotonic()
    let nextMs = Infinity
    for (const pending of this.#everything()) {
      if (pending.isSettled) continue
      if (pending.dueMs <= nowMs) pending.fail(this.#lateError(pending))
      else nextMs = Math.min(nextMs, pending.dueMs)
    }
    // Those on their way stay until they are answered: they bound how many may follow.
    const waiting = new Ring<Pending>()
    for (const pending of this.#waiting) if (!pending.isSettled) waiting.push(pending)
    this.#waiting = waiting
    if (nextMs !== Infinity) this.#watch(nextMs)
    this.#tellIdle()
  }

  #lateError({ timeoutMs }: Pending): Error {
    return this.#line ? new LovageError('PUBLISH_TIMEOUT', { timeoutMs }) : this.#unreachable()
  }

  *#everything(): Iterable<Pending> {
    yield* this.#unconfirmed
    yield* this.#waiting
  }

  #isIdle(): boolean {
    for (const pending of this.#everything()) if (!pending.isSettled) return false
    return true
  }

  #tellIdle(): void {
    if (!this.#onIdle || !this.#isIdle()) return
    this.#onIdle()
    this.#onIdle = undefined
  }
}
