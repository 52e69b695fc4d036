import { hostname, tmpdir } from 'node:os'
import type { Clock } from '../base/clock.ts'
import type { Service } from '../base/service.ts'
import type { SupervisorConfig } from './configuration.ts'
import { HttpFaces } from './http-faces.ts'
import type { Operations } from './operations.ts'
import { Operator } from './operator.ts'
import { configurationOf, readConfiguration, type ConfigSections } from './read-configuration.ts'
import { Supervisor } from './supervisor.ts'

export { faultOf } from './faults.ts'
export { Hosts, type Host, type HostResult, type HostsOptions } from './hosts.ts'
export type { HostAnswer, Unreachable } from './host-views.ts'
export type { HostVerb } from './host-verbs.ts'
export type {
  ConfigChanges,
  ConfigInfo,
  LogChannel,
  LogTail,
  Operations,
  ProcessInfo,
  ProcessResult,
} from './operations.ts'
export type { ProcessState, SupervisorState } from './states.ts'
export type { ConfigSections }

/** How a supervisor is run inside a program of one's own. */
export interface SuperviseOptions {
  /**
   * The environment of the programs, to which each may add: `process.env` as a rule. Its `PATH` is where commands are looked
   * for, and `%(ENV_x)s` in the configuration names its variables.
   */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Takes each line of its log, with its end. The log file is that of the configuration. */
  readonly onLog?: (line: string) => void
  /** Takes what the programs write, by the name of the process. Nothing waits for what it returns. */
  readonly onOutput?: (name: string, bytes: Buffer) => void
  /** Default: that of the machine. */
  readonly clock?: Clock
}

/** A supervisor in this process. */
export interface Supervised extends Service {
  /**
   * Opens its HTTP servers, makes all pipes and logs, and starts what starts by itself; resolves when all of that is begun.
   * @throws LovageError `SUPERVISOR_CONFIG_UNREADABLE`, `SUPERVISOR_CONFIG_INVALID`, `SUPERVISOR_CANNOT`,
   * `SUPERVISOR_CANNOT_LISTEN`; then nothing is started
   */
  start(): Promise<void>
  /** Stops all programs and resolves when they have ended. */
  stop(): Promise<void>
  /** Resolves when it has ended, by `stop()` or because somebody has told it to. */
  readonly ended: Promise<void>
  /** What can be asked of it: what the XML-RPC has, and more. @throws Error before it has been started */
  readonly operations: Operations
}

/**
 * Makes a supervisor: what `lovage supervise` runs, without its signals, pid file and change of user.
 *
 * @param configuration the path of a configuration file, or sections as one has them:
 * `{ 'program:web': { command: 'node web.js', autorestart: true } }`. Everything in it means what it means in a file, `%`
 * too; without a `logfile` in its section `supervisord` there is none where it is given so
 *
 * @public
 */
export function supervise(configuration: string | ConfigSections, options: SuperviseOptions): Supervised {
  const place = { env: options.env, host: hostname(), temporary: tmpdir() }
  const read = (): SupervisorConfig =>
    typeof configuration === 'string'
      ? readConfiguration(configuration, place)
      : configurationOf(withoutLog(configuration), 'configuration', place)
  return new Lives(read, options)
}

function withoutLog(sections: ConfigSections): ConfigSections {
  return { ...sections, supervisord: { logfile: 'NONE', ...sections['supervisord'] } }
}

/** One supervisor after the other: a restart makes another, with the configuration as it is then. */
class Lives implements Supervised {
  readonly ended: Promise<void>
  readonly #read: () => SupervisorConfig
  readonly #options: SuperviseOptions
  #supervisor: Supervisor | undefined
  #operations: Operations | undefined
  #faces: HttpFaces | undefined
  #starting: Promise<void> | undefined
  #end!: () => void
  #isStopped = false

  constructor(read: () => SupervisorConfig, options: SuperviseOptions) {
    this.#read = read
    this.#options = options
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  get operations(): Operations {
    if (!this.#operations) throw new Error('the supervisor has not been started')
    return this.#operations
  }

  start(): Promise<void> {
    return (this.#starting ??= this.#begin())
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (!this.#starting) return this.#end()
    await this.#starting.catch(() => this.#end())
    await this.#supervisor?.stop()
    await this.ended
  }

  async #begin(): Promise<void> {
    const config = this.#read()
    const { env, onLog: echo, onOutput, clock } = this.#options
    const reread = this.#read
    const supervisor = new Supervisor({ config, reread, env, echo, onOutput, ...(clock && { clock }) })
    const operations = new Operator(supervisor)
    const faces = new HttpFaces(config.servers, operations)
    await faces.start()
    try {
      await supervisor.start()
    } catch (error) {
      await faces.stop()
      throw error
    }
    this.#supervisor = supervisor
    this.#operations = operations
    this.#faces = faces
    void this.#goOn(supervisor)
  }

  async #goOn(supervisor: Supervisor): Promise<void> {
    const how = await supervisor.ended
    await this.#faces?.stop()
    if (how === 'shutdown' || this.#isStopped) return this.#end()
    // A restart reads the configuration before it stops anything; one that has gone bad meanwhile ends it.
    await this.#again().catch((error: unknown) => {
      supervisor.log.write('critical', `cannot be started again: ${String(error)}`)
      this.#end()
    })
  }

  async #again(): Promise<void> {
    await this.#begin()
    if (this.#isStopped) await this.#supervisor?.stop()
  }
}
