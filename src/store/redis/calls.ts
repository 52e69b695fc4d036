import type { Clock } from '../../base/clock.ts'
import { DueHeap } from '../../base/due-heap.ts'
import { LovageError } from '../../base/errors.ts'
import type { RedisArgument } from '../../base/redis/redis-connection.ts'
import type { Answer, Operation, OperationName } from '../operations.ts'

/** More may not wait at a time. */
const MOST_CALLS = 100_000

/** One operation on its way. */
export interface Call {
  readonly operation: Operation
  readonly args: readonly RedisArgument[]
  settle(answer: Answer): void
  fail(error: Error): void
}

/** What has been asked for and not answered yet. */
export class Calls {
  readonly #dues: DueHeap
  readonly #clock: Clock
  /** Oldest first. */
  readonly #calls = new Set<Call>()
  /** Of these those that are on no connection. */
  readonly #unsaid = new Set<Call>()
  #onIdle: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#dues = new DueHeap(clock)
  }

  /**
   * A new one, which ends by itself after so long: with what `late` gives.
   * @throws LovageError `STORE_UNREACHABLE` when too many wait
   */
  open<Name extends OperationName>(
    operation: Operation<Name>,
    args: readonly RedisArgument[],
    timeoutMs: number,
    late: () => Error,
  ): { readonly call: Call; readonly answered: Promise<Answer<Name>> } {
    if (this.#calls.size >= MOST_CALLS) {
      throw new LovageError('STORE_UNREACHABLE', { problem: `${MOST_CALLS} calls wait for it already` })
    }
    let call!: Call
    const answered = new Promise<Answer<Name>>((resolve, reject) => {
      const due = this.#dues.add(timeoutMs, () => call.fail(late()))
      const over = (): void => {
        due.cancel()
        this.#unsaid.delete(call)
        if (this.#calls.delete(call) && this.#calls.size === 0) this.#onIdle?.()
      }
      call = {
        operation: operation as Operation,
        args,
        settle: (answer) => {
          over()
          resolve(answer as Answer<Name>)
        },
        fail: (error) => {
          over()
          reject(error)
        },
      }
    })
    this.#calls.add(call)
    return { call, answered }
  }

  /** It waits for a connection; unless it is over. */
  later(call: Call): void {
    if (this.#calls.has(call)) this.#unsaid.add(call)
  }

  isOver(call: Call): boolean {
    return !this.#calls.has(call)
  }

  /** Those that wait for a connection, in the order in which they were asked for. */
  takeUnsaid(): Call[] {
    const unsaid = [...this.#calls].filter((call) => this.#unsaid.has(call))
    this.#unsaid.clear()
    return unsaid
  }

  failAll(error: Error): void {
    for (const call of this.#calls) call.fail(error)
  }

  /** Resolves when all are answered, or after `timeoutMs`. */
  async untilIdle(timeoutMs: number): Promise<void> {
    if (this.#calls.size === 0) return
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(timeoutMs, resolve)
      this.#onIdle = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#onIdle = undefined
  }
}
