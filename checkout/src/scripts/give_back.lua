-- Gives a held hold back; one that is not held changes nothing.
-- KEYS: stock hash, holds zset, held hash. ARGV: hold
-- Answer: the tickets given back
local quantity = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if quantity > 0 and redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'free', quantity) end
return quantity
