import type { App } from '../app/app.ts'
import type { Desk } from './relay.ts'
import type { ResolvedOptions } from './options.ts'
import type { ServedRoute } from './server.ts'

/** What a plugin is given of the gateway that it is added to. */
export interface PluginParts {
  readonly app: App
  readonly desk: Desk
  readonly options: ResolvedOptions
}

/** Routes that come together: what `gateway.use()` takes, `tornadoCelery({ tasks: [add] })` say. */
export type Plugin = (parts: PluginParts) => readonly ServedRoute[]
