import * as fc from 'fast-check'

/** A command of one of a few keys. */
export interface AnyCommand {
  readonly command: string
  readonly args: (string | number)[]
}

const key = fc.constantFrom('k1', 'k2', 'k3', 'k4', 'k5')
const word = fc.constantFrom('a', 'b', 'c', 'aa', '', 'z/"\\\n', 'é', '10', '-3')
const whole = fc.integer({ min: -4, max: 6 })
const score = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom('1.5', '1767225600.123', '-inf', '+inf', '0.1', '1e3', '1e-7', '1e20', 'x', '3.0'),
)
const bound = fc.oneof(score, fc.constantFrom('(1', '(2.5', '-inf', '+inf', '(x'))
const end = fc.constantFrom('LEFT', 'RIGHT', 'left', 'up')

function of(command: string, ...parts: fc.Arbitrary<unknown>[]): fc.Arbitrary<AnyCommand> {
  return fc.tuple(...parts).map((args) => ({ command, args: args.flat(2) as (string | number)[] }))
}

function some<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(arbitrary, { minLength: 1, maxLength: 4 })
}

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(arbitrary, { maxLength: 1 })
}

const limit = fc.tuple(whole, whole).map(([offset, count]) => ['LIMIT', offset, count])
const withScores = maybe(fc.constant('WITHSCORES'))

export const anyCommand: fc.Arbitrary<AnyCommand> = fc.oneof(
  of('DEL', some(key)),
  of('EXISTS', some(key)),
  of('TYPE', key),
  of('EXPIRE', key, fc.constantFrom(-1, 0, 1000)),
  of('PEXPIRE', key, fc.constantFrom(-1, 100_000, 'x')),
  of('PERSIST', key),
  of('TTL', key),
  of('GET', key),
  of('MGET', some(key)),
  of('STRLEN', key),
  of('SET', key, word, maybe(fc.constantFrom('NX', 'XX', 'KEEPTTL', 'GET', 'nonsense'))),
  of('SET', key, word, fc.constantFrom('NX', 'XX'), fc.constant('PX'), fc.constantFrom(100_000, 0)),
  of('PSETEX', key, fc.constantFrom(100_000, -1), word),
  of('SETNX', key, word),
  of('GETDEL', key),
  of('APPEND', key, word),
  of('MSET', some(fc.tuple(key, word))),
  of('INCR', key),
  of('DECRBY', key, whole),
  of('INCRBY', key, fc.oneof(whole, word)),
  ...['LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX', 'SADD', 'SREM', 'SMISMEMBER', 'HDEL', 'HMGET', 'ZREM', 'ZMSCORE'].map(
    (command) => of(command, key, some(word)),
  ),
  ...['LPOP', 'RPOP', 'ZPOPMIN', 'ZPOPMAX'].map((command) => of(command, key, maybe(fc.integer({ min: 0, max: 3 })))),
  ...['LLEN', 'HLEN', 'SCARD', 'ZCARD'].map((command) => of(command, key)),
  ...['HGET', 'HEXISTS', 'SISMEMBER', 'ZSCORE', 'ZRANK'].map((command) => of(command, key, word)),
  of('LINDEX', key, whole),
  of('LRANGE', key, whole, whole),
  of('LTRIM', key, whole, whole),
  of('LREM', key, whole, word),
  of('LMOVE', key, key, end, end),
  of('RPOPLPUSH', key, key),
  of('HSET', key, some(fc.tuple(word, word))),
  of('HSET', key, word),
  of('HSETNX', key, word, word),
  of('HINCRBY', key, word, whole),
  of('ZADD', key, maybe(fc.constantFrom('NX', 'XX', 'GT', 'LT', 'CH')), some(fc.tuple(score, word))),
  of('ZINCRBY', key, score, word),
  of('ZCOUNT', key, bound, bound),
  of('ZRANGE', key, whole, whole, withScores),
  of('ZREVRANGE', key, whole, whole, withScores),
  of('ZRANGE', key, bound, bound, fc.constant('BYSCORE'), maybe(limit)),
  of('ZRANGEBYSCORE', key, bound, bound, withScores, maybe(limit)),
  of('ZREVRANGEBYSCORE', key, bound, bound, withScores, maybe(limit)),
  of('ZREMRANGEBYSCORE', key, bound, bound),
  of('ZREMRANGEBYRANK', key, whole, whole),
)
