-- Puts tickets on sale in one shard, or takes free ones off sale: all that are asked for, or none. Reclaims what has run
-- out before it takes. A step that was done before is answered as it was then.
-- KEYS: stock hash, holds zset, held hash, steps done lately hash
-- ARGV: epoch, tickets (below zero: to take off), id of the step, seconds to remember steps after the last one
-- Answer: {0} missing · {1, tickets put or taken} · {2, its epoch} another epoch
local stock = redis.call('HMGET', KEYS[1], 'epoch', 'free')
if not stock[2] then return {0} end
if stock[1] ~= ARGV[1] then return {2, tonumber(stock[1])} end
local before = redis.call('HGET', KEYS[4], ARGV[3])
if before then return {1, tonumber(before)} end
local by = tonumber(ARGV[2])
local done = by
if by >= 0 then
  if by > 0 then redis.call('HINCRBY', KEYS[1], 'free', by) end
else
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  local free = tonumber(stock[2])
  for _, hold in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms)) do
    free = free + tonumber(redis.call('HGET', KEYS[3], hold) or 0)
    redis.call('ZREM', KEYS[2], hold)
    redis.call('HDEL', KEYS[3], hold)
  end
  done = free >= -by and -by or 0
  redis.call('HSET', KEYS[1], 'free', free - done)
end
redis.call('HSET', KEYS[4], ARGV[3], done)
redis.call('EXPIRE', KEYS[4], ARGV[4])
return {1, done}
