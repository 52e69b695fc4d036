import type { Clock, Timer } from '../../base/clock.ts'

/** Most tasks are over by then, and need none. */
const LOOK_MS = 10

/**
 * Ids whose outcome may have come before it was listened to: that takes a server which reads one connection long after
 * another. Each is looked for once, many together, between one and two times {@link LOOK_MS} after it was listened to.
 */
export class LateLooks {
  readonly #clock: Clock
  readonly #look: (ids: readonly string[]) => void
  #next: string[] = []
  #later: string[] = []
  #timer: Timer | undefined

  constructor(clock: Clock, look: (ids: readonly string[]) => void) {
    this.#clock = clock
    this.#look = look
  }

  /** It is listened to from now on. */
  add(id: string): void {
    this.#later.push(id)
    this.#timer ??= this.#arm()
  }

  clear(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#next = []
    this.#later = []
  }

  #arm(): Timer {
    return this.#clock.after(
      LOOK_MS,
      () => {
        const due = this.#next
        this.#next = this.#later
        this.#later = []
        this.#timer = this.#next.length > 0 ? this.#arm() : undefined
        if (due.length > 0) this.#look(due)
      },
      { unref: true },
    )
  }
}
