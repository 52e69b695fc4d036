import type { Clock, Timer } from '../../../base/clock.ts'
import { LinkError } from '../link.ts'
import type { Content } from '../wire/content-reader.ts'
import { METHODS, type CallName, type MethodName } from '../wire/methods.ts'
import { invalid } from '../wire/reader.ts'

/** What answers a call; `basic.get-ok` with its content. */
export interface Reply {
  readonly name: MethodName
  readonly args: object
  readonly content?: Content
}

/** RabbitMQ has the queue answer these, in its own time: answers to what was asked later may come first. */
const BY_QUEUE: readonly string[] = ['basic.consume', 'basic.cancel']

interface Call {
  readonly method: CallName
  /** Of the consumer that it is about. */
  readonly consumerTag: string | undefined
  readonly replies: readonly string[]
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
  readonly onReply: ((reply: Reply, isLate: boolean) => void) | undefined
  isLate: boolean
}

/**
 * The questions that wait for an answer on one channel. A broker answers in order, but for consumers, so many may be on
 * their way. One that ran out of time keeps its place in the line: its answer may still come.
 */
export class Calls {
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #waiting: Call[] = []

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /**
   * Waits for an answer to `method`, or rejects when the time is up. `onReply` is called as the answer is read, before
   * anything behind it, also when it comes late.
   */
  wait(method: CallName, consumerTag?: string, onReply?: (reply: Reply, isLate: boolean) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(this.#timeoutMs, () => {
        call.isLate = true
        reject(new LinkError('channel', `no answer to ${method} within ${this.#timeoutMs} ms`))
      })
      const { replies } = METHODS[method]
      const call: Call = { method, consumerTag, replies, resolve, reject, timer, onReply, isLate: false }
      this.#waiting.push(call)
    })
  }

  /**
   * Hands an answer to the first that waits, of those that must be answered now or may be.
   * @throws LovageError `WIRE_INVALID` when that waits for something else, or nobody waits.
   */
  answer(reply: Reply): void {
    const at = this.#waiting.findIndex((one) => isAnswer(reply, one) || !BY_QUEUE.includes(one.method))
    const call = this.#waiting[at]
    if (!call || !isAnswer(reply, call)) throw invalid(`${reply.name} comes without having been asked for`, 503)
    this.#waiting.splice(at, 1)
    call.timer.cancel()
    call.onReply?.(reply, call.isLate)
    call.resolve(reply)
  }

  /** Nobody will answer any more. */
  fail(error: Error): void {
    for (const call of this.#waiting.splice(0)) {
      call.timer.cancel()
      call.reject(error)
    }
  }
}

function isAnswer({ name, args }: Reply, { replies, consumerTag }: Call): boolean {
  if (!replies.includes(name)) return false
  // One that has no name yet is given one by the broker.
  return !consumerTag || !('consumerTag' in args) || args.consumerTag === consumerTag
}
