import { RedisScript } from '../../base/redis/redis-connection.ts'
import { PUBLISHING_WORDS } from './delay-words.ts'
import { ROUTES, WORDS } from './lua-words.ts'
import { PUBLISH, PUBLISH_PLAIN } from './publish-script.ts'

/** Tags from one argument on are done with. */
const DONE = String.raw`
local function done(first)
  for from = first, #ARGV, 1000 do
    local to = math.min(from + 999, #ARGV)
    redis.call('ZREM', INDEX, unpack(ARGV, from, to))
    redis.call('HDEL', UNACKED, unpack(ARGV, from, to))
  end
end
`

/**
 * Up to so many messages, in kombu's order: by priority, then by queue. Behind the queues, and an empty text, are tags
 * of ours that are done with. What is taken stands in `unacked` as kombu writes
 * it, under tags of ours. It ends by looking at each list that it emptied, so that the next message rings our bell.
 */
const take = String.raw`
local last = #ARGV
for i = 7, #ARGV do
  if ARGV[i] == '' then
    last = i - 1
    break
  end
end
done(last + 2)
local base, first, most, noAck, mostBytes = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1', tonumber(ARGV[6])
local now = clock()
local missing, highest, got, tails = {}, {}, {}, {}
for i = 7, last do
  local q = redis.call('HMGET', own('queue', ARGV[i]), 'spec', 'priority', 'ttl')
  if not q[1] then missing[#missing + 1] = i - 7 end
  if q[3] then trim(ARGV[i], now) end
  highest[i - 6] = q[2] or ''
  tails[i] = ', "", ' .. cjson.encode(ARGV[i]) .. ']'
end
local count, bytes = 0, 0
local entries, scores = {}, {}
local score = string.format('%.3f', now / 1000)
for step = 1, #STEPS do
  for i = 7, last do
    while count < most and bytes < mostBytes do
      local text = redis.call('RPOP', P .. ARGV[i] .. STEPS[step])
      if not text then break end
      local tag = base .. string.format('%012.0f', first + count)
      count, bytes = count + 1, bytes + #text
      got[#got + 1] = i - 7
      got[#got + 1] = step - 1
      got[#got + 1] = text
      if not noAck then
        entries[#entries + 1] = tag
        entries[#entries + 1] = '[' .. text .. tails[i]
        scores[#scores + 1] = score
        scores[#scores + 1] = tag
      end
    end
  end
end
for from = 1, #entries, 1000 do
  local to = math.min(from + 999, #entries)
  local done = redis.pcall('HSET', UNACKED, unpack(entries, from, to))
  if type(done) ~= 'table' then done = redis.pcall('ZADD', INDEX, unpack(scores, from, to)) end
  if type(done) == 'table' and done.err then
    -- Keys of another type, say. What was taken must not be lost over it.
    for i = #got - 2, 1, -3 do redis.call('RPUSH', P .. ARGV[got[i] + 7] .. STEPS[got[i + 1] + 1], got[i + 2]) end
    return redis.error_reply(done.err)
  end
end
local left = 0
if count < most then
  for i = 7, last do
    redis.call('HEXISTS', own('queue', ARGV[i]), 'spec')
    left = left + size(ARGV[i])
  end
end
return {missing, highest, got, left}
`

/** Done with. */
const ack = String.raw`
done(2)
return 1
`

/** Back to the head of its list, as it was: what nobody has seen. Of each its tag, queue and step. */
const untake = String.raw`
local back = 0
for i = 2, #ARGV, 3 do
  local tag, queue, step = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local entry = redis.call('HGET', UNACKED, tag)
  if entry then
    redis.call('HDEL', UNACKED, tag)
    redis.call('ZREM', INDEX, tag)
    local tail = ', "", ' .. cjson.encode(queue) .. ']'
    redis.call('RPUSH', P .. queue .. STEPS[step + 1], string.sub(entry, 2, #entry - #tail))
    back = back + 1
  end
end
return back
`

/**
 * Back to the head of the line, in a new text. Of each its tag, the score that it must have ('' for any), exchange, key,
 * step and text. Gives the tags that no queue takes; they stay where they are.
 */
const restore = String.raw`
local stuck = {}
for i = 2, #ARGV, 6 do
  local tag, score, exchange, key, step, text = unpack(ARGV, i, i + 5)
  local is = redis.call('ZSCORE', INDEX, tag)
  local wanted = redis.call('HEXISTS', UNACKED, tag) == 1 and (score == '' or is == score)
  local found = {}
  if wanted and exchange == '' then found = {{key}} end
  if wanted and exchange ~= '' then
    found = route(exchange, redis.call('HGET', own('exchange', exchange), 'type'), key) or {}
  end
  if wanted and #found == 0 then stuck[#stuck + 1] = tag end
  if #found > 0 then
    redis.call('HDEL', UNACKED, tag)
    redis.call('ZREM', INDEX, tag)
    for _, one in ipairs(found) do redis.call('RPUSH', P .. one[1] .. STEPS[tonumber(step) + 1], text) end
  end
end
return stuck
`

/**
 * Messages whose lease has run out, newest first: tag, score and entry of each. The arguments are the length of the
 * lease, how many at most, and how many to pass over.
 */
const expired = String.raw`
local till = string.format('%.3f', (clock() - tonumber(ARGV[2])) / 1000)
local found = redis.call('ZREVRANGEBYSCORE', INDEX, till, '-inf', 'WITHSCORES', 'LIMIT', ARGV[4], ARGV[3])
local list = {}
for i = 1, #found, 2 do
  local entry = redis.call('HGET', UNACKED, found[i])
  if entry then
    list[#list + 1] = found[i]
    list[#list + 1] = found[i + 1]
    list[#list + 1] = entry
  else
    redis.call('ZREM', INDEX, found[i])
  end
end
return list
`

/** What stands under tags. */
const entries = String.raw`return redis.call('HMGET', UNACKED, unpack(ARGV, 2))`

/** We are there still: the session, its readers (queue and name of each), its deliveries. Gives the tags that are gone. */
const renew = String.raw`
local session, leaseMs, pairsOf = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
openGate()
redis.call('ZADD', SESSIONS, int(now + leaseMs), session)
for i = 5, 4 + pairsOf * 2, 2 do
  local queue = ARGV[i]
  redis.call('ZADD', own('readers', queue), int(now + leaseMs), ARGV[i + 1])
  used(queue, now)
end
local gone = {}
local score = string.format('%.3f', now / 1000)
for i = 5 + pairsOf * 2, #ARGV do
  if redis.call('ZSCORE', INDEX, ARGV[i]) then redis.call('ZADD', INDEX, score, ARGV[i])
  else gone[#gone + 1] = ARGV[i] end
end
return gone
`

/** The session ends, with the queues that it alone had. With a second argument, only where its lease has run out. */
const endSession = String.raw`
local till = redis.call('ZSCORE', SESSIONS, ARGV[2])
if ARGV[3] and till and tonumber(till) >= clock() then return 0 end
for _, queue in ipairs(redis.call('SMEMBERS', own('owned', ARGV[2]))) do
  if redis.call('HGET', own('queue', queue), 'owner') == ARGV[2] then drop(queue) end
end
redis.call('DEL', own('owned', ARGV[2]))
redis.call('ZREM', SESSIONS, ARGV[2])
return 1
`

/** Sessions whose lease has run out. */
const lapsed = String.raw`return redis.call('ZRANGEBYSCORE', SESSIONS, '-inf', '(' .. int(clock()), 'LIMIT', 0, 10)`

/** Gives a lock back that is still ours, as redis-py does. */
const unlock = String.raw`
if redis.call('GET', P .. 'unacked_mutex') ~= ARGV[2] then return 0 end
return redis.call('DEL', P .. 'unacked_mutex')
`

const routed = WORDS + ROUTES

/** The moves of messages. Each is all or nothing. */
export const MOVES = {
  publish: new RedisScript(PUBLISH_PLAIN + PUBLISHING_WORDS + PUBLISH),
  take: new RedisScript(WORDS + DONE + take),
  ack: new RedisScript(WORDS + DONE + ack),
  untake: new RedisScript(WORDS + untake),
  restore: new RedisScript(routed + restore),
  entries: new RedisScript(WORDS + entries),
  expired: new RedisScript(WORDS + expired),
  renew: new RedisScript(WORDS + renew),
  endSession: new RedisScript(WORDS + endSession),
  lapsed: new RedisScript(WORDS + lapsed),
  unlock: new RedisScript(WORDS + unlock),
} as const
