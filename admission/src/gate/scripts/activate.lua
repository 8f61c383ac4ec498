-- Takes a slot for a session: with the place's own grant if it still stands, else from what is free.
-- KEYS: gate hash, granted zset, active zset. ARGV: place, session, expiry ms, max active
-- Answer: 1 opened, 0 full
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
-- Without a ready gate nobody knows how many are inside.
if redis.call('HGET', KEYS[1], 'ready') ~= '1' then return 0 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now_ms)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now_ms)
if redis.call('ZSCORE', KEYS[3], ARGV[2]) then return 1 end
local max_active, active = tonumber(ARGV[4]), redis.call('ZCARD', KEYS[3])
local has_grant = redis.call('ZSCORE', KEYS[2], ARGV[1])
local taken = has_grant and active or active + redis.call('ZCARD', KEYS[2])
if taken >= max_active then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[2])
return 1
