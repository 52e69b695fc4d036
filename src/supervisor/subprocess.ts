import type { ChildProcess } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Clock, Timer } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { findCommand, type BadCommand, type Command } from './command.ts'
import type { ProcessConfig } from './configuration.ts'
import { cannotBecome, childEnvironment, launch } from './launch.ts'
import type { LogFiles } from './log-file.ts'
import type { MainLog } from './main-log.ts'
import {
  NEVER_STARTED,
  step,
  type ProcessAction,
  type ProcessEvent,
  type ProcessStatus,
  type StateChange,
} from './machine.ts'
import type { Channels } from './channels.ts'
import type { Pipes } from './pipes.ts'
import { Readiness } from './readiness.ts'
import { runCommand, type CommandEnd } from './run-command.ts'
import { signalName } from './values.ts'

/** What a process needs of the supervisor that keeps it. */
export interface Keeper {
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly pipes: Pipes
  readonly logFiles: LogFiles
  readonly log: MainLog
  /** What SUPERVISOR_SERVER_URL says where a program says nothing of it. */
  readonly serverurl: string | null
  /** Whether it stops all: nothing is started any more. */
  readonly isLeaving: boolean
  changed(process: Subprocess, change: StateChange, event: ProcessEvent): void
  /** It has a pid now, which no change of state need tell. */
  spawned(process: Subprocess): void
  /** It has become ready for work, or is not any more. */
  readied(process: Subprocess): void
}

/** One process of the configuration: its state, its child while it has one, and its logs. */
export class Subprocess {
  readonly group: string
  readonly channels: Channels
  readonly #keeper: Keeper
  #config: ProcessConfig
  #status: ProcessStatus = NEVER_STARTED
  #child: ChildProcess | undefined
  #timer: Timer | undefined
  readonly #waiting = new Set<() => void>()
  readonly #readiness: Readiness
  /** Of its guards that are asked. */
  readonly #guards = new Set<AbortController>()
  #draining: { pid: number; end: AbortController; ended: Promise<string | undefined> } | undefined

  constructor(config: ProcessConfig, group: string, channels: Channels, keeper: Keeper) {
    this.#config = config
    this.group = group
    this.channels = channels
    this.#keeper = keeper
    this.#readiness = new Readiness({
      ...{ how: config.ready, clock: keeper.clock, run: (...given) => this.run(...given) },
      status: () => this.#status,
      changed: () => {
        keeper.readied(this)
        this.look()
      },
    })
  }

  get config(): ProcessConfig {
    return this.#config
  }

  /** Goes on by another configuration, which says nothing else of what was started. */
  retune(config: ProcessConfig): void {
    this.#config = config
  }

  get status(): ProcessStatus {
    return this.#status
  }

  /** `group:name`, or the name alone where both are the same. */
  get fullName(): string {
    return this.group === this.config.name ? this.group : `${this.group}:${this.config.name}`
  }

  /** Ready for work, as its `ready=` has it. */
  get isReady(): boolean {
    return this.#readiness.isReady
  }

  /** Its drain command runs. */
  get isDraining(): boolean {
    return this.#draining !== undefined
  }

  /** Takes what it writes, where a line of it tells that it is ready. */
  heard(bytes: Buffer): void {
    this.#readiness.heard(bytes)
  }

  /** Runs a command for it. */
  run(command: string, timeoutMs: number, signal?: AbortSignal): Promise<CommandEnd> {
    const { env, serverurl, clock } = this.#keeper
    const { config, group } = this
    return runCommand({ command, config, group, pid: this.#status.pid, env, serverurl, timeoutMs, signal, clock })
  }

  /** Asks whether it may be stopped; not any more when it is stopped all the same. */
  async ask(guard: string, timeoutMs: number): Promise<CommandEnd> {
    const end = new AbortController()
    this.#guards.add(end)
    try {
      return await this.run(guard, timeoutMs, end.signal)
    } finally {
      this.#guards.delete(end)
    }
  }

  /**
   * Has it finish what it has in hand, by its drain command. Resolves to why it has not; undefined: it has, or nothing of
   * it is left.
   */
  drain(): Promise<string | undefined> {
    const { drain, drainwaitsecs } = this.config
    const { pid } = this.#status
    if (drain === null || pid === 0) return Promise.resolve(undefined)
    if (this.#draining) return this.#draining.ended
    this.#keeper.log.write('info', `draining ${this.fullName}`)
    const end = new AbortController()
    const ended = this.run(drain, drainwaitsecs * 1_000, end.signal).then(({ ok, said }) => {
      this.#draining = undefined
      return ok || end.signal.aborted ? undefined : said
    })
    this.#draining = { pid, end, ended }
    return ended
  }

  command(): Command | BadCommand {
    return findCommand(this.config, this.#keeper.env['PATH'] ?? '')
  }

  apply(given: ProcessEvent): void {
    const { clock, isLeaving } = this.#keeper
    // Whoever has begun to wait before may come when nobody is left to stop it.
    if (isLeaving && given.type === 'start') return
    const isRestart = given.type === 'due' && this.#status.state === 'BACKOFF'
    const event: ProcessEvent = isLeaving && isRestart ? { type: 'giveUp' } : given
    const rules = isLeaving ? { ...this.config, autorestart: false } : this.config
    const moment = { monotonicMs: clock.monotonic(), epochMs: clock.now() }
    const { status, actions, changes } = step(this.#status, event, rules, moment)
    this.#status = status
    this.#arm()
    for (const change of changes) this.#keeper.changed(this, change, event)
    for (const action of actions) this.#act(action)
    this.#readiness.look()
    if (this.#draining && (this.#draining.pid !== this.#status.pid || this.#status.state === 'STOPPING')) {
      this.#draining.end.abort()
    }
    if (isLeaving || this.#status.state === 'STOPPING') for (const end of this.#guards) end.abort()
    this.look()
  }

  /** Has those who wait look again. */
  look(): void {
    for (const look of this.#waiting) look()
  }

  /** Resolves as soon as `is` holds; it is looked at after each event. */
  until(is: (status: ProcessStatus) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!is(this.#status)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Sends a signal to the process, or to its whole group; false: it may not. One that is gone already is none to send to. */
  signal(signal: number, group = false): boolean {
    const { pid } = this.#status
    if (pid === 0) return true
    try {
      process.kill(group ? -pid : pid, signal)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ESRCH') return true
      this.#keeper.log.write('critical', `unknown problem killing ${this.config.name} (${pid}): ${messageOf(error)}`)
      return false
    }
  }

  /** Writes to its stdin; false: that is closed. Resolves when it is written, or waits in memory. */
  async send(data: string | Buffer): Promise<boolean> {
    const stdin = this.#child?.stdin
    if (!stdin || stdin.destroyed || !stdin.writable || stdin.writableLength > MOST_WAITING) return false
    return new Promise((resolve) => {
      // A program that does not read is no reason to make the caller wait.
      const patience = this.#keeper.clock.after(WRITE_PATIENCE_MS, () => resolve(true))
      stdin.write(data, (error) => {
        patience.cancel()
        resolve(!error)
      })
    })
  }

  #act(action: ProcessAction): void {
    if (action.type === 'spawn') return this.#spawn()
    const { log } = this.#keeper
    const { name } = this.config
    if (action.signal === 9) log.write('warn', `killing '${name}' (${this.#status.pid}) with SIGKILL`)
    else log.write('debug', `killing ${name} (pid ${this.#status.pid}) with signal ${signalName(action.signal)}`)
    if (!this.signal(action.signal, action.group)) this.apply({ type: 'signalFailed' })
  }

  #spawn(): void {
    const { config } = this
    const command = this.command()
    const problem = 'reason' in command ? command.reason : (cannotBecome(config.uid) ?? cannotEnter(config.directory))
    if (problem !== undefined || 'reason' in command) return this.#failed(problem ?? 'cannot be started')
    try {
      this.#launch(command)
    } catch (error) {
      this.channels.end()
      const { code } = error as NodeJS.ErrnoException
      const many = code === 'EMFILE' || code === 'ENFILE'
      this.#failed(many ? `too many open files to spawn '${config.name}'` : messageOf(error))
    }
  }

  #launch(command: Command): void {
    const { env, serverurl, log } = this.#keeper
    const { config, group } = this
    const ends = this.channels.open()
    const child = launch({
      config,
      command,
      env: childEnvironment(env, config, group, config.serverurl ?? serverurl),
      path: env['PATH'] ?? '',
      ...ends,
    })
    // Writing to a program that has closed its stdin is answered by the write itself.
    child.stdin?.on('error', () => {})
    child.on('error', (error) => {
      if (child.pid !== undefined) return log.write('critical', `${config.name}: ${messageOf(error)}`)
      this.channels.end()
      this.#failed(`couldn't exec ${command.argv[0]}: ${(error as NodeJS.ErrnoException).code ?? messageOf(error)}`)
    })
    if (child.pid === undefined) return
    this.#child = child
    child.on('exit', (code, signal) => this.#ended(child, code, signal))
    log.write('info', `spawned: '${config.name}' with pid ${child.pid}`)
    this.apply({ type: 'spawned', pid: child.pid })
    this.#keeper.spawned(this)
  }

  #failed(reason: string): void {
    this.#keeper.log.write('info', `spawnerr: ${reason}`)
    this.apply({ type: 'spawnFailed', reason })
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    this.channels.end()
    child.stdin?.destroy()
    this.#child = undefined
    this.apply({ type: 'exited', code, signal })
  }

  #arm(): void {
    this.#timer?.cancel()
    const { dueMs } = this.#status
    const waitMs = dueMs === undefined ? 0 : Math.max(0, dueMs - this.#keeper.clock.monotonic())
    this.#timer =
      dueMs === undefined ? undefined : this.#keeper.clock.after(Math.ceil(waitMs), () => this.apply({ type: 'due' }))
  }
}

/** What a program may leave unread in its stdin. */
const MOST_WAITING = 1024 * 1024

const WRITE_PATIENCE_MS = 100

function cannotEnter(directory: string | null): string | undefined {
  if (!directory) return undefined
  const found = statSync(directory, { throwIfNoEntry: false })
  if (found?.isDirectory()) return undefined
  return `couldn't chdir to ${directory}: ${found ? 'ENOTDIR' : 'ENOENT'}`
}
