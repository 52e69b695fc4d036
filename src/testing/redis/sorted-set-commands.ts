import { type Command, frees, grows, reads } from './command.ts'
import type { Keyspace } from './keyspace.ts'
import { CommandError, float, integer, type Reply, scoreText, syntaxError } from './reply.ts'
import { type Member, SortedSet } from './sorted-set.ts'

interface Bound {
  readonly score: number
  readonly isOut: boolean
}

function bound(text: string | undefined): Bound {
  const isOut = text?.startsWith('(') ?? false
  return { score: float(isOut ? text?.slice(1) : text, 'ERR min or max is not a float'), isOut }
}

function between(members: readonly Member[], low: Bound, high: Bound): Member[] {
  return members.filter(
    ({ score }) =>
      (low.isOut ? score > low.score : score >= low.score) && (high.isOut ? score < high.score : score <= high.score),
  )
}

const FLAGS = ['NX', 'XX', 'GT', 'LT', 'CH', 'INCR']

function add(db: Keyspace, [key = '', ...rest]: readonly string[]): Reply {
  const flags = new Set<string>()
  let at = 0
  for (; FLAGS.includes((rest[at] ?? '').toUpperCase()); at++) flags.add((rest[at] as string).toUpperCase())
  const pairs = rest.slice(at)
  if (pairs.length === 0 || pairs.length % 2 > 0 || flags.has('INCR')) throw syntaxError()
  if (flags.has('NX') && flags.has('XX')) {
    throw new CommandError('ERR XX and NX options at the same time are not compatible')
  }
  const scores = pairs.filter((_, i) => i % 2 === 0).map((text) => float(text))
  const there = db.sorted(key)
  const set = there ?? new SortedSet()
  let [added, updated] = [0, 0]
  scores.forEach((score, i) => {
    const name = pairs[i * 2 + 1] as string
    const is = set.score(name)
    if (is === undefined ? flags.has('XX') : flags.has('NX') || is === score) return
    if (is !== undefined && ((flags.has('GT') && score <= is) || (flags.has('LT') && score >= is))) return
    if (is === undefined) added++
    else updated++
    set.set(name, score)
  })
  if (!there && set.size > 0) db.put(key, set)
  if (added + updated > 0) db.changed(key)
  return flags.has('CH') ? added + updated : added
}

function increase(db: Keyspace, [key = '', by, name = '']: readonly string[]): Reply {
  const step = float(by)
  const score = (db.sorted(key)?.score(name) ?? 0) + step
  add(db, [key, String(score), name])
  return scoreText(score)
}

function remove(db: Keyspace, key: string, names: readonly string[]): number {
  const set = db.sorted(key)
  const count = names.filter((name) => set?.delete(name)).length
  if (count > 0) db.shrunk(key)
  return count
}

function listed(members: readonly Member[], withScores: boolean): Reply {
  return members.flatMap(({ name, score }) => (withScores ? [name, scoreText(score)] : [name]))
}

/** From and to by rank, negative from the end. */
function byRank<T>(all: readonly T[], from: string | undefined, to: string | undefined): T[] {
  const [first, last] = [integer(from), integer(to)]
  const { length } = all
  return all.slice(first < 0 ? Math.max(0, length + first) : first, (last < 0 ? length + last : last) + 1)
}

interface RangeOptions {
  readonly isByScore: boolean
  readonly isBackward: boolean
}

function range(
  db: Keyspace,
  [key = '', from, to, ...options]: readonly string[],
  { isByScore, isBackward }: RangeOptions,
): Reply {
  let [byScore, backward, withScores] = [isByScore, isBackward, false]
  let [offset, count] = [0, -1]
  for (let at = 0; at < options.length; at++) {
    const option = (options[at] as string).toUpperCase()
    if (option === 'WITHSCORES') withScores = true
    else if (option === 'BYSCORE') byScore = true
    else if (option === 'REV') backward = true
    else if (option === 'LIMIT' && at + 2 < options.length) {
      ;[offset, count] = [integer(options[at + 1]), integer(options[at + 2])]
      at += 2
    } else throw syntaxError()
  }
  const isSet = byScore
  const [low, high] = backward ? [to, from] : [from, to]
  const bounds = isSet ? ([bound(low), bound(high)] as const) : undefined
  const members = db.sorted(key)?.members ?? []
  if (!bounds) {
    const ordered = backward ? members.toReversed() : members
    return listed(byRank(ordered, from, to), withScores)
  }
  const found = between(members, ...bounds)
  const ordered = backward ? found.reverse() : found
  if (offset < 0) return []
  return listed(ordered.slice(offset, count < 0 ? undefined : offset + count), withScores)
}

function pop(isLast: boolean): Command['run'] {
  return (db, [key = '', count]) => {
    const most = count === undefined ? 1 : integer(count)
    const members = db.sorted(key)?.members ?? []
    const taken = (isLast ? members.toReversed() : members).slice(0, most)
    remove(
      db,
      key,
      taken.map(({ name }) => name),
    )
    return listed(taken, true)
  }
}

/** Commands of sorted sets. */
export const SORTED_SET_COMMANDS: Readonly<Record<string, Command>> = {
  ZADD: grows(3, Infinity, add),
  ZINCRBY: grows(3, 3, increase),
  ZREM: frees(2, Infinity, (db, [key = '', ...names]) => remove(db, key, names)),
  ZSCORE: reads(2, 2, (db, [key = '', name = '']) => {
    const score = db.sorted(key)?.score(name)
    return score === undefined ? null : scoreText(score)
  }),
  ZMSCORE: reads(2, Infinity, (db, [key = '', ...names]) => {
    const set = db.sorted(key)
    return names.map((name) => {
      const score = set?.score(name)
      return score === undefined ? null : scoreText(score)
    })
  }),
  ZCARD: reads(1, 1, (db, [key = '']) => db.sorted(key)?.size ?? 0),
  ZRANK: reads(2, 2, (db, [key = '', name = '']) => db.sorted(key)?.rank(name) ?? null),
  ZCOUNT: reads(3, 3, (db, [key = '', low, high]) => {
    const bounds = [bound(low), bound(high)] as const
    return between(db.sorted(key)?.members ?? [], ...bounds).length
  }),
  ZRANGE: reads(3, Infinity, (db, args) => range(db, args, { isByScore: false, isBackward: false })),
  ZREVRANGE: reads(3, 4, (db, args) => range(db, args, { isByScore: false, isBackward: true })),
  ZRANGEBYSCORE: reads(3, Infinity, (db, args) => range(db, args, { isByScore: true, isBackward: false })),
  ZREVRANGEBYSCORE: reads(3, Infinity, (db, args) => range(db, args, { isByScore: true, isBackward: true })),
  ZREMRANGEBYSCORE: frees(3, 3, (db, [key = '', low, high]) => {
    const bounds = [bound(low), bound(high)] as const
    const found = between(db.sorted(key)?.members ?? [], ...bounds)
    return remove(
      db,
      key,
      found.map(({ name }) => name),
    )
  }),
  ZREMRANGEBYRANK: frees(3, 3, (db, [key = '', from, to]) => {
    const found = byRank(db.sorted(key)?.members ?? [], from, to)
    return remove(
      db,
      key,
      found.map(({ name }) => name),
    )
  }),
  ZPOPMIN: frees(1, 2, pop(false)),
  ZPOPMAX: frees(1, 2, pop(true)),
}
