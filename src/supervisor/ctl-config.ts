import { faultOf } from './faults.ts'
import { CTL_EXIT, nameOf, sayFault, type CtlSession, type Verb } from './ctl-session.ts'
import { applyDiff, showDiff } from './ctl-diff.ts'
import type { ConfigInfo, ProcessInfo, ProcessResult } from './operations.ts'

type Changes = readonly [added: string[], changed: string[], removed: string[]]

const takesNone =
  (name: string, verb: Verb): Verb =>
  async (session, args) => {
    if (args.length === 0) return verb(session, args)
    session.say(`Error: ${name} accepts no arguments`)
    session.exitCode = CTL_EXIT.failed
  }

const rereadPlain = takesNone('reread', async (session) => {
  const changes = await readChanges(session)
  if (!changes) return
  const words = ['available', 'changed', 'disappeared']
  const lines = changes.flatMap((names, i) => names.map((name) => `${name}: ${words[i]}`))
  for (const line of lines.toSorted()) session.say(line)
  if (lines.length === 0) session.say('No config updates to processes')
})

const reread: Verb = async (session, args) => {
  if (args.length === 1 && args[0] === '--diff') return void (await showDiff(session))
  return rereadPlain(session, args)
}

/** undefined: it said why there are none to be had. */
async function readChanges(session: CtlSession): Promise<Changes | undefined> {
  try {
    const [changes] = await session.client.call<[Changes]>('reloadConfig')
    return changes
  } catch (error) {
    const fault = faultOf(error)
    sayFault(session, error, { 6: 'ERROR: supervisor shutting down', 92: `ERROR: ${fault?.text}` })
    return undefined
  }
}

const add: Verb = async (session, names) => {
  for (const name of names) {
    try {
      await session.client.call('addProcessGroup', name)
      session.say(`${name}: added process group`)
    } catch (error) {
      if (faultOf(error)?.code === 90) session.say('ERROR: process group already active')
      else sayFault(session, error, { 6: 'ERROR: shutting down', 10: `ERROR: no such process/group: ${name}` })
    }
  }
}

const remove: Verb = async (session, names) => {
  for (const name of names) {
    try {
      await session.client.call('removeProcessGroup', name)
      session.say(`${name}: removed process group`)
    } catch (error) {
      sayFault(session, error, {
        10: `ERROR: no such process/group: ${name}`,
        91: `ERROR: process/group still running: ${name}`,
      })
    }
  }
}

export const update: Verb = async (session, args) => {
  if (args.includes('--diff'))
    return applyDiff(
      session,
      args.filter((arg) => arg !== '--diff'),
    )
  const changes = await readChanges(session)
  if (!changes) return
  const [added, changed, removed] = changes
  const wanted = new Set(args.includes('all') ? [] : args)
  const isMeant = (name: string): boolean => wanted.size === 0 || wanted.has(name)
  if (wanted.size > 0) {
    const infos = await session.client.call<ProcessInfo[]>('getAllProcessInfo')
    const known = new Set([...added, ...infos.map(({ group }) => group)])
    for (const name of [...wanted].filter((each) => !known.has(each))) {
      session.say(`ERROR: no such group: ${name}`)
      session.exitCode = CTL_EXIT.failed
    }
  }
  for (const name of removed.filter(isMeant)) {
    if (!(await stopGroup(session, name))) continue
    await session.client.call('removeProcessGroup', name)
    session.say(`${name}: removed process group`)
  }
  for (const name of changed.filter(isMeant)) {
    if (!(await stopGroup(session, name))) continue
    await session.client.call('removeProcessGroup', name)
    await session.client.call('addProcessGroup', name)
    session.say(`${name}: updated process group`)
  }
  for (const name of added.filter(isMeant)) {
    await session.client.call('addProcessGroup', name)
    session.say(`${name}: added process group`)
  }
}

/** false: one of it cannot be stopped, and the group stays. */
async function stopGroup(session: CtlSession, name: string): Promise<boolean> {
  const results = await session.client.call<ProcessResult[]>('stopProcessGroup', name)
  session.say(`${name}: stopped`)
  if (results.every(({ status }) => status !== 30)) return true
  session.say(`${name}: has problems; not removing`)
  session.exitCode = CTL_EXIT.failed
  return false
}

const avail = takesNone('avail', async (session) => {
  try {
    for (const info of await session.client.call<ConfigInfo[]>('getAllConfigInfo')) session.say(availLine(info))
  } catch (error) {
    sayFault(session, error, { 6: 'ERROR: supervisor shutting down' })
  }
})

/** One line of `avail`. */
export function availLine(info: ConfigInfo): string {
  const name = nameOf({ group: String(info['group']), name: String(info['name']) }).padEnd(32)
  const use = (info['inuse'] ? 'in use' : 'avail').padEnd(9)
  const start = (info['autostart'] ? 'auto' : 'manual').padEnd(9)
  return `${name} ${use} ${start} ${String(info['group_prio'])}:${String(info['process_prio'])}`
}

const leaving = (name: string, method: string, question: string, done: string): Verb =>
  takesNone(name, async (session) => {
    if (session.isInteractive && !/^y/i.test(await session.ask(`${question} y/N? `))) return
    try {
      await session.client.call(method)
      session.say(done)
    } catch (error) {
      sayFault(session, error, { 6: 'ERROR: already shutting down' })
    }
  })

/** The verbs of the configuration, and those of the supervisor as a whole. */
export const CONFIG_VERBS: Readonly<Record<string, Verb>> = {
  ...{ reread, add, remove, update, avail },
  reload: leaving('reload', 'restart', 'Really restart the supervisor', 'Restarted supervisord'),
  shutdown: leaving('shutdown', 'shutdown', 'Really shut the supervisor down', 'Shut down'),
}
