import { CTL_EXIT } from './ctl-session.ts'
import { STOPPED } from './ctl-verbs.ts'
import type { ProcessInfo } from './operations.ts'

/** Why a host does not answer, and since when that is known. */
export interface Unreachable {
  /** Milliseconds since 1970. */
  readonly sinceMs: number
  readonly why: string
}

/** What one host says of its processes. */
export type HostAnswer =
  | { readonly host: string; readonly processes: readonly ProcessInfo[]; readonly unreachable?: undefined }
  | { readonly host: string; readonly unreachable: Unreachable }

export interface HostProcess extends ProcessInfo {
  readonly host: string
}

/** What stands together: the processes of one host, group or state. */
export interface HostSection {
  readonly title: string
  /** How many are in which state. */
  readonly states: Readonly<Record<string, number>>
  /** In the order of the hosts, and of each host's answer. */
  readonly processes: readonly HostProcess[]
}

export const VIEWS = ['host', 'group', 'state'] as const
export type ViewBy = (typeof VIEWS)[number]

/** The answers of all hosts, merged. */
export interface HostView {
  readonly by: ViewBy
  /** By host in the order that they were asked in, else by title. */
  readonly sections: readonly HostSection[]
  readonly unreachable: readonly (Unreachable & { readonly host: string })[]
}

/** Merges what hosts have answered, by host, by group over all hosts, or by state. */
export function mergeAnswers(answers: readonly HostAnswer[], by: ViewBy): HostView {
  const found = new Map<string, HostProcess[]>()
  const unreachable: (Unreachable & { host: string })[] = []
  for (const answer of answers) {
    const { host } = answer
    if (answer.unreachable) {
      unreachable.push({ host, ...answer.unreachable })
      continue
    }
    // A host without programs is there all the same.
    if (by === 'host' && !found.has(host)) found.set(host, [])
    for (const info of answer.processes) {
      const title = by === 'host' ? host : by === 'group' ? info.group : info.statename
      const section = found.get(title) ?? []
      if (section.length === 0) found.set(title, section)
      section.push({ ...info, host })
    }
  }
  const sections = [...found].map(([title, processes]) => ({ title, states: statesOf(processes), processes }))
  return { by, unreachable, sections: by === 'host' ? sections : sections.toSorted(byTitle) }
}

function statesOf(processes: readonly HostProcess[]): Record<string, number> {
  const states: Record<string, number> = {}
  for (const { statename } of processes) states[statename] = (states[statename] ?? 0) + 1
  return states
}

const byTitle = (a: HostSection, b: HostSection): number => (a.title < b.title ? -1 : a.title > b.title ? 1 : 0)

/** ctl's exit code for what is seen: 4 with a host that does not answer, 3 with a process that does not run. */
export function exitCodeOfView({ sections, unreachable }: HostView): number {
  if (unreachable.length > 0) return CTL_EXIT.unknown
  const isDown = sections.some(({ processes }) => processes.some(({ statename }) => STOPPED.includes(statename)))
  return isDown ? CTL_EXIT.stopped : CTL_EXIT.done
}
