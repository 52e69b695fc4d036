import { CLEAR, SIGNAL, START, STOP, type Act as CtlAct } from './ctl-acts.ts'
import { availLine } from './ctl-config.ts'
import { forced, NOT_OURS, ROLLS } from './ctl-rolling.ts'
import { CTL_EXIT, exitCodeOf } from './ctl-session.ts'
import { bytesOf } from './ctl-verbs.ts'
import { faultOf } from './faults.ts'
import type { HostAct, HostTalk, Lost, Said, Wrong } from './host-act.ts'
import { hostPattern } from './host-names.ts'
import { updateHosts } from './host-update.ts'
import type { ConfigInfo, ProcessInfo } from './operations.ts'
import { sideBySide } from './side-by-side.ts'

/** How many processes of one host are asked for at the same time. */
const ITEMS_AT_ONCE = 8
/** supervisord's: these can be stopped, and need not be started. */
const RUNS = ['STARTING', 'RUNNING', 'BACKOFF']
const SIGNALLED = [...RUNS, 'STOPPING']
const SHOWN_BYTES = 1_600

/** What is said of those that come after one that has failed. */
export const NOT_BEGUN: Said = { text: 'not begun', exitCode: CTL_EXIT.failed }

interface OnProcesses {
  readonly words: readonly string[]
  readonly exitMissing?: number
  /** Of those that a `*` means, which. Default: all. */
  readonly takes?: (info: ProcessInfo) => boolean
  readonly inTurn?: boolean
  one(talk: HostTalk, info: ProcessInfo, id: string): Promise<Omit<Said, 'name'>>
}

/** A verb that does something with each process, several of a host side by side. */
function onProcesses({
  words,
  exitMissing = CTL_EXIT.failed,
  takes = () => true,
  inTurn = false,
  one,
}: OnProcesses): HostAct {
  const patterns = words.map(hostPattern)
  return {
    ...{ patterns, exitMissing, inTurn, missing: 'no such process' },
    async *perform(talk) {
      const all = await talk.call<ProcessInfo[]>('getAllProcessInfo')
      const meant = new Set<ProcessInfo>()
      for (const pattern of patterns) {
        const found = all.filter((info) => pattern.matches(talk.host, info))
        if (found.length > 0) talk.found(pattern.text)
        for (const info of found) if (!pattern.isGlob || takes(info)) meant.add(info)
      }
      let isLost = false
      let isOver = false
      yield* sideBySide<ProcessInfo, Said | Lost>(meant, inTurn ? 1 : ITEMS_AT_ONCE, async (info, told) => {
        const name = `${info.group}:${info.name}`
        if (isOver) return told({ name, ...NOT_BEGUN })
        const tell = (said: Said | Lost): void => {
          isOver = inTurn && ('error' in said || said.exitCode !== CTL_EXIT.done)
          told(said)
        }
        try {
          // What is left of a host that has stopped answering waits for no deadline of its own.
          if (isLost) return tell({ name, error: new Error('it has not answered before') })
          tell({ name, ...(await one(talk, info, name)) })
        } catch (error) {
          const fault = faultOf(error)
          if (fault) return tell({ name, text: `ERROR (${fault.text})`, exitCode: CTL_EXIT.failed })
          isLost = true
          tell({ name, error })
        }
      })
    },
  }
}

/** Does it to one process, in the words of ctl. */
async function doOne(talk: HostTalk, act: Omit<CtlAct, 'usage'>, id: string, ...more: string[]): Promise<Said> {
  try {
    await talk.call(act.methods.one, id, ...more)
    return { text: act.done, exitCode: CTL_EXIT.done }
  } catch (error) {
    const fault = faultOf(error)
    if (!fault) throw error
    return {
      text: `ERROR (${act.words[fault.code] ?? fault.text})`,
      exitCode: exitCodeOf(fault.code, act.harmless),
    }
  }
}

const needs = (verb: string, what = 'a process name', exitCode: number = CTL_EXIT.failed): Wrong => ({
  ...{ wrong: `Error: ${verb} requires ${what}`, exitCode },
})

const start = (words: readonly string[]): HostAct | Wrong => {
  if (words.length === 0) return needs('start', undefined, CTL_EXIT.arguments)
  const takes = ({ statename }: ProcessInfo): boolean => !RUNS.includes(statename)
  return onProcesses({ words, takes, one: (talk, _info, id) => doOne(talk, START, id) })
}

const stop = (words: readonly string[]): HostAct | Wrong => {
  if (words.length === 0) return needs('stop')
  const takes = ({ statename }: ProcessInfo): boolean => RUNS.includes(statename)
  return onProcesses({ words, takes, one: (talk, _info, id) => doOne(talk, STOP, id) })
}

const restart = (words: readonly string[]): HostAct | Wrong => {
  if (words.length === 0) return needs('restart')
  return onProcesses({
    words,
    async one(talk, _info, id) {
      const stopped = await doOne(talk, STOP, id)
      if (stopped.exitCode !== CTL_EXIT.done) return stopped
      const started = await doOne(talk, START, id)
      return started.text === START.done ? { ...started, text: 'restarted' } : started
    },
  })
}

const rolling = (given: readonly string[]): HostAct | Wrong => {
  const { force, names: words } = forced(given)
  if (words.length === 0) return needs('rolling-restart')
  return onProcesses({
    ...{ words, inTurn: true, takes: ({ statename }) => ROLLS.includes(statename) },
    async one(talk, _info, id) {
      try {
        await talk.call('lovage.restartProcess', id, force)
        return { text: 'restarted', exitCode: CTL_EXIT.done }
      } catch (error) {
        if (faultOf(error)?.code !== 1) throw error
        return { text: `ERROR (${NOT_OURS})`, exitCode: CTL_EXIT.failed }
      }
    },
  })
}

const signal = ([name, ...words]: readonly string[]): HostAct | Wrong => {
  if (name === undefined || words.length === 0) return needs('signal', 'a signal name and a process name')
  const takes = ({ statename }: ProcessInfo): boolean => SIGNALLED.includes(statename)
  return onProcesses({ words, takes, one: (talk, _info, id) => doOne(talk, SIGNAL, id, name) })
}

const clear = (words: readonly string[]): HostAct | Wrong => {
  if (words.length === 0) return needs('clear')
  return onProcesses({ words, one: (talk, _info, id) => doOne(talk, CLEAR, id) })
}

const tail = (given: readonly string[]): HostAct | Wrong => {
  const [how, name, channel = 'stdout', more] = given[0]?.startsWith('-') ? given : [undefined, ...given]
  if (name === undefined) return needs('tail')
  if (how === '-f') return { wrong: 'Error: tail -f follows one host: use -s', exitCode: CTL_EXIT.failed }
  const bytes = how === undefined ? SHOWN_BYTES : bytesOf(how)
  const stream = channel.toLowerCase()
  if (bytes === undefined) return { wrong: `Error: bad argument ${how}`, exitCode: CTL_EXIT.failed }
  if (more !== undefined) return { wrong: 'Error: too many arguments', exitCode: CTL_EXIT.failed }
  if (stream !== 'stdout' && stream !== 'stderr') {
    return { wrong: `Error: bad channel '${stream}'`, exitCode: CTL_EXIT.failed }
  }
  const method = stream === 'stdout' ? 'readProcessStdoutLog' : 'readProcessStderrLog'
  return onProcesses({
    words: [name],
    async one(talk, _info, id) {
      try {
        return { text: await talk.call<string>(method, id, -bytes, 0), exitCode: CTL_EXIT.done }
      } catch (error) {
        if (faultOf(error)?.code !== 20) throw error
        return { text: 'ERROR (no log file)', exitCode: CTL_EXIT.failed }
      }
    },
  })
}

/** A question to the supervisor itself. */
function onHosts(verb: string, words: readonly string[], ask: (talk: HostTalk) => Promise<string[]>): HostAct | Wrong {
  if (words.length > 0) return { wrong: `Error: ${verb} accepts no arguments`, exitCode: CTL_EXIT.failed }
  return {
    ...{ patterns: [], missing: '', exitMissing: CTL_EXIT.failed },
    async *perform(talk) {
      for (const text of await ask(talk)) yield { text, exitCode: CTL_EXIT.done }
    },
  }
}

const pid = (words: readonly string[]): HostAct | Wrong => {
  if (words.length === 0) return onHosts('pid', words, async (talk) => [String(await talk.call<number>('getPID'))])
  return onProcesses({
    words,
    takes: (info) => info.pid !== 0,
    one: async (_talk, info) => ({
      ...{ text: String(info.pid), exitCode: info.pid === 0 ? CTL_EXIT.notRunning : CTL_EXIT.done },
    }),
  })
}

/** The verbs that many hosts are told at once; `status` is a question of its own. */
export const HOST_VERBS = {
  ...{ start, stop, restart, signal, clear, tail, pid, update: updateHosts },
  'rolling-restart': rolling,
  avail: (words: readonly string[]) =>
    onHosts('avail', words, async (talk) => (await talk.call<ConfigInfo[]>('getAllConfigInfo')).map(availLine)),
  version: (words: readonly string[]) =>
    onHosts('version', words, async (talk) => [await talk.call<string>('getSupervisorVersion')]),
} as const satisfies Record<string, (words: readonly string[]) => HostAct | Wrong>

export type HostVerb = keyof typeof HOST_VERBS
