/**
 * What the scripts have in common. `ARGV[1]` is the prefix of all keys.
 *
 * kombu's keys are lists (`<queue>`, `<queue>\x06\x16<step>`), `_kombu.binding.<exchange>`, `unacked`, `unacked_index` and
 * `unacked_mutex`. Ours, version 1, hold what kombu keeps in the memory of each process and RabbitMQ in the server:
 * `_lovage.v1.queue.<queue>` and `_lovage.v1.exchange.<exchange>` (what was declared), `.bound.<queue>` (its bindings),
 * `.readers.<queue>` and `.sessions` (who is there, each with the time until which that is believed), `.owned.<session>`;
 * and those of delay-words.ts.
 */
export const WORDS = String.raw`
local P = ARGV[1]
local SEP = '\6\22'
local STEPS = {'', SEP .. '3', SEP .. '6', SEP .. '9'}
local UNACKED, INDEX, SESSIONS = P .. 'unacked', P .. 'unacked_index', P .. '_lovage.v1.sessions'

local function own(kind, name) return P .. '_lovage.v1.' .. kind .. '.' .. name end
local function bindings(exchange) return P .. '_kombu.binding.' .. exchange end
local function int(n) return string.format('%.0f', n) end
local function clock()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- A server out of memory refuses the first write of a script that could need more, and none after a write that cannot.
-- Scripts that a worker needs even then, to work off what waits, write this first.
local function openGate() redis.call('DEL', P .. '_lovage.v1.none') end

-- What waits for its time and would come to this queue: see delay-words.ts.
local function forgetDelayed(queue)
  redis.call('DEL', own('due', queue), own('delayed', queue))
  redis.call('ZREM', P .. '_lovage.v1.due', queue)
end

local function drop(queue)
  for _, one in ipairs(redis.call('SMEMBERS', own('bound', queue))) do
    local cut = string.find(one, '\0', 1, true)
    local exchange, member = string.sub(one, 1, cut - 1), string.sub(one, cut + 1)
    redis.call('SREM', bindings(exchange), member)
    if redis.call('EXISTS', bindings(exchange)) == 0 and redis.call('HGET', own('exchange', exchange), 'auto') == '1' then
      redis.call('DEL', own('exchange', exchange))
    end
  end
  redis.call('SREM', bindings(queue), queue .. SEP .. SEP .. queue)
  redis.call('DEL', own('queue', queue), own('bound', queue), own('readers', queue))
  forgetDelayed(queue)
  for _, step in ipairs(STEPS) do redis.call('DEL', P .. queue .. step) end
end

local function readers(queue, now)
  redis.call('ZREMRANGEBYSCORE', own('readers', queue), '-inf', '(' .. int(now))
  return redis.call('ZCARD', own('readers', queue))
end

-- What was declared of a queue, or nil. One that has outlived its owner, its readers or its time goes here.
-- [1] all of it, [2] highest priority, [3] ms that messages last, [4] most messages, [5] what then, [6] ms without
-- readers, [7] used last, [8] session that owns it, [9] 1: goes with its last reader, 2: and had one.
local function known(queue, now)
  local q = redis.call('HMGET', own('queue', queue),
    'spec', 'priority', 'ttl', 'length', 'overflow', 'expires', 'used', 'owner', 'auto')
  if not q[1] then return nil end
  local over = false
  if q[8] then
    local till = redis.call('ZSCORE', SESSIONS, q[8])
    over = not till or tonumber(till) < now
  end
  if q[6] and tonumber(q[7]) + tonumber(q[6]) <= now then over = over or readers(queue, now) == 0 end
  if q[9] == '2' then over = over or readers(queue, now) == 0 end
  if not over then return q end
  drop(queue)
  return nil
end

-- The same, and {} for a queue of Python's: it is bound to the exchange of its name, or something waits in it.
local function there(queue, now)
  local q = known(queue, now)
  if q then return q end
  if redis.call('SISMEMBER', bindings(queue), queue .. SEP .. SEP .. queue) == 1 then return {} end
  for _, step in ipairs(STEPS) do
    if redis.call('EXISTS', P .. queue .. step) == 1 then return {} end
  end
  return nil
end

-- What is written rings the bell of all that read the queue, so it is written only where it says something.
local function used(queue, now)
  local key = own('queue', queue)
  if redis.call('HEXISTS', key, 'expires') == 1 then redis.call('HSET', key, 'used', int(now)) end
end

local function size(queue)
  local sum = 0
  for _, step in ipairs(STEPS) do sum = sum + redis.call('LLEN', P .. queue .. step) end
  return sum
end

-- Drops what has waited too long. As with RabbitMQ only at the head of the line, where all are of one age.
local function trim(queue, now)
  for _, step in ipairs(STEPS) do
    local list = P .. queue .. step
    while true do
      local text = redis.call('LINDEX', list, -1)
      local at = text and string.find(text, '"x-lovage-dies": ', 1, true)
      local dies = at and string.match(text, '^%d+', at + 17)
      if not dies or tonumber(dies) > now then break end
      redis.call('RPOP', list)
    end
  end
end
`

/** Which queues a message goes to. */
export const ROUTES = String.raw`
local function words(text)
  local list = {}
  for word in string.gmatch(text .. '.', '([^.]*)%.') do list[#list + 1] = word end
  return list
end

-- * is one word, # any number of words. On a mismatch the last # swallows one word more, and the rest is tried again.
local function matches(pattern, key)
  local p, k = words(pattern), words(key)
  local at, word, lastHash, wordAtHash = 1, 1, 0, 1
  while word <= #k do
    if p[at] == '#' then
      lastHash, wordAtHash, at = at, word, at + 1
    elseif p[at] and (p[at] == '*' or p[at] == k[word]) then
      at, word = at + 1, word + 1
    elseif lastHash > 0 then
      wordAtHash = wordAtHash + 1
      at, word = lastHash + 1, wordAtHash
    else
      return false
    end
  end
  while p[at] == '#' do at = at + 1 end
  return at > #p
end

-- {queue, member} of each queue bound to an exchange that takes the key; nil when there is no such exchange.
local function route(exchange, kind, key)
  local members = redis.call('SMEMBERS', bindings(exchange))
  if not kind and #members == 0 then return nil end
  table.sort(members)
  local found, seen = {}, {}
  for _, member in ipairs(members) do
    local bound, pattern, queue = string.match(member, '^(.-)\6\22(.-)\6\22(.*)$')
    if queue and not seen[queue] then
      local isFor = bound == key
      if pattern ~= '' then isFor = matches(bound, key) end
      if isFor then
        seen[queue] = true
        found[#found + 1] = {queue, member}
      end
    end
  end
  return found
end
`
