import { scriptOf } from './words.ts'

const LOGS = String.raw`
local log, positions = at('log'), at('positions')

local function drop(count)
  while count > 0 do
    local gone = redis.call('ZRANGE', positions, 0, math.min(count, 1000) - 1)
    if #gone == 0 then return end
    redis.call('ZREMRANGEBYRANK', positions, 0, #gone - 1)
    redis.call('HDEL', log, unpack(gone))
    redis.call('HSET', log, 'floor', gone[#gone], 'trimmed', '1')
    count = count - #gone
  end
end
`

/** value, ttlMs, maxEntries, ifLast or ''. Whoever watches hears the position. */
export const append = scriptOf(
  LOGS +
    String.raw`
local value, ttl, most, ifLast = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local last = redis.call('HGET', log, 'last')
if ifLast ~= '' and tonumber(last or '0') ~= tonumber(ifLast) then return told(0) end
local number = numbers(1)
local position = int(number)
if not last then
  redis.call('DEL', positions)
  redis.call('HSET', log, 'floor', position, 'trimmed', '0')
end
redis.call('HSET', log, 'last', position, position, value)
redis.call('ZADD', positions, position, position)
drop(redis.call('ZCARD', positions) - most)
redis.call('PEXPIRE', log, ttl)
redis.call('PEXPIRE', positions, ttl)
redis.call('PUBLISH', at('bell:log'), position)
return number
`,
)

/** after, limit. Gives last, whether it is gapped, and of each entry position and value. */
export const read = scriptOf(
  LOGS +
    String.raw`
local after, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
local head = redis.call('HMGET', log, 'last', 'floor', 'trimmed')
if not head[1] then return told({0, after > 0 and 1 or 0}) end
local isGapped
if after == 0 then isGapped = head[3] == '1' else isGapped = after < tonumber(head[2]) end
local answer = {tonumber(head[1]), isGapped and 1 or 0}
local fits = pages(log)
for _, position in ipairs(redis.call('ZRANGEBYSCORE', positions, '(' .. ARGV[3], '+inf', 'LIMIT', 0, limit)) do
  if not fits(position) then break end
  answer[#answer + 1] = tonumber(position)
  answer[#answer + 1] = redis.call('HGET', log, position)
end
return told(answer)
`,
)

/** through. */
export const trim = scriptOf(
  LOGS +
    String.raw`
local count = redis.call('ZCOUNT', positions, '-inf', ARGV[3])
if count == 0 or redis.call('EXISTS', log) == 0 then return told(0) end
openGate()
drop(count)
return 0
`,
)
