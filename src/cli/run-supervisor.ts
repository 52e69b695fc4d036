import { rmSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { LovageError, messageOf } from '../base/errors.ts'
import { findAccount } from '../supervisor/accounts.ts'
import type { SupervisorConfig } from '../supervisor/configuration.ts'
import { HttpFaces } from '../supervisor/http-faces.ts'
import { Operator } from '../supervisor/operator.ts'
import { readConfiguration } from '../supervisor/read-configuration.ts'
import { Supervisor, type Ending } from '../supervisor/supervisor.ts'
import { complaintOf } from './complaint.ts'
import { EXIT } from './exit.ts'

export interface RunOptions {
  /** Reads the configuration, as it is then. */
  readonly read: () => SupervisorConfig
  /** `foreground` writes its log to stdout too; `daemon` is in the background already. */
  readonly mode: 'foreground' | 'silent' | 'daemon'
  /** A second signal is sent on to what still ends. */
  readonly twice?: boolean
  /** Takes what the programs write. */
  readonly onOutput?: (name: string, bytes: Buffer) => void
  /** Called when all programs are begun. */
  readonly onStarted?: (config: SupervisorConfig) => void
}

/** Reads the configuration as it is now. */
export function readHere(file: string, given: Partial<SupervisorConfig>): SupervisorConfig {
  return { ...readConfiguration(file, { env: process.env, host: hostname(), temporary: tmpdir() }), ...given }
}

/** Runs until a signal, or who speaks to it, ends it; after a restart with the configuration as it is then. */
export async function runSupervisor(options: RunOptions): Promise<void> {
  const { read: reread, mode, twice = false, onOutput, onStarted } = options
  keepWithoutStreams()
  try {
    let config = reread()
    becomeUser(config)
    if (mode === 'daemon') settleInBackground(config)
    const signals = new Signals(reread, twice)
    let how: Ending
    for (;;) {
      const supervisor = new Supervisor({
        ...{ config, reread, env: process.env, onOutput },
        echo: mode === 'foreground' ? (line) => void process.stdout.write(line) : undefined,
      })
      // They listen before any program starts, which may well ask; where one cannot, nothing is started.
      const faces = new HttpFaces(config.servers, new Operator(supervisor))
      signals.turnTo(supervisor)
      await faces.start()
      try {
        const isWritten = await begin(supervisor, config)
        if (signals.isShutdown) supervisor.leave('shutdown')
        onStarted?.(config)
        if (process.connected) process.send?.({ started: true })
        how = await supervisor.ended
        if (isWritten) removePidfile(config.pidfile)
      } finally {
        await faces.stop()
      }
      if (how === 'shutdown' || signals.isShutdown) break
      config = reread()
    }
    process.exitCode = EXIT.done
  } catch (error) {
    if (mode !== 'daemon' || !process.connected) throw error
    process.exitCode = EXIT.failed
    await new Promise((resolve) => process.send?.({ complaint: complaintOf(error) }, resolve))
  }
}

/** A full disk behind our streams, or a terminal that has gone, must not end who keeps the programs. */
function keepWithoutStreams(): void {
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {})
}

/** Starts it and writes the pid file; false: that cannot be written. */
async function begin(supervisor: Supervisor, { pidfile }: SupervisorConfig): Promise<boolean> {
  await supervisor.start()
  try {
    writeFileSync(pidfile, `${process.pid}\n`, { mode: 0o644 })
    return true
  } catch (error) {
    supervisor.log.write('critical', `could not write pidfile ${pidfile}: ${messageOf(error)}`)
    return false
  }
}

/** One that another supervisor has written meanwhile stays. */
function removePidfile(pidfile: string): void {
  try {
    if (readFileSync(pidfile, 'utf8').trim() === String(process.pid)) rmSync(pidfile)
  } catch {
    // It is gone already.
  }
}

/** supervisord's signals, given to the supervisor that runs now. */
class Signals {
  /** Somebody wants it to end, also where it is about to start again. */
  isShutdown = false
  #supervisor: Supervisor | undefined
  readonly #reread: () => SupervisorConfig
  readonly #twice: boolean

  constructor(reread: () => SupervisorConfig, twice: boolean) {
    this.#reread = reread
    this.#twice = twice
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, () => this.#shutdown(signal))
    process.on('SIGHUP', () => this.#restart())
    process.on('SIGUSR2', () => void this.#reopen())
  }

  turnTo(supervisor: Supervisor): void {
    this.#supervisor = supervisor
  }

  #shutdown(signal: string): void {
    if (this.isShutdown && this.#twice) {
      this.#supervisor?.log.write('warn', `received ${signal} again: what still runs is told again`)
      for (const process of this.#supervisor?.processes ?? []) process.signal(process.config.stopsignal)
    }
    this.isShutdown = true
    this.#supervisor?.log.write('warn', `received ${signal} indicating exit request`)
    void this.#supervisor?.stop()
  }

  #restart(): void {
    const { log } = this.#supervisor ?? {}
    if (this.isShutdown) {
      return log?.write('warn', 'ignored SIGHUP indicating restart request (shutdown in progress)')
    }
    log?.write('warn', 'received SIGHUP indicating restart request')
    try {
      this.#reread()
      this.#supervisor?.leave('restart')
    } catch (error) {
      // With a configuration that cannot be read there would be nothing to start again.
      log?.write('error', `the configuration cannot be used, what runs goes on as it was: ${messageOf(error)}`)
    }
  }

  async #reopen(): Promise<void> {
    await this.#supervisor?.reopenLogs()
    this.#supervisor?.log.write('info', 'received SIGUSR2 indicating log reopen request')
  }
}

/** Gives up root for good, before any file is made. */
function becomeUser({ user }: SupervisorConfig): void {
  if (user === null || process.getuid?.() !== 0) return
  const account = findAccount(user)
  if (!account) {
    const fix = 'Name one of /etc/passwd, or its number'
    throw new LovageError('OPTION_INVALID', {
      option: 'user',
      where: '[supervisord]',
      problem: `is no user: ${user}`,
      fix,
    })
  }
  if (account.uid === 0) return
  // Missing in the types of Node 20.
  ;(process as { initgroups?: (user: string, group: number) => void }).initgroups?.(account.name, account.gid)
  process.setgid?.(account.gid)
  process.setuid?.(account.uid)
}

function settleInBackground({ directory, umask }: SupervisorConfig): void {
  if (directory !== null) process.chdir(directory)
  process.umask(umask)
}
