-- Fills a shard anew from Postgres, unless it has this epoch or a later one. Holds that still stand are kept; what was
-- being submitted is not, for the writer refuses commands of earlier epochs.
-- KEYS: stock hash, holds zset, held hash, placing zset, placing-quantity hash
-- ARGV: epoch, tickets not committed, version
-- Answer: 1 loaded · 0 it is as new already
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch'))
if epoch and epoch >= tonumber(ARGV[1]) then return 0 end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('DEL', KEYS[4], KEYS[5])
for _, hold in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms)) do
  redis.call('ZREM', KEYS[2], hold)
  redis.call('HDEL', KEYS[3], hold)
end
-- Free may fall below zero where more is held than is there; then nothing is taken until holds have run out.
local free = tonumber(ARGV[2])
for _, hold in ipairs(redis.call('HKEYS', KEYS[3])) do
  if redis.call('ZSCORE', KEYS[2], hold) then
    free = free - tonumber(redis.call('HGET', KEYS[3], hold))
  else
    redis.call('HDEL', KEYS[3], hold)
  end
end
redis.call('HSET', KEYS[1], 'free', free, 'epoch', ARGV[1], 'version', ARGV[3])
return 1
