import type { Columns, NameColumn } from '../tasks/columns.ts'
import { stateCount, stateText } from '../tasks/states.ts'
import { runOf } from '../tasks/task-rows.ts'
import type { TaskTable } from '../tasks/task-table.ts'
import type { Filter, TextField } from './parse.ts'

/** Whether a task is what a filter asks for. */
export type Match = (slot: number) => boolean

/** A filter made ready for a table, as it is at this moment: it must not be used in a later turn of the loop. */
export function compileFilter(filter: Filter, table: TaskTable, nowMs: number): Match {
  const { columns } = table
  switch (filter.kind) {
    case 'all':
      return () => true
    case 'not': {
      const inner = compileFilter(filter.of, table, nowMs)
      return (slot) => !inner(slot)
    }
    case 'and': {
      const parts = filter.of.map((part) => compileFilter(part, table, nowMs))
      return (slot) => parts.every((part) => part(slot))
    }
    case 'or': {
      const parts = filter.of.map((part) => compileFilter(part, table, nowMs))
      return (slot) => parts.some((part) => part(slot))
    }
    case 'age': {
      const atMs = nowMs - filter.ms
      const { updatedMs } = columns
      return filter.field === 'older'
        ? (slot) => (updatedMs[slot] as number) <= atMs
        : (slot) => (updatedMs[slot] as number) >= atMs
    }
    case 'number': {
      const read = numberReader(filter.field, table)
      const { is, value } = filter
      return (slot) => {
        const number = read(slot)
        if (Number.isNaN(number)) return false
        if (is === '<') return number < value
        if (is === '<=') return number <= value
        return is === '>' ? number > value : number >= value
      }
    }
    default:
      return textMatch(filter.field, filter.text, filter.isQuoted, table)
  }
}

function numberReader(field: 'runtime' | 'wait' | 'retries', table: TaskTable): (slot: number) => number {
  const { columns } = table
  if (field === 'retries') return (slot) => columns.retries[slot] as number
  if (field === 'runtime') return (slot) => runOf(table, slot) ?? NaN
  return (slot) => {
    const sent = columns.sentMs[slot] as number
    return (columns.startedMs[slot] as number) - (Number.isNaN(sent) ? (columns.receivedMs[slot] as number) : sent)
  }
}

function textMatch(field: TextField | 'any', text: string, isQuoted: boolean, table: TaskTable): Match {
  const { columns } = table
  switch (field) {
    case 'state': {
      const wanted = text.toUpperCase()
      const isWanted = Uint8Array.from({ length: stateCount() }, (_, number) => (stateText(number) === wanted ? 1 : 0))
      return (slot) => isWanted[columns.state[slot] as number] === 1
    }
    case 'id':
      return (slot) => (columns.id[slot] as string).startsWith(text)
    case 'name':
    case 'queue':
    case 'worker':
      return nameMatch(field, isQuoted ? (name) => name === text : finder(text), table)
    case 'kwargs': {
      const find = finder(text)
      const [, key, value = ''] = isQuoted ? [] : (/^(\w+)=(.+)$/.exec(text) ?? [])
      if (key === undefined) return textIn(columns.kwargs, find)
      // As Python shows it: {'user': 5} or {'user': 'ann'}
      const [plain, quoted] = [`'${key}': ${value}`, `'${key}': '${value}`]
      return textIn(columns.kwargs, (shown) => shown.includes(plain) || shown.includes(quoted))
    }
    case 'args':
    case 'result':
    case 'error':
      return textIn(columns[field], finder(text))
    default:
      return anyMatch(text, isQuoted, table)
  }
}

function anyMatch(text: string, isQuoted: boolean, table: TaskTable): Match {
  const { columns }: { columns: Columns } = table
  const find = isQuoted ? (shown: string): boolean => shown.includes(text) : finder(text)
  const parts = [
    (slot: number): boolean => (columns.id[slot] as string).startsWith(text),
    nameMatch('name', find, table),
    textIn(columns.args, find),
    textIn(columns.kwargs, find),
    textIn(columns.error, find),
  ]
  return (slot) => parts.some((part) => part(slot))
}

function textIn(texts: readonly (string | undefined)[], find: (text: string) => boolean): Match {
  return (slot) => {
    const text = texts[slot]
    return text !== undefined && find(text)
  }
}

/** Each name is looked at once, however many tasks have it. */
function nameMatch(column: NameColumn, find: (name: string) => boolean, table: TaskTable): Match {
  const numbers = table.columns[column]
  const known = new Uint8Array(table.names.bound)
  return (slot) => {
    const number = numbers[slot] as number
    if (number < 0) return false
    known[number] ||= find(table.names.text(number) ?? '') ? 1 : 2
    return known[number] === 1
  }
}

/** A part of the text, in small or large letters; with `*` for anything the whole of it. */
function finder(text: string): (shown: string) => boolean {
  if (text.includes('*')) return globFinder(text)
  const pattern = new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`), 'i')
  // Mostly it stands there as it was written, and to see that is a tenth of the work.
  return (shown) => shown.includes(text) || pattern.test(shown)
}

/** Without going back: each part is looked for behind the one before, so that many stars cost no more than one. */
function globFinder(text: string): (shown: string) => boolean {
  const parts = text.toLowerCase().split('*')
  const [first = '', last = ''] = [parts[0], parts.at(-1)]
  const middle = parts.slice(1, -1)
  return (shown) => {
    const lower = shown.toLowerCase()
    if (lower.length < first.length + last.length || !lower.startsWith(first) || !lower.endsWith(last)) return false
    let at = first.length
    for (const part of middle) {
      const found = lower.indexOf(part, at)
      if (found < 0) return false
      at = found + part.length
    }
    return at <= lower.length - last.length
  }
}
