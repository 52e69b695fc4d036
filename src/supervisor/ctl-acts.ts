import { faultOf } from './faults.ts'
import { CTL_EXIT, isUp, note, resultLine, splitName, type CtlSession, type Verb } from './ctl-session.ts'
import type { ProcessResult } from './operations.ts'
import { forced, NOT_OURS, rollingRestart } from './ctl-rolling.ts'
import type { RpcValue } from './xml-rpc.ts'

/** What is done to a process, and what is said of it. */
export interface Act {
  /** What it is called in a complaint. */
  readonly verb: string
  readonly methods: { readonly one: string; readonly group?: string; readonly all: string }
  readonly done: string
  /** What is said of each fault. */
  readonly words: Readonly<Record<number, string>>
  /** A fault that leaves the exit code as it is: it is so already. */
  readonly harmless?: number
  readonly exitNoName: number
  readonly exitNoGroup: number
  readonly usage: readonly string[]
}

const NO_PROCESS = { 10: 'no such process' }
const usageOf = (verb: string, what: string): string[] => [
  `${verb} <name>\t\t${what} a process`,
  `${verb} <group>:*\t\t${what} all processes of a group`,
  `${verb} <name> <name>\t${what} several`,
  `${verb} all\t\t${what} all processes`,
]
const { failed, arguments: wrong } = CTL_EXIT

export const START: Act = {
  verb: 'start',
  methods: { one: 'startProcess', group: 'startProcessGroup', all: 'startAllProcesses' },
  done: 'started',
  words: {
    ...NO_PROCESS,
    20: 'no such file',
    21: 'file is not executable',
    30: 'failed',
    40: 'abnormal termination',
    50: 'spawn error',
    60: 'already started',
  },
  harmless: 60,
  exitNoName: wrong,
  exitNoGroup: wrong,
  usage: usageOf('start', 'Starts'),
}

export const STOP: Act = {
  verb: 'stop',
  methods: { one: 'stopProcess', group: 'stopProcessGroup', all: 'stopAllProcesses' },
  done: 'stopped',
  words: { ...NO_PROCESS, 30: 'failed', 70: 'not running' },
  harmless: 70,
  exitNoName: failed,
  exitNoGroup: failed,
  usage: usageOf('stop', 'Stops'),
}

export const SIGNAL: Omit<Act, 'harmless'> = {
  verb: 'signal',
  methods: { one: 'signalProcess', group: 'signalProcessGroup', all: 'signalAllProcesses' },
  done: 'signalled',
  words: { ...NO_PROCESS, 11: 'bad signal name', 30: 'failed', 70: 'not running' },
  exitNoName: failed,
  exitNoGroup: failed,
  usage: usageOf('signal <signal>', 'Signals'),
}

export const CLEAR: Act = {
  verb: 'clear',
  methods: { one: 'clearProcessLogs', all: 'clearAllProcessLogs' },
  done: 'cleared',
  words: { ...NO_PROCESS, 30: 'failed' },
  exitNoName: failed,
  exitNoGroup: failed,
  usage: usageOf('clear', 'Empties the logs of').filter((line) => !line.includes(':*')),
}

async function perform(session: CtlSession, act: Act, names: readonly string[], ...more: RpcValue[]): Promise<void> {
  const tell = (results: readonly ProcessResult[]): void => {
    for (const result of results) {
      session.say(resultLine(result, act.done, act.words))
      note(session, result.status, act.harmless)
    }
  }
  const { one, group: ofGroup, all } = act.methods
  if (names.includes('all')) return tell(await session.client.call<ProcessResult[]>(all, ...more))
  for (const name of names) {
    const { group, process } = splitName(name)
    try {
      if (process === undefined && ofGroup) {
        tell(await session.client.call<ProcessResult[]>(ofGroup, group, ...more))
        continue
      }
      await session.client.call(one, name, ...more)
      tell([{ group, name: process ?? '*', status: 80, description: 'OK' }])
    } catch (error) {
      const fault = faultOf(error)
      if (!fault) throw error
      if (process === undefined && ofGroup) {
        if (fault.code !== 10) throw error
        session.say(`${group}: ERROR (no such group)`)
        session.exitCode = act.exitNoGroup
      } else tell([{ group, name: process ?? '*', status: fault.code, description: fault.text }])
    }
  }
}

const acting =
  (act: Act): Verb =>
  async (session, names) => {
    if (!(await isUp(session))) return
    if (names.length > 0) return perform(session, act, names)
    complain(session, act, `${act.verb} requires a process name`)
  }

function complain(session: CtlSession, { exitNoName, usage }: Act, what: string): void {
  session.say(`Error: ${what}`)
  session.exitCode = exitNoName
  for (const line of usage) session.say(line)
}

const start = acting(START)

/** Without asking whether it may be. */
const STOP_FORCED: Act = {
  ...STOP,
  methods: { one: 'lovage.stopProcess', group: 'lovage.stopProcessGroup', all: 'lovage.stopAllProcesses' },
  words: { ...STOP.words, 1: NOT_OURS },
}

const stop: Verb = async (session, words) => {
  const { force, names } = forced(words)
  if (!force) return acting(STOP)(session, names)
  if (!(await isUp(session))) return
  if (names.length === 0) return complain(session, STOP, 'stop requires a process name')
  return perform(session, STOP_FORCED, names, true)
}

const signal: Verb = async (session, [name, ...names]) => {
  if (!(await isUp(session))) return
  if (name === undefined || names.length === 0) {
    return complain(session, SIGNAL, 'signal requires a signal name and a process name')
  }
  const args = names.includes('all') ? ['all'] : names
  return perform(session, SIGNAL, args, name)
}

const restart: Verb = async (session, names) => {
  if (!(await isUp(session))) return
  if (names.length === 0) {
    return complain(session, { ...STOP, usage: usageOf('restart', 'Restarts') }, 'restart requires a process name')
  }
  await stop(session, names)
  await start(session, forced(names).names)
}

/** The verbs that do something to processes. */
export const ACTS: Readonly<Record<string, Verb>> = {
  ...{ start, stop, restart, signal, clear: acting(CLEAR) },
  'rolling-restart': rollingRestart,
}
