import type { GroupChange, ProcessChange } from './config-diff.ts'
import { NOT_OURS } from './ctl-rolling.ts'
import { CTL_EXIT, nameOf, sayFault, type CtlSession } from './ctl-session.ts'
import { faultOf } from './faults.ts'
import type { ProcessResult } from './operations.ts'

/** Shows each option that differs; undefined: it said why there is nothing to be shown. */
export async function showDiff(
  session: CtlSession,
  isMeant: (name: string) => boolean = () => true,
): Promise<readonly GroupChange[] | undefined> {
  let changes: readonly GroupChange[]
  try {
    changes = (await session.client.call<GroupChange[]>('lovage.configDiff')).filter(({ name }) => isMeant(name))
  } catch (error) {
    const text = faultOf(error)?.text
    sayFault(session, error, { 1: `ERROR: ${NOT_OURS}`, 6: 'ERROR: supervisor shutting down', 92: `ERROR: ${text}` })
    return undefined
  }
  for (const line of changes.flatMap(diffLines)) session.say(line)
  if (changes.length === 0) session.say('No config updates to processes')
  return changes
}

/** Shows it and applies just that: what is changed meanwhile is refused. */
export async function applyDiff(session: CtlSession, words: readonly string[]): Promise<void> {
  const wanted = new Set(words.includes('all') ? [] : words)
  const changes = await showDiff(session, (name) => wanted.size === 0 || wanted.has(name))
  if (!changes || changes.length === 0) return
  if (session.isInteractive && !/^y/i.test(await session.ask('Apply this y/N? '))) return
  for (const { name, fingerprint } of changes) {
    try {
      const results = await session.client.call<ProcessResult[]>('lovage.applyGroup', name, fingerprint)
      for (const result of results) {
        const isDone = result.status === 80
        session.say(`${nameOf(result)}: ${isDone ? result.description : `ERROR (${result.description})`}`)
        if (!isDone) session.exitCode = CTL_EXIT.failed
      }
      if (results.length === 0) session.say(`${name}: changed`)
      // What comes after may stand on what has failed.
      if (session.exitCode !== CTL_EXIT.done) return
    } catch (error) {
      const fault = faultOf(error)
      if (!fault) throw error
      session.say(`${name}: ERROR (${fault.text})`)
      session.exitCode = CTL_EXIT.failed
      return
    }
  }
}

/** A group for people: what is the same of several processes is told once. */
function diffLines({ name, change, options, processes }: GroupChange): string[] {
  const alike = new Map<string, ProcessChange[]>()
  for (const process of processes) {
    const key = JSON.stringify({ ...process, name: '' })
    alike.set(key, [...(alike.get(key) ?? []), process])
  }
  const lines = [`${name}: ${change}`, ...options.map((each) => `  ${optionLine(each)}`)]
  for (const same of alike.values()) {
    const [first] = same as [ProcessChange, ...ProcessChange[]]
    const becomes = first.change === 'changed' ? (first.restarts ? 'restarts' : 'goes on') : first.change
    lines.push(`  ${same.map((each) => each.name).join(', ')}: ${becomes}`)
    lines.push(...first.options.map((each) => `    ${optionLine(each)}`))
  }
  return lines
}

function optionLine({ option, from, to }: GroupChange['options'][number]): string {
  return `${option}: ${from} -> ${to}`
}
