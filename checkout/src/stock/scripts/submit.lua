-- Moves a hold to an order that is being submitted: it no longer runs out, the writer or a rebuild settles it.
-- KEYS: stock hash, holds zset, held hash, placing zset (order -> deadline ms), placing-quantity hash
-- ARGV: hold, order, quantity, deadline ms
-- Answer: {0} missing · {1, epoch, 1 if moved now} · {2} the hold is gone
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return {0} end
if redis.call('ZSCORE', KEYS[4], ARGV[2]) then return {1, tonumber(epoch), 0} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not expiry or tonumber(expiry) <= now_ms then return {2} end
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[3] then return {2} end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[2])
redis.call('HSET', KEYS[5], ARGV[2], ARGV[3])
return {1, tonumber(epoch), 1}
