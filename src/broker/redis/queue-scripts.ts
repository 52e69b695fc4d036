import { RedisScript } from '../../base/redis/redis-connection.ts'
import { WORDS } from './lua-words.ts'

/** The keys of a queue whose change is of interest to its readers: its four lists, and what was declared of it. */
export function keysOfQueue(queue: string): string[] {
  return ['', '\x06\x163', '\x06\x166', '\x06\x169'].map((step) => queue + step).concat(`_lovage.v1.queue.${queue}`)
}

/** Gives what is there instead, where that differs. */
const declareExchange = String.raw`
local key = own('exchange', ARGV[2])
openGate()
local there = redis.call('HGET', key, 'spec')
if there then return there ~= ARGV[3] and there end
redis.call('HSET', key, 'spec', ARGV[3], 'type', ARGV[4], 'auto', ARGV[5])
return false
`

/** Name, specification, session, fields. Gives EXCLUSIVE, or what is there instead, where that differs. */
const declareQueue = String.raw`
local queue, spec, session = ARGV[2], ARGV[3], ARGV[4]
local now = clock()
openGate()
local q = known(queue, now)
if q then
  if q[8] and q[8] ~= session then return 'EXCLUSIVE' end
  if q[1] ~= spec then return q[1] end
  used(queue, now)
  return false
end
-- A queue that cannot be is declared with no fields: it was only asked what is there.
if not ARGV[5] then return false end
redis.call('HSET', own('queue', queue), 'spec', spec, 'used', int(now), unpack(ARGV, 5))
for i = 5, #ARGV, 2 do
  if ARGV[i] == 'owner' then redis.call('SADD', own('owned', session), queue) end
end
return false
`

/** Exchange, queue, routing key, the key as kombu's pattern. Gives what is missing. */
const bind = String.raw`
local exchange, queue, key, pattern = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
openGate()
local kind = redis.call('HGET', own('exchange', exchange), 'type')
if not kind and redis.call('EXISTS', bindings(exchange)) == 0 then return 'exchange' end
if not there(queue, clock()) then return 'queue' end
local member = key .. SEP .. (kind == 'topic' and pattern or '') .. SEP .. queue
redis.call('SADD', bindings(exchange), member)
redis.call('SADD', own('bound', queue), exchange .. '\0' .. member)
return false
`

/**
 * Reader, session, lease, queues. Gives MISSING or EXCLUSIVE and the queue; or OK, and queue, exchange and key of each
 * binding to a fanout exchange.
 */
const attach = String.raw`
local reader, session, leaseMs = ARGV[2], ARGV[3], tonumber(ARGV[4])
local now = clock()
openGate()
local declared = {}
for i = 5, #ARGV do
  local q = there(ARGV[i], now)
  if not q then return {'MISSING', ARGV[i]} end
  if q[8] and q[8] ~= session then return {'EXCLUSIVE', ARGV[i]} end
  declared[i] = q
end
local answer = {'OK'}
for i = 5, #ARGV do
  local queue = ARGV[i]
  redis.call('ZADD', own('readers', queue), int(now + leaseMs), reader)
  used(queue, now)
  if declared[i][9] == '1' then redis.call('HSET', own('queue', queue), 'auto', '2') end
  for _, one in ipairs(redis.call('SMEMBERS', own('bound', queue))) do
    local exchange, key = string.match(one, '^(%Z*)%z(.-)\6\22')
    if redis.call('HGET', own('exchange', exchange), 'type') == 'fanout' then
      answer[#answer + 1] = queue
      answer[#answer + 1] = exchange
      answer[#answer + 1] = key
    end
  end
end
return answer
`

/** Reader, queues. */
const detach = String.raw`
local now = clock()
openGate()
for i = 3, #ARGV do
  redis.call('ZREM', own('readers', ARGV[i]), ARGV[2])
  if known(ARGV[i], now) then used(ARGV[i], now) end
end
return 1
`

/** Waiting messages and readers; false when there is no such queue. */
const depth = String.raw`
local now = clock()
local q = there(ARGV[2], now)
if not q then return false end
if q[3] then trim(ARGV[2], now) end
return {size(ARGV[2]), readers(ARGV[2], now), redis.call('ZCARD', own('due', ARGV[2]))}
`

const purge = String.raw`
if not there(ARGV[2], clock()) then return false end
local count = size(ARGV[2])
for _, step in ipairs(STEPS) do redis.call('DEL', P .. ARGV[2] .. step) end
return count
`

const deleteQueue = String.raw`drop(ARGV[2]) return 1`

/** What is declared and looked into. */
export const QUEUES = {
  declareExchange: new RedisScript(WORDS + declareExchange),
  declareQueue: new RedisScript(WORDS + declareQueue),
  bind: new RedisScript(WORDS + bind),
  attach: new RedisScript(WORDS + attach),
  detach: new RedisScript(WORDS + detach),
  depth: new RedisScript(WORDS + depth),
  purge: new RedisScript(WORDS + purge),
  deleteQueue: new RedisScript(WORDS + deleteQueue),
} as const
