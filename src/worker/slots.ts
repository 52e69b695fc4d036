import { Ring } from '../base/ring.ts'
import type { Waiting, Work } from './work.ts'

/** Who may start now, and who waits for that. */
export class Slots implements Waiting {
  readonly #hasRoom: (starting: number) => boolean
  readonly #launch: (work: Work) => void
  readonly #ready = new Ring<Work>()
  #waiting = 0
  #starting = 0
  #isClosed = false

  /** @param hasRoom whether another task can start beside those that run, and those that are about to */
  constructor(hasRoom: (starting: number) => boolean, launch: (work: Work) => void) {
    this.#hasRoom = hasRoom
    this.#launch = launch
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Slots that are kept for tasks about to run. */
  get starting(): number {
    return this.#starting
  }

  enter(work: Work): void {
    if (this.#waiting === 0 && this.#isFree) return this.#launch(work)
    work.waitsIn = this
    this.#waiting++
    this.#ready.push(work)
  }

  withdraw(work: Work): void {
    work.waitsIn = undefined
    this.#waiting--
  }

  /** A slot is free. */
  fill(): void {
    while (this.#isFree) {
      const work = this.#next()
      if (!work) return
      this.#launch(work)
    }
  }

  /** Keeps a slot for a task until the returned function is called. */
  reserve(): () => void {
    this.#starting++
    return () => void this.#starting--
  }

  /** Lets go of all that wait; nothing starts from now on. */
  close(): Work[] {
    this.#isClosed = true
    const works: Work[] = []
    for (let work = this.#next(); work; work = this.#next()) works.push(work)
    return works
  }

  #next(): Work | undefined {
    for (let work = this.#ready.shift(); work; work = this.#ready.shift()) {
      if (work.waitsIn !== this) continue
      this.withdraw(work)
      return work
    }
    return undefined
  }

  get #isFree(): boolean {
    return !this.#isClosed && this.#hasRoom(this.#starting)
  }
}
