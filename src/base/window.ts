import { Ring } from './ring.ts'

interface Waiting {
  go(): void
  fail(error: unknown): void
}

/**
 * Lets so many be on their way at a time; the others wait, first come first served. A time limit that begins when
 * something is on its way measures who answers, and not how many ask: 50,000 that begin in one turn would all be late, and
 * all be tried again.
 */
export class Window {
  #size: number
  #isLost: (error: unknown) => boolean
  #running = 0
  #waiting = new Ring<Waiting>()

  /** `isLost`: who fails so speaks for all that wait, since nobody is there to answer them either. */
  constructor(size: number, isLost: (error: unknown) => boolean) {
    this.#size = size
    this.#isLost = isLost
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#size) this.#running++
    // Who ends hands its place on: it is never free in between, so that nobody who comes later takes it.
    else await new Promise<void>((go, fail) => this.#waiting.push({ go, fail }))
    try {
      return await work()
    } catch (error) {
      if (this.#isLost(error)) this.#failAll(error)
      throw error
    } finally {
      const next = this.#waiting.shift()
      if (next) next.go()
      else this.#running--
    }
  }

  #failAll(error: unknown): void {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) next.fail(error)
  }
}
