import { version } from '../base/version.ts'
import type { GroupConfig, ProcessConfig } from './configuration.ts'
import { faultError } from './faults.ts'
import type { Group } from './group.ts'
import type { ConfigInfo, LogChannel, LogTail, Operations, ProcessInfo } from './operations.ts'
import { configInfo, processInfo } from './process-info.ts'
import { readPart, readTail } from './read-log.ts'
import { SUPERVISOR_STATES } from './states.ts'
import type { Supervisor } from './supervisor.ts'
import type { Subprocess } from './subprocess.ts'

/** What the original answers that these words are of. */
const SUPERVISORD_VERSION = '4.2.5'

/** What can be asked of a supervisor without changing anything. */
export class Inspector {
  protected readonly supervisor: Supervisor

  constructor(supervisor: Supervisor) {
    this.supervisor = supervisor
  }

  getAPIVersion(): string {
    this.assertUp()
    return '3.0'
  }

  getSupervisorVersion(): string {
    this.assertUp()
    return `${SUPERVISORD_VERSION}+lovage.${version()}`
  }

  getIdentification(): string {
    this.assertUp()
    return this.supervisor.config.identifier
  }

  getState(): ReturnType<Operations['getState']> {
    this.assertUp()
    const { state } = this.supervisor
    return { statecode: SUPERVISOR_STATES[state], statename: state }
  }

  getPID(): number {
    this.assertUp()
    return process.pid
  }

  async readLog(offset: number, length: number): Promise<string> {
    this.assertUp()
    return readPart(this.mainLogPath(), offset, length)
  }

  getProcessInfo(name: string): ProcessInfo {
    this.assertUp()
    return this.#info(this.process(name))
  }

  getAllProcessInfo(): ProcessInfo[] {
    this.assertUp()
    const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
    return this.supervisor.processes
      .toSorted((a, b) => compare(a.group, b.group) || compare(a.config.name, b.config.name))
      .map((process) => this.#info(process))
  }

  getAllConfigInfo(): ConfigInfo[] {
    this.assertUp()
    const { latest, groups } = this.supervisor
    return latest.groups
      .flatMap((group) => group.processes.map((config) => this.#configInfo(group, config, groups.get(group.name))))
      .toSorted((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1))
  }

  async readProcessLog(name: string, channel: LogChannel, offset: number, length: number): Promise<string> {
    this.assertUp()
    return readPart(this.process(name).channels.path(channel), offset, length)
  }

  async tailProcessLog(name: string, channel: LogChannel, offset: number, length: number): Promise<LogTail> {
    this.assertUp()
    return readTail(this.process(name).channels.path(channel), offset, length)
  }

  logPath(name: string, channel: LogChannel): string | undefined {
    return this.process(name).channels.path(channel)
  }

  mainLogPath(): string | undefined {
    return this.supervisor.log.path
  }

  onProcessState(listener: Parameters<Operations['onProcessState']>[0]): () => void {
    return this.supervisor.onState(({ process, change }) =>
      listener({ name: process.config.name, group: process.group, from: change.from, to: change.to }),
    )
  }

  onChange(listener: Parameters<Operations['onChange']>[0]): () => void {
    const { events } = this.supervisor
    const endRegrouped = events.onRegrouped(() => listener('groups'))
    const endWatch = events.watch((name) => {
      if (name.startsWith('PROCESS_GROUP_')) listener('groups')
      else if (name === 'SUPERVISOR_STATE_CHANGE_STOPPING') listener('supervisor')
    })
    return () => {
      endRegrouped()
      endWatch()
    }
  }

  protected assertUp(): void {
    if (this.supervisor.state !== 'RUNNING') throw faultError('SHUTDOWN_STATE')
  }

  protected group(name: string): Group {
    const group = this.supervisor.groups.get(name)
    if (!group) throw faultError('BAD_NAME', name)
    return group
  }

  /** The group, and the process unless all of them are meant: `group:*`, `group:`. */
  protected find(name: string): { group: Group; process: Subprocess | undefined } {
    const at = name.indexOf(':')
    const [groupName, processName] = at < 0 ? [name, name] : [name.slice(0, at), name.slice(at + 1)]
    const group = this.supervisor.groups.get(groupName)
    if (!group) throw faultError('BAD_NAME', name)
    if (processName === '' || processName === '*') return { group, process: undefined }
    const process = group.processes.get(processName)
    if (!process) throw faultError('BAD_NAME', name)
    return { group, process }
  }

  protected process(name: string): Subprocess {
    const { process } = this.find(name)
    if (!process) throw faultError('BAD_NAME', name)
    return process
  }

  #info(process: Subprocess): ProcessInfo {
    const { config, group, channels, status } = process
    const stdoutLogfile = channels.path('stdout') ?? ''
    const stderrLogfile = channels.path('stderr') ?? ''
    const named = { name: config.name, group, stdoutLogfile, stderrLogfile }
    return processInfo(named, status, this.supervisor.clock, this.#note(process))
  }

  /** What supervisord has no word for. */
  #note(process: Subprocess): string {
    const { starts } = this.supervisor
    if (starts.has(process)) return `waits for ${starts.missing(process)}`
    if (process.isDraining) return 'draining'
    const { ready } = process.config
    const isAwaited = ready !== null && ready.kind !== 'exit' && process.status.state === 'RUNNING'
    return isAwaited && !process.isReady ? 'not ready' : ''
  }

  #configInfo(group: GroupConfig, config: ProcessConfig, active: Group | undefined): ConfigInfo {
    const channels = active?.processes.get(config.name)?.channels
    return configInfo(group, config, active !== undefined, (channel) => channels?.path(channel))
  }
}
