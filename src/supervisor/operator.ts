import { messageOf } from '../base/errors.ts'
import type { GroupConfig } from './configuration.ts'
import { Conductor } from './conductor.ts'
import { fingerprintOf, groupChanges, type GroupChange } from './config-diff.ts'
import { faultError, FAULTS } from './faults.ts'
import type { ConfigChanges, Operations, ProcessResult } from './operations.ts'
import { regroup } from './regroup.ts'
import { resultOf } from './restarts.ts'
import { checkRunnable } from './runnable.ts'
import { isSignallable } from './states.ts'
import type { Ending, Supervisor } from './supervisor.ts'
import type { Subprocess } from './subprocess.ts'
import { readSignal } from './values.ts'

/** Does what is asked of a supervisor, in supervisord's words. */
export class Operator extends Conductor implements Operations {
  /** Groups that are being changed. */
  readonly #applied = new Set<string>()

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

  async configDiff(): Promise<GroupChange[]> {
    this.assertUp()
    const latest = this.#reread()
    this.supervisor.latest = latest
    return groupChanges(this.#running(), latest.groups)
  }

  async applyGroup(name: string, fingerprint: string): Promise<ProcessResult[]> {
    this.assertUp()
    const { supervisor } = this
    const wanted = supervisor.latest.groups.find((group) => group.name === name)
    if (fingerprintOf(wanted) !== fingerprint) {
      throw faultError('FAILED', `the configuration of ${name} is another than was shown`)
    }
    // Two at once would both make what is missing.
    if (this.#applied.has(name)) throw faultError('FAILED', `${name} is being changed already`)
    this.#applied.add(name)
    try {
      return await this.#applyTo(name, wanted)
    } finally {
      this.#applied.delete(name)
    }
  }

  async #applyTo(name: string, wanted: GroupConfig | undefined): Promise<ProcessResult[]> {
    const { supervisor } = this
    const active = supervisor.groups.get(name)
    if (!active && !wanted) throw faultError('BAD_NAME', name)
    if (active && wanted?.kind === 'program' && active.config.kind === 'program') {
      checkRunnable({ ...supervisor.config, groups: [wanted] }, supervisor.env['PATH'] ?? '')
      const stop = ({ fullName }: Subprocess): Promise<unknown> => this.stopProcess(fullName)
      return regroup(wanted, { supervisor, restarts: this.restarts, stop })
    }
    const stopped = active ? await this.stopProcessGroup(name) : []
    if (stopped.some(({ status }) => status !== FAULTS.SUCCESS.code)) return stopped
    if (active) await this.removeProcessGroup(name)
    if (wanted) await this.addProcessGroup(name)
    const processes = [...((wanted ? supervisor.groups.get(name) : active)?.processes.values() ?? [])]
    const description = wanted ? (active ? 'replaced' : 'added') : 'removed'
    return processes.map((process) => ({ ...resultOf(process, undefined), description }))
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
    return this.forEach(
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

  #running(): GroupConfig[] {
    return [...this.supervisor.groups.values()].map(({ config }) => config)
  }

  #reread(): Supervisor['latest'] {
    try {
      return this.supervisor.reread()
    } catch (error) {
      throw faultError('CANT_REREAD', messageOf(error))
    }
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
