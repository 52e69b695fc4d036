import { LovageError } from '../base/errors.ts'
import type { Client } from './send.ts'

/** The application's one connection: opened when it is first wanted, shared by all, closed once. */
export class Connection {
  readonly #make: () => Client
  #opening: Promise<Client> | undefined
  #open: Client | undefined
  #closing: Promise<void> | undefined

  /** `make` gives broker and backend, not started. */
  constructor(make: () => Client) {
    this.#make = make
  }

  clientIfOpen(): Client | undefined {
    return this.#open
  }

  /** All who call while it opens share that; after a failure the next call tries again. */
  client(): Promise<Client> {
    if (this.#closing) return Promise.reject(new LovageError('BROKER_CLOSED'))
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

  async #start(): Promise<Client> {
    const client = this.#make()
    try {
      await client.broker.start()
      await client.backend.start()
    } catch (error) {
      await Promise.allSettled([client.backend.stop(), client.broker.stop()])
      throw error
    }
    if (!this.#closing) this.#open = client
    return client
  }

  async #stop(): Promise<void> {
    this.#open = undefined
    const client = await this.#opening?.catch(() => undefined)
    try {
      await client?.backend.stop()
    } finally {
      await client?.broker.stop()
    }
  }
}
