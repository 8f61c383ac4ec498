-- Holds tickets of one shard until a moment. Reclaims what has run out first. What the hold has already counts as free
-- for it, and so does what an earlier hold has in whose place it comes; the earlier one keeps what is not needed.
-- KEYS: stock hash, holds zset (hold -> expiry ms), held hash (hold -> quantity)
-- ARGV: hold, quantity, expiry ms, and the earlier hold if there is one
-- Answer: {0} missing · {1} held · {2, to be had, with its own} too few
local free = tonumber(redis.call('HGET', KEYS[1], 'free'))
if not free then return {0} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local quantity = tonumber(ARGV[2])
local before = free
local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms)
for _, hold in ipairs(gone) do
  free = free + tonumber(redis.call('HGET', KEYS[3], hold) or 0)
  redis.call('ZREM', KEYS[2], hold)
  redis.call('HDEL', KEYS[3], hold)
end
local held = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0)
local earlier = ARGV[4] and tonumber(redis.call('HGET', KEYS[3], ARGV[4]) or 0) or 0
local moved = math.min(math.max(quantity - held, 0), earlier)
local from_free = quantity - held - moved
local answer
-- Free can be below zero; who takes nothing from it is not refused for that.
if from_free <= math.max(free, 0) then
  free = free - from_free
  if moved > 0 and moved == earlier then
    redis.call('ZREM', KEYS[2], ARGV[4])
    redis.call('HDEL', KEYS[3], ARGV[4])
  elseif moved > 0 then
    redis.call('HSET', KEYS[3], ARGV[4], earlier - moved)
  end
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], quantity)
  answer = {1}
else
  answer = {2, math.max(free, 0) + held + earlier}
end
if free ~= before then redis.call('HSET', KEYS[1], 'free', free) end
return answer
