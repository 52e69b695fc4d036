import { PassingSet } from './passing.ts'
import type { Clock } from './clock.ts'
import { DueHeap } from './due-heap.ts'

/** More may not wait at a time. */
const MOST_CALLS = 100_000

/** How {@link Calls} are made. */
export interface CallsOptions {
  readonly clock: Clock
  /** Longest wait for an answer, in ms. */
  readonly timeoutMs: number
  /** What a call fails with whose answer did not come in time. */
  readonly late: () => Error
  /** What is thrown when too many wait. */
  readonly full: (problem: string) => Error
}

/** Something that was asked for, on its way. */
export interface Call<Asked, Answer> {
  readonly asked: Asked
  settle(answer: Answer): void
  fail(error: Error): void
}

/** What has been asked for and not answered yet, over connections that come and go. */
export class Calls<Asked, Answer> {
  readonly #options: CallsOptions
  readonly #dues: DueHeap
  /** Oldest first. */
  readonly #calls = new PassingSet<Call<Asked, Answer>>()
  /** Of these those that are on no connection. */
  readonly #unsaid = new PassingSet<Call<Asked, Answer>>()
  #onIdle: (() => void) | undefined

  constructor(options: CallsOptions) {
    this.#options = options
    this.#dues = new DueHeap(options.clock)
  }

  /** A new one, which ends by itself when its time is over. Throws what `full` gives when too many wait. */
  open(asked: Asked): { readonly call: Call<Asked, Answer>; readonly answered: Promise<Answer> } {
    const { timeoutMs, late, full } = this.#options
    if (this.#calls.size >= MOST_CALLS) throw full(`${MOST_CALLS} calls wait for it already`)
    let call!: Call<Asked, Answer>
    const answered = new Promise<Answer>((resolve, reject) => {
      const due = this.#dues.add(timeoutMs, () => call.fail(late()))
      const over = (): void => {
        due.cancel()
        this.#unsaid.delete(call)
        if (this.#calls.delete(call) && this.#calls.size === 0) this.#onIdle?.()
      }
      call = {
        asked,
        settle: (answer) => {
          over()
          resolve(answer)
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
  later(call: Call<Asked, Answer>): void {
    if (this.#calls.has(call)) this.#unsaid.add(call)
  }

  isOver(call: Call<Asked, Answer>): boolean {
    return !this.#calls.has(call)
  }

  /** Those that wait for a connection, in the order in which they were asked for. */
  takeUnsaid(): Call<Asked, Answer>[] {
    const unsaid = [...this.#calls].filter((call) => this.#unsaid.has(call))
    this.#unsaid.clear()
    return unsaid
  }

  failAll(error: Error): void {
    for (const call of this.#calls) call.fail(error)
  }

  /** Resolves when all are answered, or when the newest would be late. */
  async untilIdle(): Promise<void> {
    if (this.#calls.size === 0) return
    const { clock, timeoutMs } = this.#options
    await new Promise<void>((resolve) => {
      const timer = clock.after(timeoutMs, resolve)
      this.#onIdle = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#onIdle = undefined
  }
}
