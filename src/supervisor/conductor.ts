import { faultError } from './faults.ts'
import { Inspector } from './inspector.ts'
import type { ProcessStatus } from './machine.ts'
import type { ProcessResult } from './operations.ts'
import { afterDependents, dependenciesFirst } from './order.ts'
import { resultOf, Restarts } from './restarts.ts'
import { isRunning } from './states.ts'
import { isWanted, Stops } from './stops.ts'
import type { Subprocess } from './subprocess.ts'
import type { Supervisor } from './supervisor.ts'

/** Starts, stops and restarts what is asked for, each after what it has to wait for. */
export class Conductor extends Inspector {
  readonly #stops: Stops
  protected readonly restarts: Restarts

  constructor(supervisor: Supervisor) {
    super(supervisor)
    this.#stops = new Stops(supervisor)
    this.restarts = new Restarts(supervisor, (name) => this.startProcess(name, true))
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
    const { starts } = this.supervisor
    if (process.config.dependsOn.length > 0) {
      if (!wait) {
        starts.begin(process)
        return true
      }
      await starts.until(process)
      // Somebody may have been quicker.
      this.assertUp()
    }
    process.apply({ type: 'start' })
    // What cannot be executed is told by the kernel, which is known with the pid or without it.
    await process.until(({ state: now, pid }) => now !== 'STARTING' || pid !== 0)
    const failed = (): boolean => process.status.spawnError !== ''
    if (failed()) throw faultError('SPAWN_ERROR', name)
    if (!wait) return true
    await process.until(({ state: now }) => now !== 'STARTING')
    if (failed()) throw faultError('SPAWN_ERROR', name)
    const isDone = process.status.state === 'EXITED' && process.isReady
    if (process.status.state !== 'RUNNING' && !isDone) throw faultError('ABNORMAL_TERMINATION', name)
    return true
  }

  async startProcessGroup(name: string, wait = true): Promise<ProcessResult[]> {
    this.assertUp()
    return this.forEach(dependenciesFirst(this.group(name).byPriority), isNotRunning, (each) =>
      this.startProcess(each, wait),
    )
  }

  async startAllProcesses(wait = true): Promise<ProcessResult[]> {
    this.assertUp()
    return this.forEach(dependenciesFirst(this.supervisor.processes), isNotRunning, (each) =>
      this.startProcess(each, wait),
    )
  }

  async stopProcess(name: string, wait = true, force = false): Promise<true | ProcessResult[]> {
    this.assertUp()
    const { group, process } = this.find(name)
    if (!process) return this.stopProcessGroup(group.config.name, wait, force)
    const wasWaiting = this.supervisor.starts.cancel(process)
    if (!isWanted(process.status)) {
      if (wasWaiting) return true
      throw faultError('NOT_RUNNING', name)
    }
    const { ended } = await this.#stops.begin(process, force)
    if (process.status.state === 'UNKNOWN') throw faultError('FAILED', `${name} cannot be signalled`)
    if (!wait) return true
    if (process.status.state === 'STOPPING')
      this.supervisor.log.write('info', `waiting for ${process.config.name} to stop`)
    await ended
    return true
  }

  async stopProcessGroup(name: string, wait = true, force = false): Promise<ProcessResult[]> {
    this.assertUp()
    return this.#stopEach(this.group(name).byPriority, wait, force)
  }

  async stopAllProcesses(wait = true, force = false): Promise<ProcessResult[]> {
    this.assertUp()
    return this.#stopEach(this.supervisor.processes, wait, force)
  }

  async restartProcess(name: string, force = false): Promise<true> {
    this.assertUp()
    await this.restarts.one(this.process(name), force)
    return true
  }

  async rollingRestart(name: string, force = false, told?: (result: ProcessResult) => void): Promise<ProcessResult[]> {
    this.assertUp()
    const { group, process } = this.find(name)
    return this.restarts.rolling(group.config.name, process ? [process] : group.byPriority, force, told)
  }

  /** All of them at once, in order; each has a result of its own. Those that `is` does not hold for are left out. */
  protected async forEach(
    processes: readonly Subprocess[],
    is: (status: ProcessStatus) => boolean,
    act: (name: string) => Promise<unknown>,
  ): Promise<ProcessResult[]> {
    return Promise.all(processes.filter(({ status }) => is(status)).map(resulting(act)))
  }

  #stopEach(processes: readonly Subprocess[], wait: boolean, force: boolean): Promise<ProcessResult[]> {
    const { starts } = this.supervisor
    const meant = processes.filter((process) => isWanted(process.status) || starts.has(process))
    const stop = resulting((name) => this.stopProcess(name, wait, force))
    return Promise.all(meant.map(afterDependents(meant, stop)))
  }
}

function resulting(act: (name: string) => Promise<unknown>): (process: Subprocess) => Promise<ProcessResult> {
  return async (process) => {
    const error = await act(process.fullName).then(noError, (thrown: unknown) => thrown)
    return resultOf(process, error)
  }
}

const noError = (): undefined => undefined

const isNotRunning = ({ state }: ProcessStatus): boolean => !isRunning(state)
