import type { Service } from '../base/service.ts'
import type { ServerConfig } from './configuration.ts'
import { HttpFace } from './http-face.ts'
import type { Operations } from './operations.ts'

/** All servers of a configuration: either each of them listens, or none. */
export class HttpFaces implements Service {
  readonly #faces: readonly HttpFace[]

  constructor(servers: readonly ServerConfig[], operations: Operations) {
    this.#faces = servers.map((config) => new HttpFace({ config, operations }))
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
    await Promise.all(this.#faces.map((face) => face.stop()))
  }
}
