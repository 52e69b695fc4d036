import { faultOf } from './faults.ts'
import { CTL_EXIT, isUp, nameOf, splitName, type CtlSession, type Verb } from './ctl-session.ts'
import type { ProcessInfo } from './operations.ts'

/** Those that a `*` means: they run, or should. */
export const ROLLS: readonly string[] = ['STARTING', 'RUNNING', 'BACKOFF', 'FATAL']

/** What is said where a supervisor has no `lovage.` methods. */
export const NOT_OURS = 'this supervisor is not ours, and has no such thing'

/** The words without `--force`, and whether it was among them. */
export function forced(words: readonly string[]): { force: boolean; names: string[] } {
  return { force: words.includes('--force'), names: words.filter((word) => word !== '--force') }
}

/** Restarts one process after the other, the next when the last is ready, and ends with the first that fails. */
export const rollingRestart: Verb = async (session, words) => {
  if (!(await isUp(session))) return
  const { force, names } = forced(words)
  if (names.length === 0) {
    session.say('Error: rolling-restart requires a process name')
    session.say('rolling-restart [--force] <group>:*\tone process after the other, the next when the last is ready')
    session.exitCode = CTL_EXIT.failed
    return
  }
  const all = await session.client.call<ProcessInfo[]>('getAllProcessInfo')
  const meant = names.flatMap((name) => meantBy(session, all, name))
  if (session.exitCode !== CTL_EXIT.done) return
  if (meant.length === 0) session.say('nothing of that runs')
  for (const [index, info] of meant.entries()) {
    const name = nameOf(info)
    try {
      await session.client.call('lovage.restartProcess', `${info.group}:${info.name}`, force)
      session.say(`${name}: restarted`)
    } catch (error) {
      session.exitCode = CTL_EXIT.failed
      const left = meant.slice(index + 1).map(nameOf)
      if (left.length > 0) session.say(`not restarted: ${left.join(', ')}`)
      const fault = faultOf(error)
      if (!fault) throw error
      session.say(`${name}: ERROR (${fault.code === 1 ? NOT_OURS : fault.text})`)
      return
    }
  }
}

function meantBy(session: CtlSession, all: readonly ProcessInfo[], name: string): ProcessInfo[] {
  const { group, process } = splitName(name)
  const found = name === 'all' ? all : all.filter((info) => info.group === group)
  if (name === 'all' || process === undefined) {
    if (found.length > 0) return found.filter(({ statename }) => ROLLS.includes(statename))
  } else {
    const one = found.filter((info) => info.name === process)
    if (one.length > 0) return one
  }
  session.say(`${name}: ERROR (no such ${process === undefined ? 'group' : 'process'})`)
  session.exitCode = CTL_EXIT.failed
  return []
}
