-- Gives a held hold back; one that is not held changes nothing. Where it came in the place of an earlier hold, what that
-- one lacks of its tickets goes back to it first, unless it has run out.
-- KEYS: stock hash, holds zset, held hash. ARGV: hold, and for an earlier hold: its id, its tickets here, its expiry ms
-- Answer: the tickets given back
local quantity = tonumber(redis.call('HGET', KEYS[3], ARGV[1]) or 0)
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local returned = 0
if ARGV[2] and tonumber(ARGV[4]) > now_ms then
  local lacking = tonumber(ARGV[3]) - tonumber(redis.call('HGET', KEYS[3], ARGV[2]) or 0)
  returned = math.max(math.min(quantity, lacking), 0)
end
if returned > 0 then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[2])
  redis.call('HINCRBY', KEYS[3], ARGV[2], returned)
end
if quantity > returned and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'free', quantity - returned)
end
return quantity
