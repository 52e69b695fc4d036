import { isLovageError, messageOf } from '../base/errors.ts'
import { ACTS } from './ctl-acts.ts'
import { CONFIG_VERBS } from './ctl-config.ts'
import { CTL_EXIT, goneOf, isUp, sayFault, splitName, statusLines, type CtlSession, type Verb } from './ctl-session.ts'
import { faultOf } from './faults.ts'
import type { ProcessInfo } from './operations.ts'

const SHOWN_BYTES = 1_600
/** The states that `status` ends with exit code 3 for. */
export const STOPPED: readonly string[] = ['STOPPED', 'EXITED', 'FATAL', 'UNKNOWN']

const status: Verb = async (session, names) => {
  if (!(await isUp(session))) {
    session.exitCode = CTL_EXIT.unknown
    return
  }
  const all = await session.client.call<ProcessInfo[]>('getAllProcessInfo')
  const found = names.length === 0 || names.includes('all') ? all : names.flatMap((name) => named(session, all, name))
  for (const line of statusLines(found)) session.say(line)
  if (found.some(({ statename }) => STOPPED.includes(statename))) session.exitCode = CTL_EXIT.stopped
}

function named(session: CtlSession, all: readonly ProcessInfo[], name: string): ProcessInfo[] {
  const { group, process } = splitName(name)
  const found = all.filter((info) => info.group === group && (process === undefined || info.name === process))
  if (found.length === 0) {
    session.say(process === undefined ? `${group}: ERROR (no such group)` : `${name}: ERROR (no such process)`)
    session.exitCode = CTL_EXIT.unknown
  }
  return found
}

const pid: Verb = async (session, names) => {
  if (!(await isUp(session))) return
  if (names.length === 0) return session.say(String(await session.client.call<number>('getPID')))
  if (names.includes('all')) {
    for (const info of await session.client.call<ProcessInfo[]>('getAllProcessInfo')) session.say(String(info.pid))
    return
  }
  for (const name of names) {
    try {
      const info = await session.client.call<ProcessInfo>('getProcessInfo', name)
      session.say(String(info.pid))
      if (info.pid === 0) session.exitCode = CTL_EXIT.notRunning
    } catch (error) {
      sayFault(session, error, { 10: `No such process ${name}` })
    }
  }
}

const version: Verb = async (session, args) => {
  if (args.length > 0) return complain(session, 'Error: version accepts no arguments')
  if (await isUp(session)) session.say(await session.client.call<string>('getSupervisorVersion'))
}

const TAIL_USAGE = [
  'tail [-f] <name> [stdout|stderr]',
  'tail -100 <name>\tlast 100 bytes of its stdout; without a number 1600',
  'tail -f <name>\t\tand what comes to it, until Ctrl-C',
]

const tail: Verb = async (session, given) => {
  if (!(await isUp(session))) return
  if (given.length < 1) return complain(session, 'Error: too few arguments', TAIL_USAGE)
  if (given.length > 3) return complain(session, 'Error: too many arguments', TAIL_USAGE)
  const [how, name, channel = 'stdout'] = given[0]?.startsWith('-') ? given : [undefined, ...given]
  if (name === undefined) return complain(session, 'Error: tail requires process name')
  const stream = channel.toLowerCase()
  if (stream !== 'stdout' && stream !== 'stderr') return complain(session, `Error: bad channel '${stream}'`)
  if (how === '-f') return follow(session, `/logtail/${encodeURI(name)}/${stream}`)
  const bytes = bytesOf(how)
  if (bytes === undefined) return complain(session, `Error: bad argument ${how}`)
  const method = stream === 'stdout' ? 'readProcessStdoutLog' : 'readProcessStderrLog'
  await show(session, name, [method, name, -bytes, 0])
}

const maintail: Verb = async (session, args) => {
  if (!(await isUp(session))) return
  const [how] = args
  if (args.length > 1) return complain(session, 'Error: too many arguments')
  if (how === '-f') return follow(session, '/mainlogtail')
  const bytes = bytesOf(how)
  if (bytes === undefined) return complain(session, `Error: bad argument ${how}`)
  await show(session, 'supervisord', ['readLog', -bytes, 0])
}

/** The bytes that `tail -100` asks for; undefined: it is no such word. */
export function bytesOf(how: string | undefined): number | undefined {
  if (how === undefined) return SHOWN_BYTES
  const [, digits] = /^-(\d{1,15})$/.exec(how) ?? []
  return digits === undefined ? undefined : Number(digits)
}

async function show(
  session: CtlSession,
  name: string,
  [method, ...params]: readonly [string, ...(string | number)[]],
): Promise<void> {
  try {
    session.say(await session.client.call<string>(method, ...params))
  } catch (error) {
    const error_ = (why: string): string => `${name}: ERROR (${why})`
    const words = { 10: 'no such process name', 20: 'no log file', 30: 'unknown error reading log' }
    sayFault(session, error, Object.fromEntries(Object.entries(words).map(([code, why]) => [code, error_(why)])))
  }
}

async function follow(session: CtlSession, path: string): Promise<void> {
  session.say('==> Press Ctrl-C to exit <==')
  const signal = session.interruption()
  try {
    for await (const bytes of session.client.follow(path, signal)) session.write(bytes)
  } catch (error) {
    if (!signal.aborted) sayRefused(session, path, error)
  }
  if (signal.aborted) session.say('')
}

function sayRefused(session: CtlSession, path: string, error: unknown): void {
  if (!isLovageError(error, 'SUPERVISOR_REFUSED')) throw error
  const { status: code } = error.details as { status: number }
  session.say(`${session.client.url}${path} Cannot read, status code ${code}`)
}

const fg: Verb = async (session, names) => {
  if (!(await isUp(session))) return
  const [name] = names
  if (name === undefined) return complain(session, 'ERROR: no process name supplied', ['fg <process>\tuntil Ctrl-C'])
  if (names.length > 1) return complain(session, 'ERROR: too many process names supplied')
  const { client } = session
  let info: ProcessInfo
  try {
    info = await client.call<ProcessInfo>('getProcessInfo', name)
  } catch (error) {
    return sayFault(session, error, { 10: 'ERROR: bad process name supplied' })
  }
  if (info.statename !== 'RUNNING') return complain(session, 'ERROR: process not running')
  session.say('==> Press Ctrl-C to exit <==')
  const signal = session.interruption()
  const leave = new AbortController()
  const either = AbortSignal.any([signal, leave.signal])
  const followed = (['stdout', 'stderr'] as const).map(async (stream) => {
    const path = `/logtail/${encodeURI(name)}/${stream}`
    // A channel without a log has nothing to show.
    const rows = client.follow(path, either)
    try {
      for await (const bytes of rows) session.write(bytes)
    } catch (error) {
      if (!either.aborted && !isLovageError(error, 'SUPERVISOR_REFUSED')) throw error
    }
  })
  const ended = Promise.all(followed).catch((error: unknown) => session.say(`ERROR: ${messageOf(error)}`))
  for await (const line of session.typed(either)) {
    const isKilled = await sendLine(session, name, line)
    if (!isKilled) continue
    session.say('Process got killed')
    break
  }
  leave.abort()
  await ended
  session.say('Exiting foreground')
}

/** true: it does not run any more. */
async function sendLine({ client }: CtlSession, name: string, line: string): Promise<boolean> {
  try {
    await client.call('sendProcessStdin', name, `${line}\n`)
    return (await client.call<ProcessInfo>('getProcessInfo', name)).statename !== 'RUNNING'
  } catch (error) {
    if (faultOf(error)?.code === 70) return true
    throw error
  }
}

const open: Verb = async (session, [url = '']) => {
  if (!/^(unix|http):\/\/./.test(url)) return complain(session, 'ERROR: url must be http:// or unix://')
  session.open(url)
  const { exitCode } = session
  await status(session, [])
  session.exitCode = exitCode
}

const help: Verb = async (session) => {
  session.say(`Commands: ${Object.keys(VERBS).toSorted().join(' ')}, and quit`)
}

function complain(session: CtlSession, what: string, usage: readonly string[] = []): void {
  session.say(what)
  session.exitCode = CTL_EXIT.failed
  for (const line of usage) session.say(line)
}

/** Every verb of supervisorctl. */
export const VERBS: Readonly<Record<string, Verb>> = {
  ...{ status, pid, version, tail, maintail, fg, open, help, '?': help },
  ...ACTS,
  ...CONFIG_VERBS,
}

/** Does what one line says. What goes wrong is said, and remembered as the exit code. */
export async function runLine(session: CtlSession, words: readonly string[]): Promise<void> {
  const [name, ...args] = words
  if (name === undefined) return
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined
  if (!verb) {
    session.say(`*** Unknown syntax: ${words.join(' ')}`)
    session.exitCode = CTL_EXIT.failed
    return
  }
  try {
    await verb(session, args)
  } catch (error) {
    session.exitCode = CTL_EXIT.failed
    const gone = goneOf(error)
    const isLocked = isLovageError(error, 'SUPERVISOR_REFUSED') && (error.details as { status: number }).status === 401
    session.say(isLocked ? 'Server requires authentication' : `error: ${gone ?? messageOf(error)}`)
  }
}
