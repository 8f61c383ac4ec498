-- Takes a slot for the session of a direct place: with the place's own grant if it still stands, else from what those who are expected leave
-- free.
-- KEYS: see common; then direct places that did not come yet, and direct places whose fans left
-- ARGV: sequence that the caller saw, place, session, expiry ms, max active
-- Answer: 1 opened, 0 full, or -1 where the place's fan has left; sequence
local direct, left = KEYS[4], KEYS[5]
local seen, place, session, expires_ms, max_active = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
-- Without a ready gate nobody knows how many are inside.
if not is_current(seen) or redis.call('HGET', gate, 'ready') ~= '1' then return { 0, seen } end
local sequence = redis.call('HGET', gate, 'sequence')
redis.call('ZREMRANGEBYSCORE', active, '-inf', now_ms)
if redis.call('ZSCORE', active, session) then return { 1, sequence } end
if redis.call('SISMEMBER', left, place) == 1 then return { -1, sequence } end
local taken = redis.call('ZCARD', active)
if not redis.call('ZSCORE', granted, place) then taken = taken + math.min(number_of('expected'), redis.call('ZCARD', granted)) end
if taken >= max_active then return { 0, sequence } end
redis.call('ZREM', granted, place)
redis.call('ZREM', direct, place)
redis.call('ZADD', active, expires_ms, session)
redis.call('HINCRBY', gate, 'opened_total', 1)
return { 1, move_on() }
