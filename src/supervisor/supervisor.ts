import { tmpdir } from 'node:os'
import { rm } from 'node:fs/promises'
import { systemClock, type Clock } from '../base/clock.ts'
import type { Service } from '../base/service.ts'
import { clearAutoLogs } from './auto-logs.ts'
import { Channels } from './channels.ts'
import type { GroupConfig, ProcessConfig, SupervisorConfig } from './configuration.ts'
import { Events, stateEvent } from './events.ts'
import { Group } from './group.ts'
import { ListenerPool } from './listener-pool.ts'
import { LogFiles } from './log-file.ts'
import type { ProcessEvent, StateChange } from './machine.ts'
import { MainLog } from './main-log.ts'
import { Pipes } from './pipes.ts'
import { checkRunnable, hazardsOf, limitsOf } from './runnable.ts'
import { sayingOf } from './sayings.ts'
import { serverurlOf } from './server-url.ts'
import { sinkOf } from './sinks.ts'
import { StateFile } from './state-file.ts'
import type { SupervisorState } from './states.ts'
import { Subprocess, type Keeper } from './subprocess.ts'
import { afterDependents } from './order.ts'
import { endNow, tellWaiting } from './stops.ts'
import { Ticks } from './ticks.ts'
import { WaitingStarts } from './waiting-starts.ts'

export interface SupervisorOptions {
  readonly config: SupervisorConfig
  /** Reads the configuration again: for `reread` and `restart`. */
  readonly reread: () => SupervisorConfig
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock?: Clock
  /** Takes each line of the supervisor's own log too, with its end. */
  readonly echo?: ((line: string) => void) | undefined
  /** Takes what the programs write, both channels. */
  readonly onOutput?: ((name: string, bytes: Buffer) => void) | undefined
}

/** Why a supervisor has ended. */
export type Ending = 'shutdown' | 'restart'

export type StateListener = (change: { process: Subprocess; change: StateChange }) => void

/**
 * Keeps the processes of one configuration. It has ended, `ended` tells how, when all of them have; for a restart another
 * one is made with the configuration as it is then.
 */
export class Supervisor implements Service, Keeper {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: MainLog
  readonly logFiles: LogFiles
  readonly events = new Events()
  /** In the order of the configuration, those that were added later behind. */
  readonly groups = new Map<string, Group>()
  /** Processes that are to start when others are ready. */
  readonly starts = new WaitingStarts(this)
  readonly ended: Promise<Ending>
  readonly reread: () => SupervisorConfig
  /** The configuration as it was read last; what runs may be of an earlier one. */
  latest: SupervisorConfig
  readonly #config: SupervisorConfig
  readonly #stateFile: StateFile
  readonly #listeners = new Set<StateListener>()
  readonly #ticks: Ticks
  readonly #onOutput: SupervisorOptions['onOutput']
  #pipes: Pipes | undefined
  #state: SupervisorState = 'RUNNING'
  #end!: (how: Ending) => void
  #starting: Promise<void> | undefined
  #ending: Promise<void> | undefined

  constructor({ config, reread, env, clock = systemClock, echo, onOutput }: SupervisorOptions) {
    this.#onOutput = onOutput
    this.#config = config
    this.latest = config
    this.reread = reread
    this.env = env
    this.clock = clock
    const { logfile: path, loglevel: level } = config
    const rotation = { maxbytes: config.logfileMaxbytes, backups: config.logfileBackups }
    this.log = new MainLog({ path, rotation, level, clock, echo })
    this.logFiles = new LogFiles((problem) => this.log.write('error', problem))
    this.#stateFile = new StateFile(`${config.pidfile}.children`, clock, this.log)
    this.#ticks = new Ticks(clock, this.events)
    this.ended = new Promise((resolve) => (this.#end = resolve))
  }

  get config(): SupervisorConfig {
    return this.#config
  }

  get state(): SupervisorState {
    return this.#state
  }

  get isLeaving(): boolean {
    return this.#state !== 'RUNNING'
  }

  get serverurl(): string | null {
    return serverurlOf(this.#config.servers)
  }

  get pipes(): Pipes {
    if (!this.#pipes) throw new Error('the supervisor has not been started')
    return this.#pipes
  }

  /** Every process, by the priority of its group and its own. */
  get processes(): Subprocess[] {
    return this.groupsByPriority.flatMap((group) => group.byPriority)
  }

  get groupsByPriority(): Group[] {
    return [...this.groups.values()].toSorted((a, b) => a.config.priority - b.config.priority)
  }

  /**
   * Makes every pipe and every log file, then starts what starts by itself. Throws SUPERVISOR_CANNOT and what Node throws
   * where a file cannot be made; then nothing was started.
   */
  start(): Promise<void> {
    return (this.#starting ??= this.#start())
  }

  /** Stops all processes and ends. */
  async stop(): Promise<void> {
    if (!this.#starting) return
    await this.#starting.catch(() => {})
    this.leave('shutdown')
    await this.#ending
  }

  async #start(): Promise<void> {
    const { groups, identifier, warnings, ignored } = this.#config
    checkRunnable(this.#config, this.env['PATH'] ?? '')
    await this.log.open()
    try {
      for (const warning of [...hazardsOf(this.#config), ...limitsOf(this.#config), ...warnings, ...ignored]) {
        this.log.write('warn', warning)
      }
      const leftFolder = await this.#stateFile.open(groups)
      if (leftFolder) await rm(leftFolder, { recursive: true, force: true })
      await clearAutoLogs(this.#config, this.log)
      this.#pipes = new Pipes(tmpdir())
      this.#stateFile.folder = this.#pipes.folder
      await this.#pipes.stock(2 * groups.reduce((sum, { processes }) => sum + processes.length, 0))
      for (const group of groups) await this.#make(group)
    } catch (error) {
      await this.#close()
      throw error
    }
    this.log.write('info', `supervisord started with pid ${process.pid}`)
    this.log.write('debug', `identifier is ${identifier}`)
    this.events.notify('SUPERVISOR_STATE_CHANGE_RUNNING', '')
    this.#ticks.start()
    for (const group of this.groupsByPriority) this.#begin(group)
  }

  /** Adds a group of the configuration and starts what of it starts by itself; false: it is there. */
  async add(config: GroupConfig): Promise<boolean> {
    if (this.groups.has(config.name)) return false
    checkRunnable({ ...this.#config, groups: [config] }, this.env['PATH'] ?? '')
    const group = await this.#make(config)
    if (!group) return false
    this.events.notify('PROCESS_GROUP_ADDED', `groupname:${config.name}\n`)
    if (this.#state === 'RUNNING') this.#begin(group)
    this.starts.look()
    return true
  }

  /** Takes a group away whose processes have all stopped; false: one has not. */
  async remove(group: Group): Promise<boolean> {
    if (group.unstopped.length > 0) return false
    this.groups.delete(group.config.name)
    if (group.pool) this.events.remove(group.pool)
    // One that waits for its next start is not to come back.
    for (const process of group.byPriority) {
      this.starts.cancel(process)
      process.apply({ type: 'stop' })
    }
    await Promise.all(group.byPriority.map(({ channels }) => channels.close()))
    this.events.notify('PROCESS_GROUP_REMOVED', `groupname:${group.config.name}\n`)
    return true
  }

  /** Has a group consist of these processes, as far as they are of `config` in its order. */
  regroup(config: GroupConfig, made: readonly Subprocess[]): void {
    const at = ({ config: { name } }: Subprocess): number => config.processes.findIndex((each) => each.name === name)
    const processes = made.toSorted((a, b) => at(a) - at(b))
    const running = { ...config, processes: processes.map((process) => process.config) }
    this.groups.set(config.name, new Group(running, processes, undefined))
    this.events.regrouped()
  }

  /** Begins to stop all, group after group, that with the highest number first. What has begun to end goes on ending. */
  leave(how: Ending): void {
    if (this.#ending) return
    this.#state = how === 'restart' ? 'RESTARTING' : 'SHUTDOWN'
    this.#ending = this.#leave(how)
  }

  /** Opens all log files again, after somebody has moved them away. */
  async reopenLogs(): Promise<void> {
    await Promise.all([this.log.reopen(), this.logFiles.reopen()])
  }

  /** Calls `listener` at each change of state; the returned function ends that. */
  onState(listener: StateListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  changed(process: Subprocess, change: StateChange, event: ProcessEvent): void {
    const saying = sayingOf(process.config.name, change, event, process.config)
    if (saying) this.log.write(...saying)
    this.#stateFile.changed(process)
    this.groups.get(process.group)?.pool?.changed(process)
    this.events.notify(...stateEvent(process, change))
    for (const listener of this.#listeners) listener({ process, change })
    this.starts.look()
  }

  /** The processes of a group, or else of a program. */
  named(word: string): Subprocess[] {
    const group = this.groups.get(word)
    return group ? group.byPriority : this.processes.filter(({ config }) => config.program === word)
  }

  readied(process: Subprocess): void {
    const isSaid = process.config.ready !== null && process.isReady
    if (isSaid) this.log.write('info', `${process.fullName} is ready`)
    this.starts.look()
  }

  spawned(process: Subprocess): void {
    this.#stateFile.changed(process)
  }

  async #make(config: GroupConfig): Promise<Group | undefined> {
    const pool =
      config.kind === 'eventlistener' ? new ListenerPool(config, this.#config.identifier, this.log) : undefined
    const made: Subprocess[] = []
    for (const each of config.processes) made.push(await this.makeProcess(each, config.name, pool))
    if (this.groups.has(config.name)) {
      // Somebody else has added it meanwhile.
      await Promise.all(made.map(({ channels }) => channels.close()))
      return undefined
    }
    const group = new Group(config, made, pool)
    this.groups.set(config.name, group)
    if (pool) this.events.add(pool)
    return group
  }

  /** A process with its pipes and logs, of no group yet. */
  async makeProcess(config: ProcessConfig, group: string, pool?: ListenerPool): Promise<Subprocess> {
    const { childlogdir: folder, identifier, stripAnsi } = this.#config
    const sink = { config, pool, events: this.events, log: this.log, find: () => made, onOutput: this.#onOutput }
    const channels = await Channels.make({
      ...{ config, pipes: this.pipes, logFiles: this.logFiles, stripAnsi },
      auto: { folder, identifier, unique: () => this.clock.uuid().slice(0, 8) },
      sinks: { stdout: sinkOf('stdout', sink), stderr: sinkOf('stderr', sink) },
    })
    const made = new Subprocess(config, group, channels, this)
    return made
  }

  async #leave(how: Ending): Promise<void> {
    this.events.notify('SUPERVISOR_STATE_CHANGE_STOPPING', '')
    this.#ticks.stop()
    const tell = tellWaiting(this)
    this.starts.cancelAll()
    const endOf = afterDependents(this.processes, endNow)
    for (const group of this.groupsByPriority.toReversed()) {
      // Those of the other groups must not come back while this one ends.
      for (const process of this.processes) process.apply({ type: 'giveUp' })
      // All of it at once, high numbers first.
      await Promise.all(group.byPriority.toReversed().map(endOf))
    }
    tell.cancel()
    await Promise.all(this.processes.map(({ channels }) => channels.close()))
    await this.#close()
    this.#end(how)
  }

  #begin(group: Group): void {
    for (const process of group.beginners) this.starts.begin(process)
  }

  async #close(): Promise<void> {
    this.#pipes?.remove()
    await this.#stateFile.close()
    await this.log.close()
  }
}
