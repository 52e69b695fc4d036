import { LovageError } from '../base/errors.ts'
import type { Service } from '../base/service.ts'
import { LazyService } from './lazy-service.ts'
import type { Client } from './send.ts'

/** The application's one connection: opened when it is first wanted, shared by all, closed once. */
export class Connection {
  readonly #service: LazyService<ClientService>
  #open: Client | undefined
  #isClosing = false

  /** `make` gives broker and backend, not started. */
  constructor(make: () => Client | Promise<Client>) {
    this.#service = new LazyService(
      () => {
        const made = make()
        return made instanceof Promise ? made.then((client) => new ClientService(client)) : new ClientService(made)
      },
      () => new LovageError('BROKER_CLOSED'),
    )
  }

  clientIfOpen(): Client | undefined {
    return this.#open
  }

  /** All who call while it opens share that; after a failure the next call tries again. */
  async client(): Promise<Client> {
    const { client } = await this.#service.open()
    if (!this.#isClosing) this.#open = client
    return client
  }

  close(): Promise<void> {
    this.#isClosing = true
    this.#open = undefined
    return this.#service.close()
  }
}

/** Broker and backend as one: results may travel over the broker, so it comes first and goes last. */
class ClientService implements Service {
  readonly client: Client

  constructor(client: Client) {
    this.client = client
  }

  async start(): Promise<void> {
    const { broker, backend } = this.client
    try {
      await broker.start()
      await backend.start()
    } catch (error) {
      await Promise.allSettled([backend.stop(), broker.stop()])
      throw error
    }
  }

  async stop(): Promise<void> {
    const { broker, backend } = this.client
    try {
      await backend.stop()
    } finally {
      await broker.stop()
    }
  }
}
