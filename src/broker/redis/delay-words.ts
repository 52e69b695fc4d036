import { RedisScript } from '../../base/redis/redis-connection.ts'
import { ROUTES, WORDS } from './lua-words.ts'

/** On it it is told, below the prefix of all keys, that something is due before all else. */
export const DUE_CHANNEL = '_lovage.v1.due'

/**
 * Messages that wait for their time. `_lovage.v1.delayed.<queue>` has their texts, each behind the digit of its list;
 * `_lovage.v1.due.<queue>` their times by the server's clock; `_lovage.v1.due` the first time of each queue; and
 * `_lovage.v1.movers` who moves what is due, each with the time until which that is believed.
 */
export const DELAYS = String.raw`
local DUE, MOVERS = P .. '_lovage.v1.due', P .. '_lovage.v1.movers'

local function areMoved(now) return redis.call('ZCOUNT', MOVERS, int(now), '+inf') > 0 end

local function wait(queue, step, text, due, id)
  redis.call('HSET', own('delayed', queue), id, step .. text)
  redis.call('ZADD', own('due', queue), int(due), id)
  local all = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
  local first = redis.call('ZSCORE', DUE, queue)
  if not first or tonumber(first) > due then redis.call('ZADD', DUE, int(due), queue) end
  if not all[1] or tonumber(all[2]) > due then redis.call('PUBLISH', DUE, '') end
end

local function moveSome(queue, ids)
  local texts = redis.call('HMGET', own('delayed', queue), unpack(ids))
  for i, id in ipairs(ids) do
    if texts[i] then
      local list = P .. queue .. STEPS[tonumber(string.sub(texts[i], 1, 1)) + 1]
      redis.call('LPUSH', list, string.sub(texts[i], 2))
    end
    redis.call('HDEL', own('delayed', queue), id)
    redis.call('ZREM', own('due', queue), id)
  end
end

-- Puts up to so many, whose time has come by then, into their queues; gives how many. Without a time: all.
local function moveDue(now, till, most)
  local moved, stuck, failures = 0, {}, 0
  while moved < most do
    local queue, at
    local firsts = redis.call('ZRANGE', DUE, 0, failures, 'WITHSCORES')
    for i = #firsts - 1, 1, -2 do
      if not stuck[firsts[i]] then queue, at = firsts[i], tonumber(firsts[i + 1]) end
    end
    if not queue or (till and at > till) then break end
    local ids = redis.call('ZRANGEBYSCORE', own('due', queue), '-inf', till and int(till) or '+inf', 'LIMIT', 0, most - moved)
    -- A key of another type, say: the other queues need not wait for that.
    if #ids > 0 and not pcall(moveSome, queue, ids) then
      stuck[queue], failures = true, failures + 1
      redis.call('ZADD', DUE, int(now + 5000), queue)
    else
      moved = moved + #ids
      local rest = redis.call('ZRANGE', own('due', queue), 0, 0, 'WITHSCORES')
      if rest[1] then redis.call('ZADD', DUE, rest[2], queue) else redis.call('ZREM', DUE, queue) end
    end
  end
  return moved
end
`

/** Mover, length of its lease, how many at most. Gives how many were moved, and in how many ms the next is due, or -1. */
const move = String.raw`
local now = clock()
openGate()
redis.call('ZREMRANGEBYSCORE', MOVERS, '-inf', '(' .. int(now))
redis.call('ZADD', MOVERS, int(now + tonumber(ARGV[3])), ARGV[2])
local moved = moveDue(now, now, tonumber(ARGV[4]))
local first = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
return {moved, first[1] and math.max(0, tonumber(first[2]) - now) or -1}
`

/**
 * Mover that goes, or '', and how many at most. Where nobody is left who moves, what waits goes into its queues, for
 * whoever reads them to hold. Gives how many did.
 */
const leave = String.raw`
local now = clock()
openGate()
if ARGV[2] ~= '' then redis.call('ZREM', MOVERS, ARGV[2]) end
if areMoved(now) then return 0 end
return moveDue(now, nil, tonumber(ARGV[3]))
`

/** Out of somebody's hands. Of each its tag, queue, step, and in how many ms it is due. Gives the tags that were moved. */
const keep = String.raw`
local now = clock()
openGate()
if not areMoved(now) then return {} end
local moved = {}
for i = 2, #ARGV, 4 do
  local tag, queue, step, delay = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local entry = redis.call('HGET', UNACKED, tag)
  if entry then
    local tail = ', "", ' .. cjson.encode(queue) .. ']'
    local text = string.sub(entry, 2, #entry - #tail)
    -- The age that its queue allows does not count while it waits elsewhere.
    local dies = string.find(text, ', "x-lovage-dies": %d+')
    if dies then text = string.sub(text, 1, dies - 1) .. string.gsub(string.sub(text, dies), '^, "x%-lovage%-dies": %d+', '') end
    wait(queue, step, text, now + delay, tag)
    redis.call('HDEL', UNACKED, tag)
    redis.call('ZREM', INDEX, tag)
    moved[#moved + 1] = tag
  end
end
return moved
`

/** Queue and how many at most. Gives of each in how many ms it is due, and its text. */
const list = String.raw`
local now = clock()
local ids = redis.call('ZRANGE', own('due', ARGV[2]), 0, tonumber(ARGV[3]) - 1, 'WITHSCORES')
local found = {}
for i = 1, #ids, 2 do
  local text = redis.call('HGET', own('delayed', ARGV[2]), ids[i])
  if text then
    found[#found + 1] = int(tonumber(ids[i + 1]) - now)
    found[#found + 1] = string.sub(text, 2)
  end
end
return found
`

const purge = String.raw`
local count = redis.call('ZCARD', own('due', ARGV[2]))
forgetDelayed(ARGV[2])
return count
`

const all = WORDS + DELAYS

/** The moves of messages that wait for their time. Each is all or nothing. */
export const DELAY_MOVES = {
  move: new RedisScript(all + move),
  leave: new RedisScript(all + leave),
  keep: new RedisScript(all + keep),
  list: new RedisScript(all + list),
  purge: new RedisScript(all + purge),
} as const

/** What the script that publishes begins with. */
export const PUBLISHING_WORDS = WORDS + ROUTES + DELAYS
