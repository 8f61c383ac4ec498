-- One question to a room's gate: how many of these candidates, in this order, may come in now?
-- KEYS: gate hash, granted zset (place -> end of its grant), active zset (session -> expiry)
-- ARGV: rate per s, burst, max active, how long a grant lasts ms, overtaking bound ms, lanes of the room,
--       owned lanes n, then n pairs (lane, joined ms of its first waiting record or -1), then pairs (place, joined ms)
-- Answer: granted, epoch, ready (0/1), active, unclaimed
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)
local gate, granted, active = KEYS[1], KEYS[2], KEYS[3]
local rate, burst, max_active = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local lasts_ms, bound_ms, lanes, owned = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])

if redis.call('EXISTS', gate) == 0 then
  -- Never seen, or lost with Redis: grant nothing until the active sessions are registered again.
  redis.call('HSET', gate, 'epoch', string.format('%.0f', now_us), 'ready', 0, 'tokens', 0, 'at_us', string.format('%.0f', now_us))
end
redis.call('ZREMRANGEBYSCORE', granted, '-inf', now_ms)
redis.call('ZREMRANGEBYSCORE', active, '-inf', now_ms)

local known = redis.call('HMGET', gate, 'epoch', 'ready', 'tokens', 'at_us')
local tokens = math.min(burst, tonumber(known[3]) + (now_us - tonumber(known[4])) * rate / 1000000)
local active_count, unclaimed = redis.call('ZCARD', active), redis.call('ZCARD', granted)

local mine = {}
local next_arg = 8
for _ = 1, owned do
  local lane, front = ARGV[next_arg], tonumber(ARGV[next_arg + 1])
  -- An empty lane's front is now: whoever joins it later, joins later.
  redis.call('HSET', gate, 'front:' .. lane, string.format('%.0f', front >= 0 and front or now_ms))
  mine[lane] = true
  next_arg = next_arg + 2
end
-- Nobody may pass those who wait in other controllers' lanes by more than the bound.
local horizon = math.huge
for lane = 0, lanes - 1 do
  if not mine[tostring(lane)] then
    local front = redis.call('HGET', gate, 'front:' .. lane)
    horizon = math.min(horizon, front and tonumber(front) + bound_ms or -1)
  end
end

local count = 0
if known[2] == '1' then
  while ARGV[next_arg] do
    if tokens < 1 or active_count + unclaimed >= max_active or tonumber(ARGV[next_arg + 1]) > horizon then break end
    unclaimed = unclaimed + redis.call('ZADD', granted, now_ms + lasts_ms, ARGV[next_arg])
    tokens = tokens - 1
    count = count + 1
    next_arg = next_arg + 2
  end
end
redis.call('HSET', gate, 'tokens', tostring(tokens), 'at_us', string.format('%.0f', now_us))
if count > 0 then redis.call('HINCRBY', gate, 'granted_total', count) end
return {count, known[1], tonumber(known[2]), active_count, unclaimed}
