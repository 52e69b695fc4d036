/**
 * Messages by groups: exchange, key, whether somebody must take it, channel, priority, in how many ms they are due ('' for
 * at once) and how many follow; of each message three parts: until its priority, its delivery tag, and what follows that.
 * Gives how many there were if all were taken, else of each how many queues took it, or KEPT (it waits for its time), or
 * UNROUTABLE, or FULL and the queue, or - and the server's error: what goes wrong with one is no matter of the others,
 * which have been taken.
 */
export const PUBLISH = String.raw`
local now = clock()
local answers, taken = {}, true
local function answer(one)
  answers[#answers + 1] = one
  if type(one) == 'string' then taken = false end
end
local function wrong(err)
  local message = type(err) == 'table' and err.err or tostring(err)
  return '-' .. string.gsub(message, '^@?user_script: ?%d+: ?', '')
end
local function text(at, wire, number, dies)
  local tag = ARGV[at + 1]
  if number > 1 then tag = tag .. '-' .. number end
  return ARGV[at] .. wire .. ', "body_encoding": "base64", "delivery_tag": "' .. tag .. '"' .. dies .. ARGV[at + 2]
end
-- Redis serves the lowest first, and has four steps where RabbitMQ has as many as were declared.
local function wireOf(q, priority)
  local highest = tonumber(q[2] or '')
  if not highest or highest <= 0 then return 0 end
  return 9 - math.floor(math.min(tonumber(priority), highest) * 9 / highest + 0.5)
end
local function stepOf(wire) return STEPS[math.floor(wire / 3) + 1] end

local function deliver(targets, priority, at)
  local full
  for number, target in ipairs(targets) do
    local queue, q = target[1], target[2]
    local most = tonumber(q[4] or '')
    if q[3] then trim(queue, now) end
    if most and q[5] == 'reject-publish' and size(queue) >= most then
      full = queue
    else
      local wire = wireOf(q, priority)
      local dies = q[3] and ', "x-lovage-dies": ' .. int(now + tonumber(q[3])) or ''
      redis.call('LPUSH', P .. queue .. stepOf(wire), text(at, wire, number, dies))
      local over = most and size(queue) - most or 0
      for step = #STEPS, 1, -1 do
        while over > 0 and redis.call('RPOP', P .. queue .. STEPS[step]) do over = over - 1 end
      end
    end
  end
  if full then return 'FULL ' .. full end
  return #targets
end

-- Until its time.
local function keepBack(targets, priority, at, delay)
  for number, target in ipairs(targets) do
    local queue, q = target[1], target[2]
    local wire = wireOf(q, priority)
    local dies = q[3] and ', "x-lovage-dies": ' .. int(now + delay + tonumber(q[3])) or ''
    wait(queue, math.floor(wire / 3), text(at, wire, number, dies), now + delay, ARGV[at + 1])
  end
  return 'KEPT'
end

-- To one queue without limits, all at once.
local function push(queue, q, priority, first, count)
  local wire = wireOf(q, priority)
  local texts = {}
  for i = 1, count do texts[i] = text(first + (i - 1) * 3, wire, 1, '') end
  local done = redis.pcall('LPUSH', P .. queue .. stepOf(wire), unpack(texts))
  for _ = 1, count do answer(type(done) == 'table' and wrong(done) or 1) end
end

local function targetsOf(exchange, kind, key)
  local targets = {}
  if exchange == '' then
    local q = there(key, now)
    if q then targets[1] = {key, q} end
    return targets
  end
  local found = route(exchange, kind, key)
  if not found then return nil end
  for _, one in ipairs(found) do
    local q = known(one[1], now)
    if q or redis.call('SISMEMBER', bindings(exchange), one[2]) == 1 then targets[#targets + 1] = {one[1], q or {}} end
  end
  return targets
end

local function group(first, count, exchange, key, mandatory, channel, priority, delay)
  local last = first + (count - 1) * 3
  local kind = exchange ~= '' and redis.call('HGET', own('exchange', exchange), 'type')
  if kind == 'fanout' then
    for at = first, last, 3 do
      local heard = redis.call('PUBLISH', P .. channel, text(at, 0, 1, ''))
      answer(heard == 0 and mandatory and 'UNROUTABLE' or heard)
    end
    return
  end
  local targets = targetsOf(exchange, kind, key)
  if not targets or #targets == 0 then
    for _ = 1, count do answer((mandatory or not targets) and 'UNROUTABLE' or 0) end
    return
  end
  if delay and areMoved(now) then
    for at = first, last, 3 do
      local ok, done = pcall(keepBack, targets, priority, at, delay)
      answer(ok and done or wrong(done))
    end
    return
  end
  -- Nobody moves: what waits from when somebody did would wait for ever.
  if delay then moveDue(now, nil, 100) end
  local q = targets[1][2]
  if #targets == 1 and not q[3] and not q[4] then return push(targets[1][1], q, priority, first, count) end
  for at = first, last, 3 do
    local ok, done = pcall(deliver, targets, priority, at)
    answer(ok and done or wrong(done))
  end
end

local at = 2
while at <= #ARGV do
  local count = tonumber(ARGV[at + 6])
  local before = #answers
  local to, key, mandatory, channel, priority = ARGV[at], ARGV[at + 1], ARGV[at + 2] == '1', ARGV[at + 3], ARGV[at + 4]
  local ok, err = pcall(group, at + 7, count, to, key, mandatory, channel, priority, tonumber(ARGV[at + 5]))
  if not ok then
    for _ = #answers - before + 1, count do answer(wrong(err)) end
  end
  at = at + 7 + count * 3
end
return taken and #answers or answers
`

/**
 * What most messages need, before anything else is made ready for the others: all to one queue that was declared without
 * limits. It is a fifth of the cost of what follows. What it does not take, or fails at, is done there.
 */
export const PUBLISH_PLAIN = String.raw`
if ARGV[2] == '' and ARGV[7] == '' and #ARGV == 8 + ARGV[8] * 3 then
  local q = redis.pcall('HMGET', ARGV[1] .. '_lovage.v1.queue.' .. ARGV[3],
    'spec', 'priority', 'ttl', 'length', 'expires', 'owner', 'auto')
  if q[1] and q[7] == '0' and not (q[2] or q[3] or q[4] or q[5] or q[6]) then
    local texts = {}
    for at = 9, #ARGV, 3 do
      texts[#texts + 1] = ARGV[at] .. '0, "body_encoding": "base64", "delivery_tag": "' .. ARGV[at + 1] .. '"' .. ARGV[at + 2]
    end
    if type(redis.pcall('LPUSH', ARGV[1] .. ARGV[3], unpack(texts))) == 'number' then return #texts end
  end
end
`
