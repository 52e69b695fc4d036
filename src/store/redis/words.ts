import { RedisScript } from '../../base/redis/redis-connection.ts'

/**
 * What the scripts have in common. `ARGV[1]` is the prefix of all keys, `ARGV[2]` the key of the store. Version 1 has, for
 * a key of the store: `value:` (a hash: number, value), `counter:` (a hash: value, and a field for each member), `lease:`
 * (a zset: the end of each holder's) and `token:` (a hash), `log:` (a hash: last, floor, trimmed, and a field for each
 * entry) and `positions:` (a zset), `waiting:` and `claimed:` (zsets: when an entry is due, when its claim ends), `state:`
 * and `body:` (hashes) of a due list; and `number`, the newest that was given.
 *
 * A kept value begins with a letter: `t` for text, `b` for bytes.
 */
const WORDS = String.raw`
local P, KEY = ARGV[1], ARGV[2]
local MOST = 9007199254740991
local time = redis.call('TIME')
local US = time[1] * 1000000 + time[2]
local NOW = US / 1000
local INF = math.huge

local function at(kind) return P .. kind .. ':' .. KEY end
local function int(n) return string.format('%.0f', n) end
local function ms(n) return string.format('%.3f', n) end
local function num(text)
  if text == 'inf' or text == 'Infinity' then return INF end
  return tonumber(text)
end

-- The first of so many numbers, larger than all before. They are told by the clock, so that they do so also where the
-- server has lost the newest of them, or all: a number is the microsecond in which it was given, or the last and one.
-- A server out of memory refuses this, as long as nothing was written before.
local function numbers(count)
  local first = math.max(tonumber(redis.call('GET', P .. 'number') or '0') + 1, US)
  redis.call('SET', P .. 'number', int(first + count - 1))
  return first
end

-- A server out of memory refuses the first write of a script that could need more, and none after a write that cannot.
-- What needs no more, or makes room, writes this first.
local function openGate() redis.call('DEL', P .. 'none') end

-- The answer of one who has written nothing. A server that takes no writes is a copy: what it says may be old.
local function told(answer)
  local tried = redis.pcall('DEL', P .. 'none')
  if type(tried) == 'table' and tried.err and not string.find(tried.err, 'MISCONF', 1, true) then return tried end
  return answer
end

-- By a thousand: more do not go into one call.
local function byThousand(list, work)
  for from = 1, #list, 1000 do work(unpack(list, from, math.min(from + 999, #list))) end
end

-- What one answer holds at most; a first entry that is larger comes alone.
local PAGE = 1048576
local function pages(hash)
  local count, bytes = 0, 0
  return function(id)
    bytes = bytes + redis.call('HSTRLEN', hash, id) + #id + 300
    if count > 0 and bytes > PAGE then return false end
    count = count + 1
    return true
  end
end
`

/** A script with the words. */
export function scriptOf(text: string): RedisScript {
  return new RedisScript(WORDS + text)
}
