import { version } from '../base/version.ts'
import type { Session } from './api.ts'
import type { DashboardContext, Identity } from './context.ts'

/** What a page asks first: who looks at it, and what there is to be seen. */
export function sessionOf({ sources, fleet }: DashboardContext, identity: Identity): Session {
  const { schedules, hosts } = sources
  const has = { schedules: schedules !== undefined, gateways: fleet.hasGateways, processes: hosts !== undefined }
  return { ...identity, version: version(), has }
}
