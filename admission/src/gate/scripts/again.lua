-- Grants a place that missed its window once more, beside the line: once a place, to few, and to nobody who has come.
-- KEYS: see common; then places granted again (place -> when), and the came marks of the place's lane
-- ARGV: sequence that the caller saw, place, its offset, max active, share of all grants, seconds that the places are kept
-- Answer: 1 granted now, 2 granted before, 0 not now, or -1 where the place has come; when in ms; sequence
local again, came = KEYS[4], KEYS[5]
local seen, place, offset, max_active, share, kept_secs = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
if not is_current(seen) or redis.call('HGET', gate, 'ready') ~= '1' then return { 0, 0, seen } end
local sequence, before = redis.call('HGET', gate, 'sequence'), redis.call('HGET', again, place)
if redis.call('GETBIT', came, offset) == 1 then return { -1, 0, sequence } end
if before then return { 2, before, sequence } end
if redis.call('HGET', gate, 'door_open') ~= '1' then return { 0, 0, sequence } end
if redis.call('ZCARD', active) + number_of('expected') >= max_active then return { 0, 0, sequence } end
-- The line is a second behind for such places at most.
if number_of('tokens') < -math.max(1, number_of('pace')) then return { 0, 0, sequence } end
if redis.call('HLEN', again) >= 1 + share * number_of('granted_total') then return { 0, 0, sequence } end
-- The line waits a little longer for it: by one fan.
redis.call('HINCRBYFLOAT', gate, 'tokens', -1)
redis.call('HINCRBYFLOAT', gate, 'expected', 1)
redis.call('ZADD', granted, whole(number_of('door_ms') + number_of('lasts_ms')), place)
redis.call('HINCRBY', gate, 'granted_total', 1)
redis.call('HSET', again, place, whole(now_ms))
redis.call('EXPIRE', again, kept_secs)
return { 1, whole(now_ms), move_on() }
