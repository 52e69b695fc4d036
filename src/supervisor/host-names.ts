import { splitName } from './ctl-session.ts'
import type { ProcessInfo } from './operations.ts'

/** Which processes of which hosts are meant. */
export interface HostPattern {
  /** As it was written. */
  readonly text: string
  /** It has a `*`, and names what there is and not something that must be there. */
  readonly isGlob: boolean
  matchesHost(host: string): boolean
  matches(host: string, info: Pick<ProcessInfo, 'group' | 'name'>): boolean
}

/**
 * `host:group:process`, `group:process` on every host, or one word for the process of a group of its name on every host.
 * `*` stands for any characters in each part; `all`, and `group:` as `group:*`, are what they are in ctl.
 */
export function hostPattern(text: string): HostPattern {
  const parts = text.split(':')
  const [host, rest] = parts.length > 2 ? [parts[0] ?? '', parts.slice(1).join(':')] : ['*', text]
  const { group, process = '*' } = splitName(text === 'all' ? '*:*' : rest === '*' ? '*:*' : rest)
  const [ofHost, ofGroup, ofProcess] = [like(host), like(group), like(process)]
  return {
    text,
    isGlob: text === 'all' || `${rest}${process}`.includes('*'),
    matchesHost: ofHost,
    matches: (name, info) => ofHost(name) && ofGroup(info.group) && ofProcess(info.name),
  }
}

/** Whether a text is as a pattern with `*` says. */
export function like(pattern: string): (text: string) => boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return (text) => text === pattern
  const [first = '', last = ''] = [parts[0], parts.at(-1)]
  const between = parts.slice(1, -1)
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
    let from = first.length
    for (const part of between) {
      const at = text.indexOf(part, from)
      if (at < 0) return false
      from = at + part.length
    }
    return from <= text.length - last.length
  }
}
