import { messageOf } from '../base/errors.ts'
import { faultError, faultOf, FAULTS } from './faults.ts'
import type { ConfigChanges, Operations, ProcessInfo, ProcessResult } from './operations.ts'

/** What web page and JSON can be asked to do with a process, with `group:*`, or with `*`, which is all of them. */
export const FACE_ACTS = ['start', 'stop', 'restart', 'rolling-restart', 'clear', 'signal', 'stdin'] as const
export type FaceAct = (typeof FACE_ACTS)[number]

export interface ActOptions {
  /** Resolve when it has happened, and not when it is begun. Default: true. */
  readonly wait?: boolean
  /** Stops also what could not be drained. Default: false. */
  readonly force?: boolean
  /** For `signal`. */
  readonly signal?: string
  /** For `stdin`. */
  readonly chars?: string
}

/**
 * Does it, and tells what came of it, process by process.
 * @throws LovageError `SUPERVISOR_FAULT`
 */
export async function act(
  on: Operations,
  what: FaceAct,
  name: string,
  options: ActOptions = {},
): Promise<readonly ProcessResult[]> {
  const { wait = true, force, signal, chars } = options
  const group = /^([^:]*):\*?$/.exec(name)?.[1]
  const all = name === '*' || name === 'all'
  const one = async (done: unknown): Promise<readonly ProcessResult[]> => {
    const result = await done
    return Array.isArray(result) ? (result as ProcessResult[]) : [doneWith(name)]
  }
  switch (what) {
    case 'start':
      return all ? on.startAllProcesses(wait) : one(on.startProcess(name, wait))
    case 'stop':
      return all ? on.stopAllProcesses(wait, force) : one(on.stopProcess(name, wait, force))
    case 'restart':
      return restart(on, name, { all, group, wait, force })
    case 'rolling-restart':
      return on.rollingRestart(name, force)
    case 'clear':
      if (all) return on.clearAllProcessLogs()
      if (group !== undefined) return clearGroup(on, group)
      return one(on.clearProcessLogs(name))
    case 'signal':
      if (signal === undefined) throw faultError('BAD_SIGNAL')
      return all ? on.signalAllProcesses(signal) : one(on.signalProcess(name, signal))
    default:
      if (chars === undefined) throw faultError('INCORRECT_PARAMETERS', 'chars is missing')
      return one(on.sendProcessStdin(name, chars))
  }
}

interface RestartOptions {
  readonly all: boolean
  readonly group: string | undefined
  readonly wait: boolean
  readonly force: boolean | undefined
}

/** As ctl does: what does not run is started all the same; what could not be stopped is not. */
async function restart(on: Operations, name: string, options: RestartOptions): Promise<readonly ProcessResult[]> {
  const { all, group, wait, force } = options
  if (all || group !== undefined) {
    const stopped = all
      ? await on.stopAllProcesses(true, force)
      : await on.stopProcessGroup(group as string, true, force)
    const failed = stopped.filter(({ status }) => status !== FAULTS.SUCCESS.code && status !== FAULTS.NOT_RUNNING.code)
    const isFailed = (one: ProcessResult): boolean =>
      failed.some((each) => each.name === one.name && each.group === one.group)
    const started = all ? await on.startAllProcesses(wait) : await on.startProcessGroup(group as string, wait)
    return [...started.filter((one) => !isFailed(one)), ...failed]
  }
  try {
    await on.stopProcess(name, true, force)
  } catch (error) {
    if (faultOf(error)?.name !== 'NOT_RUNNING') throw error
  }
  await on.startProcess(name, wait)
  return [doneWith(name)]
}

async function clearGroup(on: Operations, group: string): Promise<readonly ProcessResult[]> {
  const meant = on.getAllProcessInfo().filter((info) => info.group === group)
  if (meant.length === 0) throw faultError('BAD_NAME', group)
  return Promise.all(
    meant.map(async (info) => {
      const named = { name: info.name, group }
      try {
        await on.clearProcessLogs(fullNameOf(info))
        return { ...named, status: FAULTS.SUCCESS.code, description: 'OK' }
      } catch (error) {
        const { code, text } = faultOf(error) ?? { code: FAULTS.FAILED.code, text: messageOf(error) }
        return { ...named, status: code, description: text }
      }
    }),
  )
}

function doneWith(name: string): ProcessResult {
  const [group = name, process = group] = name.split(':')
  return { name: process, group, status: FAULTS.SUCCESS.code, description: 'OK' }
}

/** `group:name`, or the name alone where both are the same. */
export function fullNameOf({ name, group }: Pick<ProcessInfo, 'name' | 'group'>): string {
  return group === name ? name : `${group}:${name}`
}

/** What an update has done, and the groups that it has left as they were because one of them could not be stopped. */
export interface Updated extends ConfigChanges {
  readonly failed: readonly string[]
}

/**
 * Takes over what has changed in the configuration: groups that are new are added, those that are gone are stopped and
 * removed, those that are changed both.
 * @throws LovageError `SUPERVISOR_FAULT`
 */
export async function updateGroups(on: Operations): Promise<Updated> {
  const { added, changed, removed } = await on.reloadConfig()
  const failed: string[] = []
  const remove = async (name: string): Promise<boolean> => {
    const results = await on.stopProcessGroup(name)
    if (results.some(({ status }) => status !== FAULTS.SUCCESS.code && status !== FAULTS.NOT_RUNNING.code)) {
      failed.push(name)
      return false
    }
    return on.removeProcessGroup(name)
  }
  const isDone = (name: string): boolean => !failed.includes(name)
  for (const name of removed) await remove(name)
  for (const name of changed) if (await remove(name)) await on.addProcessGroup(name)
  for (const name of added) await on.addProcessGroup(name)
  return { added, changed: changed.filter(isDone), removed: removed.filter(isDone), failed }
}
