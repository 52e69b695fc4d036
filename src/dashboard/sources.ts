/**
 * What the dashboard needs of schedules and hosts, as interfaces: rooms that meet on the wire do not import each other, so
 * the command that runs them fills these in (with `Schedules` of `lovage/beat` and `Hosts` of the supervisor).
 */

/** Entries of a beat. `Schedules` of `lovage/beat` is one. */
export interface ScheduleSource {
  list(): Promise<readonly ScheduleFacts[]>
  /** Of one entry `ofEach` at most. */
  next(
    count?: number,
    ofEach?: number,
  ): Promise<readonly { readonly name: string; readonly due: Date; readonly at: Date }[]>
  pause(name: string): Promise<unknown>
  resume(name: string): Promise<unknown>
  run(name: string): Promise<unknown>
}

export interface ScheduleFacts {
  readonly name: string
  readonly schedule: string
  readonly timezone: string
  readonly task: string
  readonly isInCode: boolean
  readonly isPaused: boolean
  readonly isEnabled: boolean
  readonly runs: number
  readonly skipped: number
  readonly failures: number
  readonly last: { readonly id: string; readonly at: Date } | null
  readonly next: Date | null
}

/** Supervisors of many hosts. `Hosts` of the supervisor is one. */
export interface HostSource {
  readonly hosts: readonly { readonly name: string; readonly tags: readonly string[] }[]
  /** What each host says of its processes; a host that does not answer is told of as unreachable, and delays nobody. */
  status(): Promise<readonly HostFacts[]>
  /** Does something to processes (`host:group:process`, with `*` for any) and tells of each as it is done. */
  run(verb: 'start' | 'stop' | 'restart' | 'clear', names: readonly string[]): AsyncIterable<HostOutcome>
  /** The end of a log: with an offset, what was written since. */
  tail(
    host: string,
    process: string,
    channel: 'stdout' | 'stderr',
    offset: number,
    length: number,
  ): Promise<{ readonly text: string; readonly offset: number; readonly overflow: boolean }>
}

export type HostFacts =
  | { readonly host: string; readonly processes: readonly ProcessFacts[]; readonly unreachable?: undefined }
  | { readonly host: string; readonly unreachable: { readonly sinceMs: number; readonly why: string } }

/** As `getAllProcessInfo` tells it: times in whole seconds since 1970, 0: never. */
export interface ProcessFacts {
  readonly name: string
  readonly group: string
  readonly start: number
  readonly stop: number
  readonly now: number
  readonly statename: string
  readonly spawnerr: string
  readonly exitstatus: number
  readonly pid: number
  readonly description: string
}

export interface HostOutcome {
  readonly host: string
  /** Undefined: the host as a whole. */
  readonly name?: string
  readonly text: string
  readonly isError: boolean
}
