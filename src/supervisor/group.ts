import type { GroupConfig } from './configuration.ts'
import type { ListenerPool } from './listener-pool.ts'
import { isStopped } from './states.ts'
import type { Subprocess } from './subprocess.ts'

/** Processes that are started, stopped and named together. */
export class Group {
  readonly config: GroupConfig
  /** By name, in the order of the configuration. */
  readonly processes: ReadonlyMap<string, Subprocess>
  /** Of an eventlistener. */
  readonly pool: ListenerPool | undefined

  constructor(config: GroupConfig, processes: readonly Subprocess[], pool: ListenerPool | undefined) {
    this.config = config
    this.processes = new Map(processes.map((process) => [process.config.name, process]))
    this.pool = pool
  }

  /** Low numbers first: the order of starting. */
  get byPriority(): Subprocess[] {
    return [...this.processes.values()].toSorted((a, b) => a.config.priority - b.config.priority)
  }

  get unstopped(): Subprocess[] {
    return [...this.processes.values()].filter(({ status }) => !isStopped(status.state))
  }

  /** Those that are to start by themselves, in that order. */
  get beginners(): Subprocess[] {
    return this.byPriority.filter(({ config }) => config.autostart)
  }
}
