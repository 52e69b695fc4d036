import { scriptOf } from './words.ts'

/** Values, counters and leases. */

export const get = scriptOf(String.raw`
local there = redis.call('HMGET', at('value'), 'number', 'value')
if not there[1] then return told(false) end
return told({tonumber(there[1]), there[2]})
`)

/** value, ttlMs, ifVersion or ''. */
export const set = scriptOf(String.raw`
local value, ttl, ifVersion = ARGV[3], ARGV[4], ARGV[5]
local there = tonumber(redis.call('HGET', at('value'), 'number') or '0')
if ifVersion ~= '' and there ~= tonumber(ifVersion) then
  if there == 0 then return told({0}) end
  return told({0, there, redis.call('HGET', at('value'), 'value')})
end
local version = numbers(1)
redis.call('HSET', at('value'), 'number', int(version), 'value', value)
redis.call('PEXPIRE', at('value'), ttl)
return {version}
`)

/** ifVersion or ''. */
export const forget = scriptOf(String.raw`
local there = tonumber(redis.call('HGET', at('value'), 'number') or '0')
if ARGV[3] ~= '' and there ~= tonumber(ARGV[3]) then return told(0) end
openGate()
local gone = redis.call('UNLINK', at('value'), at('counter'), at('log'), at('positions'))
return math.min(gone, 1)
`)

/**
 * by, ttlMs, renew (1), max or '', member or ''. Gives value (as text: clients read numbers of this size wrong), whether it
 * was counted and what time is left; or, where that is refused, why alone.
 */
export const count = scriptOf(String.raw`
local by, ttl, renew, max, member = tonumber(ARGV[3]), ARGV[4], ARGV[5] == '1', tonumber(ARGV[6]), ARGV[7]
local counter = at('counter')
local there = redis.call('HGET', counter, 'value')
local before = tonumber(there or '0')
local value = before + by
local isKnown = member ~= '' and redis.call('HEXISTS', counter, 'm:' .. member) == 1
if by == 0 or isKnown or (max and value > max) then
  return told({int(before), 0, math.max(0, redis.call('PTTL', counter))})
end
if value > MOST or value < -MOST then return told({int(value)}) end
if there and member == '' then openGate() end
if member ~= '' and redis.call('HLEN', counter) > 100000 then return told({'members'}) end
redis.call('HSET', counter, 'value', int(value))
if member ~= '' then redis.call('HSET', counter, 'm:' .. member, '') end
if renew or not there then redis.call('PEXPIRE', counter, ttl) end
return {int(value), 1, math.max(0, redis.call('PTTL', counter))}
`)

const LEASES = String.raw`
local leases, tokens, holder = at('lease'), at('token'), ARGV[3]
local held = tonumber(redis.call('ZSCORE', leases, holder) or '0') > NOW

local function prolong(ttl)
  redis.call('ZADD', leases, ms(NOW + ttl), holder)
  local last = math.ceil(tonumber(redis.call('ZRANGE', leases, -1, -1, 'WITHSCORES')[2]))
  redis.call('PEXPIREAT', leases, int(last))
  redis.call('PEXPIREAT', tokens, int(last))
end
`

/** holder, ttlMs, slots. */
export const lease = scriptOf(
  LEASES +
    String.raw`
local ttl, slots = tonumber(ARGV[4]), tonumber(ARGV[5])
if held then
  openGate()
  prolong(ttl)
  return {tonumber(redis.call('HGET', tokens, holder)), 0}
end
local live = '(' .. ms(NOW)
if redis.call('ZCOUNT', leases, live, '+inf') >= slots then
  local first = redis.call('ZRANGEBYSCORE', leases, live, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  return told({0, math.max(1, math.ceil(tonumber(first[2]) - NOW))})
end
local token = numbers(1)
local over = redis.call('ZRANGEBYSCORE', leases, '-inf', ms(NOW))
byThousand(over, function(...)
  redis.call('ZREM', leases, ...)
  redis.call('HDEL', tokens, ...)
end)
redis.call('HSET', tokens, holder, int(token))
prolong(ttl)
return {token, 0}
`,
)

/** holder, token, ttlMs. */
export const renew = scriptOf(
  LEASES +
    String.raw`
if not held or tonumber(redis.call('HGET', tokens, holder)) ~= tonumber(ARGV[4]) then return told(0) end
openGate()
prolong(tonumber(ARGV[5]))
return 1
`,
)

/** holder, token. */
export const release = scriptOf(
  LEASES +
    String.raw`
if not held or tonumber(redis.call('HGET', tokens, holder)) ~= tonumber(ARGV[4]) then return told(0) end
openGate()
redis.call('ZREM', leases, holder)
redis.call('HDEL', tokens, holder)
return 1
`,
)
