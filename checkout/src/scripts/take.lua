-- Holds tickets of one shard until a moment. Reclaims what has run out first.
-- KEYS: stock hash, holds zset (hold -> expiry ms), held hash (hold -> quantity)
-- ARGV: hold, quantity, expiry ms
-- Answer: {0} missing · {1, epoch} held · {2, free} too few
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
-- The same hold again: what it has counts as free for it.
local held = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0)
local answer
if free + held >= quantity then
  free = free + held - quantity
  redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], quantity)
  answer = {1, tonumber(redis.call('HGET', KEYS[1], 'epoch'))}
else
  answer = {2, free + held}
end
if free ~= before then redis.call('HSET', KEYS[1], 'free', free) end
return answer
