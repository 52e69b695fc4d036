import { all, type Command, frees, grows, reads } from './command.ts'
import type { Keyspace } from './keyspace.ts'
import { CommandError, integer, OK, type Reply, Status, syntaxError } from './reply.ts'
import { SortedSet } from './sorted-set.ts'

function remove(db: Keyspace, keys: readonly string[]): number {
  let count = 0
  for (const key of keys) {
    if (db.get(key) === undefined) continue
    db.delete(key)
    db.changed(key)
    count++
  }
  return count
}

function typeOf(db: Keyspace, key: string): string {
  const value = db.get(key)
  if (value === undefined) return 'none'
  if (typeof value === 'string') return 'string'
  if (Array.isArray(value)) return 'list'
  if (value instanceof Map) return 'hash'
  return value instanceof SortedSet ? 'zset' : 'set'
}

const end =
  (factor: number, isPoint: boolean) =>
  (db: Keyspace, [key = '', text]: readonly string[]): Reply => {
    const number = integer(text) * factor
    if (db.get(key) === undefined) return 0
    const endMs = isPoint ? number : Math.floor(db.nowMs) + number
    if (endMs <= Math.floor(db.nowMs)) db.delete(key)
    else db.setEnd(key, endMs)
    db.changed(key)
    return 1
  }

function leftMs(db: Keyspace, key: string): number {
  if (db.get(key) === undefined) return -2
  const endMs = db.endMs(key)
  return endMs === undefined ? -1 : endMs - Math.floor(db.nowMs)
}

function setText(db: Keyspace, [key = '', value = '', ...options]: readonly string[], name = 'set'): Reply {
  let [isNew, isThere, keepsEnd, gives] = [false, false, false, false]
  let endMs: number | undefined
  for (let at = 0; at < options.length; at++) {
    const option = (options[at] as string).toUpperCase()
    if (option === 'NX') isNew = true
    else if (option === 'XX') isThere = true
    else if (option === 'KEEPTTL') keepsEnd = true
    else if (option === 'GET') gives = true
    else if (option === 'EX' || option === 'PX') {
      const time = integer(options[++at])
      if (time <= 0) throw new CommandError(`ERR invalid expire time in '${name}' command`)
      endMs = Math.floor(db.nowMs) + time * (option === 'EX' ? 1000 : 1)
    } else throw syntaxError()
  }
  const before = gives ? (db.text(key) ?? null) : null
  const is = db.get(key) !== undefined
  if ((isNew && is) || (isThere && !is)) return before
  db.put(key, value, keepsEnd)
  if (endMs !== undefined) db.setEnd(key, endMs)
  db.changed(key)
  return gives ? before : OK
}

function increase(db: Keyspace, key: string, by: number): number {
  const sum = integer(db.text(key) ?? '0') + by
  db.put(key, String(sum), true)
  db.changed(key)
  return sum
}

function setAll(db: Keyspace, args: readonly string[]): Reply {
  if (args.length % 2 > 0) throw new CommandError("ERR wrong number of arguments for 'mset' command")
  for (let i = 0; i < args.length; i += 2) {
    db.put(args[i] as string, args[i + 1] as string)
    db.changed(args[i] as string)
  }
  return OK
}

/** Commands of any key, and of texts. */
export const KEY_COMMANDS: Readonly<Record<string, Command>> = {
  DEL: frees(1, Infinity, remove, all),
  UNLINK: frees(1, Infinity, remove, all),
  EXISTS: reads(1, Infinity, (db, keys) => keys.filter((key) => db.get(key) !== undefined).length, all),
  TYPE: reads(1, 1, (db, [key = '']) => new Status(typeOf(db, key))),
  EXPIRE: frees(2, 2, end(1000, false)),
  PEXPIRE: frees(2, 2, end(1, false)),
  EXPIREAT: frees(2, 2, end(1000, true)),
  PEXPIREAT: frees(2, 2, end(1, true)),
  PERSIST: frees(1, 1, (db, [key = '']) => {
    if (db.endMs(key) === undefined) return 0
    db.setEnd(key, undefined)
    db.changed(key)
    return 1
  }),
  PTTL: reads(1, 1, (db, [key = '']) => leftMs(db, key)),
  TTL: reads(1, 1, (db, [key = '']) => {
    const left = leftMs(db, key)
    return left < 0 ? left : Math.floor((left + 500) / 1000)
  }),
  GET: reads(1, 1, (db, [key = '']) => db.text(key) ?? null),
  MGET: reads(
    1,
    Infinity,
    (db, keys) =>
      keys.map((key) => {
        const value = db.get(key)
        return typeof value === 'string' ? value : null
      }),
    all,
  ),
  STRLEN: reads(1, 1, (db, [key = '']) => db.text(key)?.length ?? 0),
  SET: grows(2, Infinity, setText),
  SETEX: grows(3, 3, (db, [key = '', seconds = '', value = '']) => setText(db, [key, value, 'EX', seconds], 'setex')),
  PSETEX: grows(3, 3, (db, [key = '', ms = '', value = '']) => setText(db, [key, value, 'PX', ms], 'psetex')),
  SETNX: grows(2, 2, (db, [key = '', value = '']) => (setText(db, [key, value, 'NX']) === OK ? 1 : 0)),
  GETDEL: frees(1, 1, (db, [key = '']) => {
    const value = db.text(key) ?? null
    if (value !== null) remove(db, [key])
    return value
  }),
  APPEND: grows(2, 2, (db, [key = '', more = '']) => {
    const value = (db.text(key) ?? '') + more
    db.put(key, value, true)
    db.changed(key)
    return value.length
  }),
  MSET: grows(2, Infinity, setAll, (args) => args.filter((_, i) => i % 2 === 0)),
  INCR: grows(1, 1, (db, [key = '']) => increase(db, key, 1)),
  DECR: grows(1, 1, (db, [key = '']) => increase(db, key, -1)),
  INCRBY: grows(2, 2, (db, [key = '', by]) => increase(db, key, integer(by))),
  DECRBY: grows(2, 2, (db, [key = '', by]) => increase(db, key, -integer(by))),
}
