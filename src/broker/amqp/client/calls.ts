import type { Clock, Timer } from '../../../base/clock.ts'
import { LovageError } from '../../../base/errors.ts'
import type { Content } from '../wire/content-reader.ts'
import { METHODS, type CallName, type MethodName } from '../wire/methods.ts'
import { invalid } from '../wire/reader.ts'

/** What answers a call; `basic.get-ok` with its content. */
export interface Reply {
  readonly name: MethodName
  readonly args: object
  readonly content?: Content
}

interface Call {
  readonly replies: readonly string[]
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
  readonly timer: Timer
  readonly onReply: ((reply: Reply, late: boolean) => void) | undefined
  late: boolean
}

/**
 * The questions that wait for an answer on one channel. A broker answers in order, so many may be on their way. One that
 * ran out of time keeps its place in the line: its answer may still come.
 */
export class Calls {
  readonly #clock: Clock
  readonly #url: string
  readonly #waiting: Call[] = []

  constructor(clock: Clock, url: string) {
    this.#clock = clock
    this.#url = url
  }

  /**
   * Waits for an answer to `method`. Rejects with `BROKER_SILENT` after `timeoutMs`. `onReply` is called as the answer is
   * read, before anything behind it, `late` when the time was up.
   */
  wait(method: CallName, timeoutMs: number, onReply?: (reply: Reply, late: boolean) => void): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeoutMs, () => {
        call.late = true
        reject(new LovageError('BROKER_SILENT', { url: this.#url, method, timeoutMs }))
      })
      const call: Call = { replies: METHODS[method].replies, resolve, reject, timer, onReply, late: false }
      this.#waiting.push(call)
    })
  }

  /**
   * Hands an answer to the first that waits.
   * @throws LovageError `WIRE_INVALID` when that waits for something else, or nobody waits.
   */
  answer(reply: Reply): void {
    const call = this.#waiting[0]
    if (!call?.replies.includes(reply.name)) throw invalid(`${reply.name} comes without having been asked for`, 503)
    this.#waiting.shift()
    call.timer.cancel()
    call.onReply?.(reply, call.late)
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
