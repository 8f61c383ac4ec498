-- Lets somebody straight into a room that sleeps, or wakes it. Whether it sleeps is decided here alone, whatever each caller has heard.
-- KEYS: see common; then direct places that did not come yet (place -> end of its pass by the wall clock)
-- ARGV: sequence that the caller saw, how often the room woke as far as the caller knows, max active, those inside at whom it wakes, fans a
--       second at whom it wakes, seconds of them that may come at once, ms that a pass is good, ms that a grant lasts, those let in at most by
--       a gate that does not know who is inside
-- Answer: 1 straight in, 0 it wakes now, or -1 it woke before; number of the place; when in ms; sequence
local direct = KEYS[4]
local seen, waking, max_active, wake_active = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local per_sec, burst_secs, pass_ms, lasts_ms, unknown_max = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
if not is_current(seen) then start_anew(seen) end
if number_of('woken') > waking then return { -1, 0, 0, redis.call('HGET', gate, 'sequence') } end

-- While it sleeps no controller moves the door clock, and grants end with their passes.
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', direct, '-inf', now_ms)) do redis.call('ZREM', granted, gone) end
redis.call('ZREMRANGEBYSCORE', direct, '-inf', now_ms)
redis.call('ZREMRANGEBYSCORE', active, '-inf', now_ms)

local burst = math.max(1, per_sec * burst_secs)
local known, tokens = redis.call('HMGET', gate, 'direct_tokens', 'direct_at_ms', 'ready'), burst
if known[1] then tokens = math.min(burst, tonumber(known[1]) + math.max(0, now_ms - tonumber(known[2])) * per_sec / 1000) end
local most = math.min(max_active, wake_active)
if known[3] ~= '1' then most = math.min(most, unknown_max) end
if tokens < 1 or redis.call('ZCARD', active) + redis.call('ZCARD', granted) >= most then
  redis.call('HSET', gate, 'woken', waking + 1, 'direct_tokens', tostring(tokens), 'direct_at_ms', whole(now_ms))
  return { 0, 0, 0, move_on() }
end
local sequence = move_on()
local place = 'direct.' .. sequence
redis.call('ZADD', granted, whole(number_of('door_ms') + lasts_ms), place)
redis.call('ZADD', direct, whole(now_ms + pass_ms), place)
redis.call('HSET', gate, 'direct_tokens', tostring(tokens - 1), 'direct_at_ms', whole(now_ms))
redis.call('HINCRBY', gate, 'granted_total', 1)
return { 1, sequence, whole(now_ms), sequence }
