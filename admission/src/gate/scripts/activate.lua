-- Takes a slot for a session: with the place's own grant if it still stands, else from what those who are expected leave free.
-- KEYS: see common; then the left marks and the came marks of the place's lane
-- ARGV: sequence that the caller saw, place, its offset, session, expiry ms, max active, seconds that the marks are kept
-- Answer: 1 opened, 0 full, or -1 where the place's fan has left; sequence
local left, came = KEYS[4], KEYS[5]
local seen, place, offset, session, expires_ms, max_active, kept_secs = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[7]
-- Without a ready gate nobody knows how many are inside.
if not is_current(seen) or redis.call('HGET', gate, 'ready') ~= '1' then return { 0, seen } end
local sequence = redis.call('HGET', gate, 'sequence')
redis.call('ZREMRANGEBYSCORE', active, '-inf', now_ms)
if redis.call('ZSCORE', active, session) then return { 1, sequence } end
if redis.call('GETBIT', left, offset) == 1 then return { -1, sequence } end
local taken, ends_ms = redis.call('ZCARD', active), redis.call('ZSCORE', granted, place)
if not ends_ms then taken = taken + math.min(number_of('expected'), redis.call('ZCARD', granted)) end
if taken >= max_active then return { 0, sequence } end
if ends_ms then
  redis.call('ZREM', granted, place)
  redis.call('HINCRBY', gate, 'came:' .. age_of(tonumber(ends_ms), number_of('lasts_ms'), number_of('door_ms')), 1)
end
redis.call('ZADD', active, expires_ms, session)
redis.call('HINCRBY', gate, 'opened_total', 1)
redis.call('SETBIT', came, offset, 1)
redis.call('EXPIRE', came, kept_secs)
return { 1, move_on() }
