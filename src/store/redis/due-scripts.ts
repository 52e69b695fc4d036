import { scriptOf } from './words.ts'

const DUES = String.raw`
local waiting, claimed, states, bodies = at('waiting'), at('claimed'), at('state'), at('body')

-- version, takes, and when it is due, as it was written
local function stateOf(id)
  local text = redis.call('HGET', states, id)
  if not text then return 0 end
  local version, takes, due = string.match(text, '^(%d+) (%d+) (%S+)$')
  return tonumber(version), tonumber(takes), due
end
local function keep(id, version, takes, due)
  redis.call('HSET', states, id, int(version) .. ' ' .. int(takes) .. ' ' .. due)
end

-- When something can be taken, or its claim ends.
local function nextAt()
  local due = redis.call('ZRANGE', waiting, 0, 0, 'WITHSCORES')[2]
  local free = redis.call('ZRANGE', claimed, 0, 0, 'WITHSCORES')[2]
  return math.min(due and num(due) or INF, free and num(free) or INF)
end
local function inMs(when)
  if when == INF then return -1 end
  return math.max(0, math.ceil(when - NOW))
end
local function ring(when)
  if when < INF then redis.call('PUBLISH', at('bell:due'), int(inMs(when))) end
end
local function entry(answer, id, version, takes, due)
  for _, one in ipairs({id, due, version, takes, redis.call('HGET', bodies, id)}) do answer[#answer + 1] = one end
end
`

/** id, when it is due, ifVersion or '', and a value where there is one. Gives its version, or FULL. */
export const put = scriptOf(
  DUES +
    String.raw`
local id, due, ifVersion, value = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local version, takes = stateOf(id)
if ifVersion ~= '' and version ~= tonumber(ifVersion) then return told(0) end
if not value and version == 0 then return told(0) end
if version == 0 and redis.call('HLEN', states) >= 1000000 then return told('FULL') end
if not value then openGate() end
local before = nextAt()
local number = numbers(1)
keep(id, number, value and 0 or takes, due)
if value then redis.call('HSET', bodies, id, value) end
redis.call('ZREM', claimed, id)
redis.call('ZADD', waiting, due, id)
-- Only what comes earlier than all that is known: until then whoever watches waits for that.
local after = nextAt()
if after < before then ring(after) end
return number
`,
)

/** id, ifVersion or ''. */
export const remove = scriptOf(
  DUES +
    String.raw`
local id, ifVersion = ARGV[3], ARGV[4]
local version = stateOf(id)
if version == 0 or (ifVersion ~= '' and version ~= tonumber(ifVersion)) then return told(0) end
openGate()
redis.call('ZREM', waiting, id)
redis.call('ZREM', claimed, id)
redis.call('HDEL', states, id)
redis.call('HDEL', bodies, id)
return 1
`,
)

/** claimMs, limit. Gives in how many ms the next can be taken (-1: none waits), and the entries. */
export const take = scriptOf(
  DUES +
    String.raw`
local claim, limit = tonumber(ARGV[3]), tonumber(ARGV[4])
local free = redis.call('ZRANGEBYSCORE', claimed, '-inf', ms(NOW))
if #free > 0 then openGate() end
for _, id in ipairs(free) do
  local _, _, due = stateOf(id)
  redis.call('ZADD', waiting, due, id)
end
byThousand(free, function(...) redis.call('ZREM', claimed, ...) end)
local taken, fits = {}, pages(bodies)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', ms(NOW), 'LIMIT', 0, limit)) do
  if not fits(id) then break end
  taken[#taken + 1] = id
end
if #taken == 0 then return told({inMs(nextAt())}) end
openGate()
local number, answer = numbers(#taken), {0}
for i, id in ipairs(taken) do
  local _, takes, due = stateOf(id)
  keep(id, number + i - 1, takes + 1, due)
  redis.call('ZREM', waiting, id)
  redis.call('ZADD', claimed, ms(NOW + claim), id)
  entry(answer, id, number + i - 1, takes + 1, due)
end
local after = nextAt()
answer[1] = inMs(after)
ring(after)
return answer
`,
)

/** limit, and where it goes on: when, and id. */
export const list = scriptOf(
  DUES +
    String.raw`
local limit, afterAt, afterId = tonumber(ARGV[3]), ARGV[4], ARGV[5]

-- The server's own order of texts; that of Lua goes by its language.
local function isBefore(a, b)
  for i = 1, math.min(#a, #b) do
    local one, other = string.byte(a, i), string.byte(b, i)
    if one ~= other then return one < other end
  end
  return #a < #b
end
local function precedes(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return isBefore(a[2], b[2])
end

local from = 0
if afterAt then
  from = redis.call('ZCOUNT', waiting, '-inf', '(' .. afterAt)
  local to = redis.call('ZCOUNT', waiting, '-inf', afterAt)
  while from < to do
    local middle = math.floor((from + to) / 2)
    if isBefore(afterId, redis.call('ZRANGE', waiting, middle, middle)[1]) then to = middle else from = middle + 1 end
  end
end
local found = {}
local rest = redis.call('ZRANGE', waiting, from, from + limit - 1, 'WITHSCORES')
for i = 1, #rest, 2 do found[#found + 1] = {num(rest[i + 1]), rest[i]} end
-- Those in somebody's hands are few beside those that wait.
local border = afterAt and {num(afterAt), afterId}
for _, id in ipairs(redis.call('ZRANGE', claimed, 0, -1)) do
  local _, _, due = stateOf(id)
  local one = {num(due), id}
  if not border or precedes(border, one) then found[#found + 1] = one end
end
table.sort(found, precedes)
local answer, fits = {}, pages(bodies)
for i = 1, math.min(limit, #found) do
  local id = found[i][2]
  if not fits(id) then break end
  entry(answer, id, stateOf(id))
end
return told(answer)
`,
)

/** In how many ms something can be taken; -1: nothing waits. */
export const peek = scriptOf(`${DUES}return told(inMs(nextAt()))`)
