-- Takes a submission back whose command certainly never reached the log.
-- KEYS: stock hash, placing zset, placing-quantity hash. ARGV: order, epoch
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then return 0 end
local quantity = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if quantity > 0 then redis.call('HINCRBY', KEYS[1], 'free', quantity) end
return quantity
