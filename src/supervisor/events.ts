import type { GroupConfig } from './configuration.ts'
import type { EventName } from './event-names.ts'
import type { StateChange } from './machine.ts'
import type { LogChannel } from './operations.ts'
import type { Subprocess } from './subprocess.ts'
import { covers } from './event-names.ts'

/** One event on its way to the listeners. */
export interface SupervisorEvent {
  readonly name: EventName
  readonly payload: Buffer
  /** Counts all events of this supervisor. */
  readonly serial: number
}

/** Who takes events: a pool of listeners. */
export interface EventTaker {
  readonly config: GroupConfig
  accept(event: SupervisorEvent): void
}

/** Gives each event to those that have asked for it. */
export class Events {
  readonly #takers = new Set<EventTaker>()
  readonly #watchers = new Set<(name: EventName) => void>()
  readonly #regroupListeners = new Set<() => void>()
  #serial = 0

  add(taker: EventTaker): void {
    this.#takers.add(taker)
  }

  remove(taker: EventTaker): void {
    this.#takers.delete(taker)
  }

  /** Calls `watcher` with the name of each event; the returned function ends that. */
  watch(watcher: (name: EventName) => void): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** Calls `listener` when a group that goes on has other processes, which is no event of supervisord's. */
  onRegrouped(listener: () => void): () => void {
    this.#regroupListeners.add(listener)
    return () => void this.#regroupListeners.delete(listener)
  }

  regrouped(): void {
    for (const listener of this.#regroupListeners) listener()
  }

  /** Whether anybody would be told. */
  isAskedFor(name: EventName): boolean {
    return [...this.#takers].some(({ config }) => config.events?.some((wanted) => covers(wanted, name)))
  }

  notify(name: EventName, payload: string | Buffer): void {
    const event = { name, payload: Buffer.from(payload as string), serial: this.#serial++ }
    for (const taker of this.#takers) {
      if (taker.config.events?.some((wanted) => covers(wanted, name))) taker.accept(event)
    }
    for (const watcher of this.#watchers) watcher(name)
  }
}

const about = ({ config, group }: Subprocess): string => `processname:${config.name} groupname:${group}`

/** Name and payload of the event for a change of state. */
export function stateEvent(process: Subprocess, { from, to, pid, tries, expected }: StateChange): [EventName, string] {
  const head = `${about(process)} from_state:${from}`
  const more = {
    STARTING: ` tries:${tries}`,
    BACKOFF: ` tries:${tries}`,
    RUNNING: ` pid:${pid || process.status.pid}`,
    STOPPING: ` pid:${pid}`,
    STOPPED: ` pid:${pid}`,
    EXITED: ` expected:${Number(expected)} pid:${pid}`,
    FATAL: '',
    UNKNOWN: '',
  }[to]
  return [`PROCESS_STATE_${to}`, head + more]
}

/** Payload of an event with what a process has written. */
export function outputPayload(process: Subprocess, bytes: Buffer, channel?: LogChannel): Buffer {
  const head = `${about(process)} pid:${process.status.pid}${channel ? ` channel:${channel}` : ''}\n`
  return Buffer.concat([Buffer.from(head), bytes])
}
