import { messageOf } from '../base/errors.ts'
import { isLiveChange } from './config-diff.ts'
import type { GroupConfig, ProcessConfig } from './configuration.ts'
import { FAULTS } from './faults.ts'
import type { ProcessResult } from './operations.ts'
import { resultOf, type Restarts } from './restarts.ts'
import { isWanted } from './stops.ts'
import type { Subprocess } from './subprocess.ts'
import type { Supervisor } from './supervisor.ts'

export interface RegroupOptions {
  readonly supervisor: Supervisor
  readonly restarts: Restarts
  /** Stops one, as everybody is stopped. */
  readonly stop: (process: Subprocess) => Promise<unknown>
}

/**
 * Has a group of programs be as `wanted`, and touches no process of it that is so already: what is too much is stopped,
 * what goes on can take its change over, what cannot is restarted, one after the other, each drained first and ready before
 * the next. Ends with the first that fails; what was done until then stays, and what was not is still told as a change.
 */
export async function regroup(wanted: GroupConfig, options: RegroupOptions): Promise<ProcessResult[]> {
  const { supervisor, restarts, stop } = options
  const { name } = wanted
  const results: ProcessResult[] = []
  const group = (): readonly Subprocess[] => [...(supervisor.groups.get(name)?.processes.values() ?? [])]
  const next = (config: ProcessConfig): Subprocess | undefined =>
    group().find((each) => each.config.name === config.name)

  /** Does one thing and notes what came of it; false: that it failed. */
  const noted = async (process: Subprocess, done: string, act: () => Promise<unknown>): Promise<boolean> => {
    const error = await act().then(
      () => undefined,
      (thrown: unknown) => thrown ?? new Error(messageOf(thrown)),
    )
    const result = resultOf(process, error)
    results.push(error === undefined ? { ...result, description: done } : result)
    return result.status === FAULTS.SUCCESS.code
  }
  const without = (process: Subprocess): readonly Subprocess[] => group().filter((each) => each !== process)

  for (const process of group().filter(({ config }) => !wanted.processes.some((each) => each.name === config.name))) {
    const isGone = await noted(process, 'removed', async () => {
      if (isWanted(process.status) || supervisor.starts.has(process)) await stop(process)
      supervisor.regroup(wanted, without(process))
      await process.channels.close()
    })
    if (!isGone) return results
  }
  for (const config of wanted.processes) {
    const process = next(config)
    if (!process || JSON.stringify(process.config) === JSON.stringify(config)) continue
    if (!isLiveChange(process.config, config)) continue
    await noted(process, 'changed, goes on', async () => process.retune(config))
  }
  supervisor.regroup(wanted, group())
  for (const config of wanted.processes.filter((each) => !next(each))) {
    const process = await supervisor.makeProcess(config, name)
    supervisor.regroup(wanted, [...group(), process])
    await noted(process, 'added', async () => {
      if (config.autostart) supervisor.starts.begin(process)
    })
  }
  for (const config of wanted.processes) {
    const process = next(config)
    if (!process || JSON.stringify(process.config) === JSON.stringify(config)) continue
    const replace = async (): Promise<Subprocess> => {
      const made = await supervisor.makeProcess(config, name)
      supervisor.regroup(wanted, [...without(process), made])
      await process.channels.close()
      return made
    }
    const wasWaiting = supervisor.starts.cancel(process)
    // What somebody has stopped stays so.
    const isStarted = process.status.state !== 'STOPPED'
    const done = isStarted ? 'restarted' : 'changed'
    const act = async (): Promise<void> => {
      if (isStarted) return restarts.one(process, false, replace)
      const made = await replace()
      if (wasWaiting) supervisor.starts.begin(made)
    }
    if (!(await noted(process, done, act))) break
  }
  // What it depends on may be other processes now.
  supervisor.starts.look()
  return results
}
