/** The starts and stops of one service, in order: one that starts shares that with all who ask, and a start waits for the stop before it. */
export class Lifecycle {
  #closed: () => Error
  #running: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  /** `closed` is what a start throws that was stopped before it began. */
  constructor(closed: () => Error) {
    this.#closed = closed
  }

  /** After a failure the next call begins again. */
  start(begin: () => Promise<void>): Promise<void> {
    if (this.#running) return this.#running
    const stopping = this.#stopping
    const running = Promise.resolve().then(async () => {
      await stopping
      if (this.#running !== running) throw this.#closed()
      await begin()
    })
    this.#running = running
    running.catch(() => {
      if (this.#running === running) this.#running = undefined
    })
    return running
  }

  /** `finish` is given the start that it ends, be it still under way. Without one there is nothing to do. */
  stop(finish: (running: Promise<void>) => Promise<void>): Promise<void> {
    const running = this.#running
    if (!running) return this.#stopping ?? Promise.resolve()
    this.#running = undefined
    return (this.#stopping = finish(running))
  }
}
