import { messageOf } from '../base/errors.ts'
import type { GroupConfig } from './configuration.ts'
import { faultError, faultOf, FAULTS } from './faults.ts'
import { Inspector } from './inspector.ts'
import type { ProcessStatus } from './machine.ts'
import type { ConfigChanges, Operations, ProcessResult } from './operations.ts'
import { isRunning, isSignallable, isStopped } from './states.ts'
import type { Ending, Supervisor } from './supervisor.ts'
import type { Subprocess } from './subprocess.ts'
import { readSignal } from './values.ts'

/** Does what is asked of a supervisor, in supervisord's words. */
export class Operator extends Inspector implements Operations {
  async clearLog(): Promise<true> {
    this.assertUp()
    const { log } = this.supervisor
    if (log.path === undefined) throw faultError('NO_FILE')
    await log.clear().catch((error: unknown) => {
      throw faultError('FAILED', messageOf(error))
    })
    log.write('info', 'reopening log file')
    return true
  }

  shutdown(): true {
    return this.#leave('shutdown')
  }

  restart(): true {
    this.assertUp()
    // With a configuration that cannot be read there would be nothing to start again.
    this.#reread()
    return this.#leave('restart')
  }

  async reloadConfig(): Promise<ConfigChanges> {
    this.assertUp()
    const latest = this.#reread()
    this.supervisor.latest = latest
    const { groups } = this.supervisor
    const isNew = ({ name }: GroupConfig): boolean => !groups.has(name)
    const isOther = (config: GroupConfig): boolean => {
      const active = groups.get(config.name)
      return active !== undefined && JSON.stringify(active.config) !== JSON.stringify(config)
    }
    const names = new Set(latest.groups.map(({ name }) => name))
    return {
      added: latest.groups.filter(isNew).map(({ name }) => name),
      changed: latest.groups.filter(isOther).map(({ name }) => name),
      removed: [...groups.keys()].filter((name) => !names.has(name)),
    }
  }

  async addProcessGroup(name: string): Promise<true> {
    this.assertUp()
    const config = this.supervisor.latest.groups.find((group) => group.name === name)
    if (!config) throw faultError('BAD_NAME', name)
    const isAdded = await this.supervisor.add(config).catch((error: unknown) => {
      throw faultError('FAILED', messageOf(error))
    })
    if (!isAdded) throw faultError('ALREADY_ADDED', name)
    return true
  }

  async removeProcessGroup(name: string): Promise<true> {
    this.assertUp()
    if (!(await this.supervisor.remove(this.group(name)))) throw faultError('STILL_RUNNING', name)
    return true
  }

  async startProcess(name: string, wait = true): Promise<true | ProcessResult[]> {
    this.assertUp()
    const { group, process } = this.find(name)
    if (!process) return this.startProcessGroup(group.config.name, wait)
    const command = process.command()
    if ('reason' in command) throw faultError(command.fault, command.reason)
    const { state } = process.status
    if (isRunning(state)) throw faultError('ALREADY_STARTED', name)
    if (state === 'UNKNOWN') throw faultError('FAILED', `${name} is in an unknown process state`)
    process.apply({ type: 'start' })
    // What cannot be executed is told by the kernel, which is known with the pid or without it.
    await process.until(({ state: now, pid }) => now !== 'STARTING' || pid !== 0)
    const failed = (): boolean => process.status.spawnError !== ''
    if (failed()) throw faultError('SPAWN_ERROR', name)
    if (!wait) return true
    await process.until(({ state: now }) => now !== 'STARTING')
    if (failed()) throw faultError('SPAWN_ERROR', name)
    if (process.status.state !== 'RUNNING') throw faultError('ABNORMAL_TERMINATION', name)
    return true
  }

  async startProcessGroup(name: string, wait = true): Promise<ProcessResult[]> {
    this.assertUp()
    return this.#forEach(this.group(name).byPriority, isNotRunning, (each) => this.startProcess(each, wait))
  }

  async startAllProcesses(wait = true): Promise<ProcessResult[]> {
    this.assertUp()
    return this.#forEach(this.supervisor.processes, isNotRunning, (each) => this.startProcess(each, wait))
  }

  async stopProcess(name: string, wait = true): Promise<true | ProcessResult[]> {
    this.assertUp()
    const { group, process } = this.find(name)
    if (!process) return this.stopProcessGroup(group.config.name, wait)
    if (!isWanted(process.status)) throw faultError('NOT_RUNNING', name)
    process.apply({ type: 'stop' })
    if (process.status.state === 'UNKNOWN') throw faultError('FAILED', `${name} cannot be signalled`)
    if (!wait) return true
    if (process.status.state === 'STOPPING')
      this.supervisor.log.write('info', `waiting for ${process.config.name} to stop`)
    await process.until(({ state }) => isStopped(state))
    return true
  }

  async stopProcessGroup(name: string, wait = true): Promise<ProcessResult[]> {
    this.assertUp()
    return this.#forEach(this.group(name).byPriority, isWanted, (each) => this.stopProcess(each, wait))
  }

  async stopAllProcesses(wait = true): Promise<ProcessResult[]> {
    this.assertUp()
    return this.#forEach(this.supervisor.processes, isWanted, (each) => this.stopProcess(each, wait))
  }

  signalProcess(name: string, signal: string): true | ProcessResult[] {
    this.assertUp()
    const { group, process } = this.find(name)
    if (!process) return this.signalProcessGroup(group.config.name, signal)
    let number: number
    try {
      number = readSignal(signal)
    } catch {
      throw faultError('BAD_SIGNAL', signal)
    }
    if (!isSignallable(process.status.state)) throw faultError('NOT_RUNNING', name)
    if (!process.signal(number)) throw faultError('FAILED', `${name} cannot be signalled`)
    return true
  }

  signalProcessGroup(name: string, signal: string): ProcessResult[] {
    this.assertUp()
    return this.#signalEach(this.group(name).byPriority, signal)
  }

  signalAllProcesses(signal: string): ProcessResult[] {
    this.assertUp()
    return this.#signalEach(this.supervisor.processes, signal)
  }

  async clearProcessLogs(name: string): Promise<true> {
    this.assertUp()
    await this.process(name)
      .channels.clear()
      .catch(() => {
        throw faultError('FAILED', name)
      })
    return true
  }

  async clearAllProcessLogs(): Promise<ProcessResult[]> {
    this.assertUp()
    return this.#forEach(
      this.supervisor.processes,
      () => true,
      (name) => this.clearProcessLogs(name),
    )
  }

  async sendProcessStdin(name: string, chars: string): Promise<true> {
    this.assertUp()
    const process = this.process(name)
    if (process.status.pid === 0 || process.status.state === 'STOPPING') throw faultError('NOT_RUNNING', name)
    if (!(await process.send(chars))) throw faultError('NO_FILE', name)
    return true
  }

  sendRemoteCommEvent(type: string, data: string): true {
    this.supervisor.events.notify('REMOTE_COMMUNICATION', `type:${type}\n${data}`)
    return true
  }

  #leave(how: Ending): true {
    this.assertUp()
    this.supervisor.leave(how)
    return true
  }

  #reread(): Supervisor['latest'] {
    try {
      return this.supervisor.reread()
    } catch (error) {
      throw faultError('CANT_REREAD', messageOf(error))
    }
  }

  /** All of them at once, in order; each has a result of its own. Those that `is` does not hold for are left out. */
  async #forEach(
    processes: readonly Subprocess[],
    is: (status: ProcessStatus) => boolean,
    act: (name: string) => Promise<unknown>,
  ): Promise<ProcessResult[]> {
    return Promise.all(
      processes
        .filter(({ status }) => is(status))
        .map(async (process) =>
          resultOf(process, await act(process.fullName).then(noError, (error: unknown) => error)),
        ),
    )
  }

  #signalEach(processes: readonly Subprocess[], signal: string): ProcessResult[] {
    return processes
      .filter(({ status }) => isSignallable(status.state))
      .map((process) => {
        try {
          this.signalProcess(process.fullName, signal)
          return resultOf(process, undefined)
        } catch (error) {
          return resultOf(process, error)
        }
      })
  }
}

const noError = (): undefined => undefined

const isNotRunning = ({ state }: ProcessStatus): boolean => !isRunning(state)

/** It runs, or will by itself in a moment. */
const isWanted = ({ state, dueMs }: ProcessStatus): boolean =>
  isRunning(state) || (state === 'EXITED' && dueMs !== undefined)

function resultOf({ config, group }: Subprocess, error: unknown): ProcessResult {
  const named = { name: config.name, group }
  if (error === undefined) return { ...named, status: FAULTS.SUCCESS.code, description: 'OK' }
  const fault = faultOf(error)
  return { ...named, status: fault?.code ?? FAULTS.FAILED.code, description: fault?.text ?? messageOf(error) }
}
