import type { App } from '../../app/app.ts'
import type { ResultBackend } from '../../backend/backend.ts'
import type { Clock } from '../../base/clock.ts'
import type { Broker } from '../../broker/broker.ts'
import type { GatewaySurroundings } from '../../gateway/gateway.ts'

/** Brokers that a world can have. */
export type BrokerModel = 'memory' | 'amqp' | 'embedded' | 'redis'

/** What is made for each process of a world: an application, and whatever goes with it. */
export interface MadeApp {
  readonly app: App
}

/** Something put around the broker and the backend of each process, for experiments: how does it end if this breaks? */
export interface Wrap {
  readonly broker?: (broker: Broker, process: string) => Broker
  readonly backend?: (backend: ResultBackend, process: string) => ResultBackend
}

/** A process of a world, with what was made in it; it can be the surroundings of a gateway: `gateway(app, {}, peer)`. */
export interface Peer<Made> extends Required<GatewaySurroundings> {
  readonly name: string
  readonly made: Made
  /** Its time. */
  readonly clock: Clock
  readonly isAlive: boolean
  /** Resolves when it is dead. */
  readonly gone: Promise<void>
  /** Calls `fn` as code of this process: tasks of a module's application are sent by its connection. */
  run<T>(fn: () => T): T
  /** Ends it, as `kill -9` does. */
  kill(): void
}
