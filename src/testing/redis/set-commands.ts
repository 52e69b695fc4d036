import { type Command, frees, grows, reads } from './command.ts'

/** Commands of sets. */
export const SET_COMMANDS: Readonly<Record<string, Command>> = {
  SADD: grows(2, Infinity, (db, [key = '', ...members]) => {
    const there = db.set(key)
    const set = there ?? new Set<string>()
    const before = set.size
    for (const member of members) set.add(member)
    if (!there) db.put(key, set)
    if (set.size > before) db.changed(key)
    return set.size - before
  }),
  SREM: frees(2, Infinity, (db, [key = '', ...members]) => {
    const set = db.set(key)
    const count = members.filter((member) => set?.delete(member)).length
    if (count > 0) db.shrunk(key)
    return count
  }),
  SMEMBERS: reads(1, 1, (db, [key = '']) => [...(db.set(key) ?? [])]),
  SISMEMBER: reads(2, 2, (db, [key = '', member = '']) => Number(db.set(key)?.has(member) ?? false)),
  SMISMEMBER: reads(2, Infinity, (db, [key = '', ...members]) => {
    const set = db.set(key)
    return members.map((member) => Number(set?.has(member) ?? false))
  }),
  SCARD: reads(1, 1, (db, [key = '']) => db.set(key)?.size ?? 0),
}
