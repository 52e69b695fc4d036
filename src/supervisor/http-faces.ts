import type { Service } from '../base/service.ts'
import type { ServerConfig } from './configuration.ts'
import type { Clock } from '../base/clock.ts'
import { HttpFace } from './http-face.ts'
import type { Operations } from './operations.ts'
import { StateFeed } from './state-feed.ts'

/** All servers of a configuration: either each of them listens, or none. */
export class HttpFaces implements Service {
  readonly #faces: readonly HttpFace[]
  readonly #feed: StateFeed

  constructor(servers: readonly ServerConfig[], operations: Operations, clock?: Clock) {
    this.#feed = new StateFeed(operations, clock && { clock })
    const shared = { operations, feed: this.#feed, ...(clock && { clock }) }
    this.#faces = servers.map((config) => new HttpFace({ config, ...shared }))
  }

  /** @throws LovageError `SUPERVISOR_CANNOT_LISTEN` */
  async start(): Promise<void> {
    try {
      for (const face of this.#faces) await face.start()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async stop(): Promise<void> {
    this.#feed.close()
    await Promise.all(this.#faces.map((face) => face.stop()))
  }
}
