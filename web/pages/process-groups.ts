import type { ProcessList, ProcessRow } from '../../src/dashboard/api.ts'

/** What the list is divided by. */
export const VIEWS = ['group', 'host', 'state'] as const
export type View = (typeof VIEWS)[number]

/** What is done to processes. */
export type Verb = 'start' | 'stop' | 'restart'

/** The state of what nobody can ask about now. */
export const UNREACHABLE = 'UNREACHABLE'

/** The worst first: the order in which states need a look. */
const WORST_FIRST = ['FATAL', 'BACKOFF', UNREACHABLE, 'UNKNOWN', 'STOPPING', 'STARTING', 'EXITED', 'STOPPED', 'RUNNING']

/** One process, and what is known of its host. */
export interface Entry {
  /** `host:group:process`, as actions take it. */
  readonly id: string
  readonly row: ProcessRow
  /** Its state; of a host that does not answer, that it does not. */
  readonly state: string
  readonly goneSinceMs: number | null
}

export interface Section {
  readonly key: string
  readonly entries: readonly Entry[]
  /** How many are in which state, the worst first. */
  readonly states: readonly (readonly [state: string, count: number])[]
  readonly hosts: number
  /** Of a section that is a host which does not answer. */
  readonly gone: { readonly sinceMs: number; readonly why: string } | undefined
}

export const idOf = (row: ProcessRow): string => `${row.host}:${row.group}:${row.name}`

/** supervisord's own name for it: `group:process`, or the one word where both are the same. */
export const nameOf = (row: ProcessRow): string => (row.group === row.name ? row.name : `${row.group}:${row.name}`)

const rank = (state: string): number => {
  const at = WORST_FIRST.indexOf(state)
  return at < 0 ? WORST_FIRST.length : at
}

/** Whether all words of the filter are found: `mail`, `mail*`, `host:web-*`, `state:fatal`, `group:mail`, `tag:gpu`. */
export function matcher(filter: string): (entry: Entry, tags: readonly string[]) => boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  const tests = words.map((word) => {
    const [, field, value = word] = /^(host|group|state|tag|name):(.*)$/.exec(word) ?? []
    const pattern = value.includes('*') ? glob(value) : null
    const fits = (text: string): boolean =>
      pattern ? pattern.test(text.toLowerCase()) : text.toLowerCase().includes(value)
    return ({ row, state }: Entry, tags: readonly string[]): boolean => {
      if (field === 'host') return fits(row.host)
      if (field === 'group') return fits(row.group)
      if (field === 'name') return fits(row.name)
      if (field === 'state') return fits(state)
      if (field === 'tag') return tags.some(fits)
      return [row.host, nameOf(row), row.name, state, ...tags].some(fits)
    }
  })
  return (entry, tags) => tests.every((test) => test(entry, tags))
}

/** Stars alone mean something; everything else is itself. Runs in linear time, whatever is typed. */
function glob(pattern: string): { test(text: string): boolean } {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop() ?? ''
  return {
    test(text) {
      if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
      let at = first.length
      for (const piece of rest) {
        const found = text.indexOf(piece, at)
        if (found < 0) return false
        at = found + piece.length
      }
      return at <= text.length - last.length
    },
  }
}

export function entriesOf({ hosts, processes }: ProcessList, filter: string): Entry[] {
  const gone = new Map(hosts.flatMap((host) => (host.unreachable ? [[host.name, host.unreachable.sinceMs]] : [])))
  const tags = new Map(hosts.map((host) => [host.name, host.tags]))
  const fits = matcher(filter)
  return processes
    .map((row): Entry => {
      const goneSinceMs = gone.get(row.host) ?? null
      return { id: idOf(row), row, state: goneSinceMs === null ? row.state : UNREACHABLE, goneSinceMs }
    })
    .filter((entry) => fits(entry, tags.get(entry.row.host) ?? []))
}

/** The list in sections: by group or host in the order of names, by state the worst first. */
export function sectionsOf(list: ProcessList, view: View, filter: string): Section[] {
  const found = new Map<string, Entry[]>()
  for (const entry of entriesOf(list, filter)) {
    const key = view === 'state' ? entry.state : entry.row[view]
    const section = found.get(key)
    if (section) section.push(entry)
    else found.set(key, [entry])
  }
  // A host without processes is still a host: what does not answer must not be missing from the list.
  if (view === 'host' && filter.trim() === '') {
    for (const { name } of list.hosts) if (!found.has(name)) found.set(name, [])
  }
  const sections = [...found].map(([key, entries]): Section => {
    const counts = new Map<string, number>()
    for (const { state } of entries) counts.set(state, (counts.get(state) ?? 0) + 1)
    return {
      key,
      entries: entries.toSorted(
        (a, b) =>
          compare(a.row.group, b.row.group) || compare(a.row.name, b.row.name) || compare(a.row.host, b.row.host),
      ),
      states: [...counts].toSorted(([a], [b]) => rank(a) - rank(b)),
      hosts: new Set(entries.map(({ row }) => row.host)).size,
      gone: view === 'host' ? list.hosts.find(({ name }) => name === key)?.unreachable : undefined,
    }
  })
  return sections.toSorted((a, b) => (view === 'state' ? rank(a.key) - rank(b.key) : 0) || compare(a.key, b.key))
}

const { compare } = new Intl.Collator('en', { numeric: true })

/** One stretch of the 24 h ribbon. */
export interface Stretch {
  readonly fromMs: number
  readonly toMs: number
  readonly state: string
}

/** What a process was when, as far as it is known; what is not known has no stretch. */
export function stretchesOf(history: ProcessRow['history'], fromMs: number, toMs: number): Stretch[] {
  return history.flatMap(({ atMs, state }, index) => {
    const stretch = {
      fromMs: Math.max(fromMs, atMs),
      toMs: Math.min(toMs, history[index + 1]?.atMs ?? toMs),
      state,
    }
    return stretch.toMs > stretch.fromMs ? [stretch] : []
  })
}
