import type { App } from '../app/app.ts'
import type { Clock } from '../base/clock.ts'
import { abandoningOf } from './abandoning.ts'
import { joinsOf } from './joins.ts'
import { Limits } from './limit.ts'
import type { ResolvedOptions } from './options.ts'
import { Refusal } from './refusal.ts'
import type { Desk } from './relay.ts'
import { ticketsOf } from './tickets.ts'

/** What all requests of a gateway share; nothing is opened before the first of them needs it. */
export function deskOf(app: App, options: ResolvedOptions, clock: Clock, outage: Desk['outage']): Desk {
  return {
    inFlight: 0,
    maxInFlight: options.maxInFlight,
    tickets: ticketsOf(app, clock),
    abandoning: abandoningOf(app, clock),
    ...joinsOf(app, clock),
    limits: new Limits(app, clock),
    refusal: options.refuseLate ? new Refusal(app, clock) : undefined,
    clock,
    outage,
  }
}
