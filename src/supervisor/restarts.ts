import { faultError, faultOf, FAULTS } from './faults.ts'
import { messageOf } from '../base/errors.ts'
import type { ProcessResult } from './operations.ts'
import { isStopped, type ProcessState } from './states.ts'
import { isWanted } from './stops.ts'
import type { Subprocess } from './subprocess.ts'
import type { Supervisor } from './supervisor.ts'

/** What one becomes by a stop alone, and never by itself. */
const BY_STOP: ReadonlySet<ProcessState> = new Set(['STOPPING', 'STOPPED', 'UNKNOWN'])

/** Restarts that keep work going: drained first, over when it is ready again, one after the other. */
export class Restarts {
  readonly #supervisor: Supervisor
  readonly #start: (name: string) => Promise<unknown>
  readonly #busy = new Set<string>()

  constructor(supervisor: Supervisor, start: (name: string) => Promise<unknown>) {
    this.#supervisor = supervisor
    this.#start = start
  }

  /**
   * Drains it, stops it, starts it and waits until it is ready. One that does not run is started.
   * @param between what is done while it is stopped; returns what is started then
   * @throws LovageError `SUPERVISOR_FAULT`; a process that could not be drained goes on
   */
  async one(process: Subprocess, force: boolean, between?: () => Promise<Subprocess>): Promise<void> {
    const name = process.fullName
    await this.#alone(name, async () => {
      if (isWanted(process.status)) await this.#stop(process, force)
      const next = between ? await between() : process
      await this.#start(name)
      await this.ready(next)
    })
  }

  /** Restarts all that run, or should, one after the other; ends with the first that fails. `told` takes each result. */
  async rolling(
    group: string,
    processes: readonly Subprocess[],
    force: boolean,
    told: (result: ProcessResult) => void = () => {},
  ): Promise<ProcessResult[]> {
    const { log } = this.#supervisor
    return this.#alone(`${group}:*`, async () => {
      const results: ProcessResult[] = []
      const all = processes.filter(({ status }) => isWanted(status) || status.state === 'FATAL')
      log.write(
        'info',
        `rolling restart of ${group}: ${all.map(({ config }) => config.name).join(', ') || 'nothing runs'}`,
      )
      for (const [index, process] of all.entries()) {
        const error = await this.one(process, force).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        const result = resultOf(process, error)
        results.push(result)
        told(result)
        if (error === undefined) continue
        const left = all.slice(index + 1).map(({ fullName }) => fullName)
        const rest = left.length > 0 ? `; not restarted: ${left.join(', ')}` : ''
        log.write('error', `rolling restart of ${group} ends at ${process.fullName}: ${result.description}${rest}`)
        break
      }
      return results
    })
  }

  /** @throws LovageError `SUPERVISOR_FAULT` when it has ended before it was ready, or is late */
  async ready(process: Subprocess): Promise<void> {
    const { readywaitsecs } = process.config
    let isLate = false
    const late = this.#supervisor.clock.after(readywaitsecs * 1_000, () => {
      isLate = true
      process.look()
    })
    const isOver = (): boolean => {
      const { state } = process.status
      return state === 'BACKOFF' || state === 'STOPPING' || isStopped(state)
    }
    await process.until(() => process.isReady || isLate || isOver())
    late.cancel()
    if (process.isReady) return
    const name = process.fullName
    if (isOver()) throw faultError('ABNORMAL_TERMINATION', `${name} is ${process.status.state} before it was ready`)
    throw faultError('FAILED', `${name} is not ready ${readywaitsecs} s after its start`)
  }

  async #stop(process: Subprocess, force: boolean): Promise<void> {
    const { log } = this.#supervisor
    const why = await process.drain()
    // Somebody has stopped it meanwhile: that is not to be undone.
    if (BY_STOP.has(process.status.state)) {
      throw faultError('ABNORMAL_TERMINATION', `${process.fullName} was told to stop while it was drained`)
    }
    if (why !== undefined) {
      if (!force) throw faultError('FAILED', `${process.fullName} is not drained and goes on: ${why}`)
      log.write('warn', `${process.fullName} is stopped although it is not drained: ${why}`)
    }
    process.apply({ type: 'stop' })
    if (process.status.state === 'UNKNOWN') throw faultError('FAILED', `${process.fullName} cannot be signalled`)
    await process.until(({ state }) => isStopped(state))
  }

  async #alone<T>(name: string, act: () => Promise<T>): Promise<T> {
    if (this.#busy.has(name)) throw faultError('FAILED', `${name} is being restarted already`)
    this.#busy.add(name)
    try {
      return await act()
    } finally {
      this.#busy.delete(name)
    }
  }
}

export function resultOf({ config, group }: Subprocess, error: unknown): ProcessResult {
  const named = { name: config.name, group }
  if (error === undefined) return { ...named, status: FAULTS.SUCCESS.code, description: 'OK' }
  const fault = faultOf(error)
  return { ...named, status: fault?.code ?? FAULTS.FAILED.code, description: fault?.text ?? messageOf(error) }
}
