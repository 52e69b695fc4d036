import { type Command, frees, grows, reads } from './command.ts'
import type { Keyspace } from './keyspace.ts'
import { patternOf } from './glob.ts'
import { CommandError, integer, OK, type Reply, syntaxError } from './reply.ts'

function setFields(db: Keyspace, [key = '', ...pairs]: readonly string[]): number {
  if (pairs.length % 2 > 0) throw new CommandError("ERR wrong number of arguments for 'hset' command")
  const there = db.hash(key)
  const hash = there ?? new Map<string, string>()
  const before = hash.size
  for (let i = 0; i < pairs.length; i += 2) hash.set(pairs[i] as string, pairs[i + 1] as string)
  if (!there) db.put(key, hash)
  db.changed(key)
  return hash.size - before
}

/** All at once, which a server does with what is small. */
function scan(db: Keyspace, [key = '', cursor, ...options]: readonly string[]): Reply {
  integer(cursor)
  let pattern: RegExp | undefined
  for (let i = 0; i < options.length; i += 2) {
    const option = options[i]?.toUpperCase()
    if (option === 'MATCH') pattern = patternOf(options[i + 1] ?? '')
    else if (option === 'COUNT') integer(options[i + 1])
    else throw syntaxError()
  }
  const found = [...(db.hash(key) ?? [])].filter(([field]) => pattern?.test(field) ?? true)
  return ['0', found.flat()]
}

/** Commands of hashes. */
export const HASH_COMMANDS: Readonly<Record<string, Command>> = {
  HSET: grows(3, Infinity, setFields),
  HMSET: grows(3, Infinity, (db, args) => {
    setFields(db, args)
    return OK
  }),
  HSETNX: grows(3, 3, (db, [key = '', field = '', value = '']) =>
    db.hash(key)?.has(field) ? 0 : setFields(db, [key, field, value]),
  ),
  HGET: reads(2, 2, (db, [key = '', field = '']) => db.hash(key)?.get(field) ?? null),
  HMGET: reads(2, Infinity, (db, [key = '', ...fields]) => {
    const hash = db.hash(key)
    return fields.map((field) => hash?.get(field) ?? null)
  }),
  HGETALL: reads(1, 1, (db, [key = '']) => [...(db.hash(key) ?? [])].flat()),
  HKEYS: reads(1, 1, (db, [key = '']) => [...(db.hash(key)?.keys() ?? [])]),
  HVALS: reads(1, 1, (db, [key = '']) => [...(db.hash(key)?.values() ?? [])]),
  HEXISTS: reads(2, 2, (db, [key = '', field = '']) => Number(db.hash(key)?.has(field) ?? false)),
  HLEN: reads(1, 1, (db, [key = '']) => db.hash(key)?.size ?? 0),
  HSCAN: reads(2, Infinity, scan),
  HDEL: frees(2, Infinity, (db, [key = '', ...fields]) => {
    const hash = db.hash(key)
    const count = fields.filter((field) => hash?.delete(field)).length
    if (count > 0) db.shrunk(key)
    return count
  }),
  HINCRBY: grows(3, 3, (db, [key = '', field = '', by]) => {
    const step = integer(by)
    const is = db.hash(key)?.get(field) ?? '0'
    if (!/^-?\d+$/.test(is)) throw new CommandError('ERR hash value is not an integer')
    const sum = Number(is) + step
    setFields(db, [key, field, String(sum)])
    return sum
  }),
}
