import { type Command, frees, grows, reads } from './command.ts'
import type { Keyspace } from './keyspace.ts'
import { CommandError, integer, OK, type Reply, syntaxError } from './reply.ts'

type End = 'left' | 'right'

function push(end: End, isThere: boolean): Command['run'] {
  return (db, [key = '', ...values]) => {
    const list = db.list(key)
    if (!list && isThere) return 0
    const into = list ?? []
    if (end === 'left') into.unshift(...values.toReversed())
    else into.push(...values)
    if (!list) db.put(key, into)
    db.changed(key)
    return into.length
  }
}

function pop(end: End): Command['run'] {
  return (db, [key = '', count]) => {
    const most = count === undefined ? 1 : integer(count)
    if (most < 0) throw new CommandError('ERR value is out of range, must be positive')
    const list = db.list(key)
    if (!list) return null
    const taken = end === 'left' ? list.splice(0, most) : list.splice(Math.max(0, list.length - most)).toReversed()
    if (taken.length > 0) db.shrunk(key)
    return count === undefined ? (taken[0] as string) : taken
  }
}

/** From and to (included), from 0, negative from the end. */
function range(length: number, from: string | undefined, to: string | undefined): [number, number] {
  const [first, last] = [integer(from), integer(to)]
  return [first < 0 ? Math.max(0, length + first) : first, Math.min(length - 1, last < 0 ? length + last : last)]
}

function endOf(text: string | undefined): End {
  const end = text?.toLowerCase()
  if (end !== 'left' && end !== 'right') throw syntaxError()
  return end
}

function move(db: Keyspace, from: string, to: string, [of, at]: readonly [End, End]): Reply {
  if (!db.list(from)) return null
  db.list(to)
  const value = pop(of)(db, [from])
  if (typeof value === 'string') push(at, false)(db, [to, value])
  return value
}

function removeEqual(db: Keyspace, [key = '', count, value = '']: readonly string[]): Reply {
  const most = integer(count)
  const list = db.list(key)
  if (!list) return 0
  let left = most === 0 ? Infinity : Math.abs(most)
  const before = list.length
  const keeps = (one: string): boolean => one !== value || left-- <= 0
  const kept = most < 0 ? list.toReversed().filter(keeps).toReversed() : list.filter(keeps)
  if (kept.length === before) return 0
  list.splice(0, before, ...kept)
  db.shrunk(key)
  return before - kept.length
}

/** Commands of lists; their head is on the left. */
export const LIST_COMMANDS: Readonly<Record<string, Command>> = {
  LPUSH: grows(2, Infinity, push('left', false)),
  RPUSH: grows(2, Infinity, push('right', false)),
  LPUSHX: grows(2, Infinity, push('left', true)),
  RPUSHX: grows(2, Infinity, push('right', true)),
  LPOP: frees(1, 2, pop('left')),
  RPOP: frees(1, 2, pop('right')),
  LLEN: reads(1, 1, (db, [key = '']) => db.list(key)?.length ?? 0),
  LINDEX: reads(2, 2, (db, [key = '', at]) => {
    const list = db.list(key)
    return list?.at(integer(at)) ?? null
  }),
  LRANGE: reads(3, 3, (db, [key = '', from, to]) => {
    const list = db.list(key) ?? []
    const [first, last] = range(list.length, from, to)
    return list.slice(first, last + 1)
  }),
  LTRIM: frees(3, 3, (db, [key = '', from, to]) => {
    const list = db.list(key)
    const [first, last] = range(list?.length ?? 0, from, to)
    if (!list) return OK
    list.splice(0, list.length, ...list.slice(first, last + 1))
    db.shrunk(key)
    return OK
  }),
  LREM: frees(3, 3, removeEqual),
  LMOVE: grows(
    4,
    4,
    (db, [from = '', to = '', of, at]) => move(db, from, to, [endOf(of), endOf(at)]),
    (args) => args.slice(0, 2),
  ),
  RPOPLPUSH: grows(
    2,
    2,
    (db, [from = '', to = '']) => move(db, from, to, ['right', 'left']),
    (args) => args,
  ),
}
