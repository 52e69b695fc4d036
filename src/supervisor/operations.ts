import type { GroupChange } from './config-diff.ts'
import type { ProcessState, SupervisorState } from './states.ts'

/** One process, as `getAllProcessInfo` of supervisord tells it. Times in whole seconds since 1970; 0: never. */
export interface ProcessInfo {
  readonly name: string
  readonly group: string
  readonly start: number
  readonly stop: number
  readonly now: number
  readonly state: number
  readonly statename: ProcessState
  readonly spawnerr: string
  readonly exitstatus: number
  /** As stdout_logfile, for old callers. */
  readonly logfile: string
  readonly stdout_logfile: string
  readonly stderr_logfile: string
  /** 0: there is none. */
  readonly pid: number
  readonly description: string
}

/** What came of an operation on one process of several. */
export interface ProcessResult {
  readonly name: string
  readonly group: string
  /** 80, or the number of a fault. */
  readonly status: number
  readonly description: string
}

/** Group names, as `reread` tells them. */
export interface ConfigChanges {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
}

/** Text of a log's end, the size of the log, and whether there was more than was asked for. */
export interface LogTail {
  readonly text: string
  readonly offset: number
  readonly overflow: boolean
}

export type LogChannel = 'stdout' | 'stderr'

/** One process of the configuration, in the 30 fields of `getAllConfigInfo`; what is unset is 'none', or 'auto'. */
export type ConfigInfo = Readonly<Record<string, string | number | boolean | readonly number[]>>

/**
 * All that can be asked of a supervisor, in supervisord's words: every face (XML-RPC, web page, JSON) stands on this.
 *
 * `name` is `group:process`, or one word where both are the same; `group:*` is all of a group. Throws SUPERVISOR_FAULT,
 * whose fault and number `faultOf` tells.
 *
 * @public
 */
export interface Operations {
  getAPIVersion(): string
  getSupervisorVersion(): string
  getIdentification(): string
  getState(): { statecode: number; statename: SupervisorState }
  getPID(): number
  /** Bytes of the supervisor's own log as text; a negative offset with length 0: the last so many. */
  readLog(offset: number, length: number): Promise<string>
  clearLog(): Promise<true>
  /** Stops all and ends; resolves at once. */
  shutdown(): true
  /** Stops all and starts anew with the configuration as it is then; resolves at once. */
  restart(): true
  /** Reads the configuration again and tells how it differs from what runs. Changes nothing that runs. */
  reloadConfig(): Promise<ConfigChanges>
  /** Reads the configuration again and tells each option that differs, secrets as `***`. Changes nothing that runs. */
  configDiff(): Promise<GroupChange[]>
  /**
   * Has a group be as `configDiff` has told, and nothing else: `fingerprint` is the one it told. Processes that are so
   * already go on.
   */
  applyGroup(name: string, fingerprint: string): Promise<ProcessResult[]>
  addProcessGroup(name: string): Promise<true>
  removeProcessGroup(name: string): Promise<true>
  /** With `wait`, resolves when it is RUNNING. */
  startProcess(name: string, wait?: boolean): Promise<true | ProcessResult[]>
  startProcessGroup(name: string, wait?: boolean): Promise<ProcessResult[]>
  startAllProcesses(wait?: boolean): Promise<ProcessResult[]>
  /** With `wait`, resolves when it has ended; with `force` its `stop_guard` is not asked. */
  stopProcess(name: string, wait?: boolean, force?: boolean): Promise<true | ProcessResult[]>
  stopProcessGroup(name: string, wait?: boolean, force?: boolean): Promise<ProcessResult[]>
  stopAllProcesses(wait?: boolean, force?: boolean): Promise<ProcessResult[]>
  /**
   * Drains one process, stops it, starts it and resolves when it is ready. With `force` it is stopped also where it could
   * not be drained.
   */
  restartProcess(name: string, force?: boolean): Promise<true>
  /**
   * The same with all processes of a group that run, one after the other: it ends with the first that fails, whose result
   * is the last. `told` takes each result as it comes.
   */
  rollingRestart(name: string, force?: boolean, told?: (result: ProcessResult) => void): Promise<ProcessResult[]>
  /** `signal`: `'HUP'`, `'SIGHUP'`, `'1'`. */
  signalProcess(name: string, signal: string): true | ProcessResult[]
  signalProcessGroup(name: string, signal: string): ProcessResult[]
  signalAllProcesses(signal: string): ProcessResult[]
  getProcessInfo(name: string): ProcessInfo
  /** Sorted by group, then name. */
  getAllProcessInfo(): ProcessInfo[]
  getAllConfigInfo(): ConfigInfo[]
  readProcessLog(name: string, channel: LogChannel, offset: number, length: number): Promise<string>
  tailProcessLog(name: string, channel: LogChannel, offset: number, length: number): Promise<LogTail>
  clearProcessLogs(name: string): Promise<true>
  clearAllProcessLogs(): Promise<ProcessResult[]>
  sendProcessStdin(name: string, chars: string): Promise<true>
  sendRemoteCommEvent(type: string, data: string): true
  /** The file of a channel, to follow it; undefined: it has none. */
  logPath(name: string, channel: LogChannel): string | undefined
  /** The file of the supervisor's own log; undefined: it has none. */
  mainLogPath(): string | undefined
  /** Called at each change of state; the returned function ends that. What follows a stream of states stands on this. */
  onProcessState(
    listener: (change: { name: string; group: string; from: ProcessState; to: ProcessState }) => void,
  ): () => void
  /** Called when a group has come or gone, and when the supervisor begins to end; the returned function ends that. */
  onChange(listener: (what: 'groups' | 'supervisor') => void): () => void
}
