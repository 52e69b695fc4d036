import type { Service } from '../base/service.ts'

/** A service that is started when it is first wanted, shared by all who want it, and stopped once. */
export class LazyService<T extends Service> {
  readonly #make: () => T | Promise<T>
  readonly #closed: () => Error
  #opening: Promise<T> | undefined
  #closing: Promise<void> | undefined

  /** `make` gives it, not started; `closed` is what is thrown once it is closed. */
  constructor(make: () => T | Promise<T>, closed: () => Error) {
    this.#make = make
    this.#closed = closed
  }

  /** All who call while it starts share that; after a failure the next call tries again. */
  open(): Promise<T> {
    if (this.#closing) return Promise.reject(this.#closed())
    if (this.#opening) return this.#opening
    const opening = (this.#opening = this.#start())
    opening.catch(() => {
      if (this.#opening === opening) this.#opening = undefined
    })
    return opening
  }

  close(): Promise<void> {
    this.#closing ??= this.#stop()
    return this.#closing
  }

  async #start(): Promise<T> {
    const made = this.#make()
    const service = made instanceof Promise ? await made : made
    await service.start()
    return service
  }

  async #stop(): Promise<void> {
    const service = await this.#opening?.catch(() => undefined)
    await service?.stop()
  }
}
