-- Puts tickets on sale in one shard, or takes free ones off sale, as far as there are any. Reclaims what has run out
-- before it takes.
-- KEYS: stock hash, holds zset, held hash
-- ARGV: epoch, tickets (below zero: to take off)
-- Answer: {0} missing · {1, tickets put or taken} · {2, its epoch} another epoch
local stock = redis.call('HMGET', KEYS[1], 'epoch', 'free')
if not stock[2] then return {0} end
if stock[1] ~= ARGV[1] then return {2, tonumber(stock[1])} end
local by = tonumber(ARGV[2])
if by >= 0 then
  if by > 0 then redis.call('HINCRBY', KEYS[1], 'free', by) end
  return {1, by}
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local free = tonumber(stock[2])
for _, hold in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms)) do
  free = free + tonumber(redis.call('HGET', KEYS[3], hold) or 0)
  redis.call('ZREM', KEYS[2], hold)
  redis.call('HDEL', KEYS[3], hold)
end
local taken = math.min(math.max(free, 0), -by)
redis.call('HSET', KEYS[1], 'free', free - taken)
return {1, taken}
