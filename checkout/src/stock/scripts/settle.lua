-- Tells a shard what its writer committed. Applied once: the version says which changes it has seen.
-- KEYS: stock hash, placing zset, placing-quantity hash
-- ARGV: epoch, version from, version to, tickets freed, n, n times (accepted order, quantity), returned orders
-- Answer: 0 applied now or before · 1 another epoch, nothing to do · 2 changes in between are missing
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 1 end
local seen, from, to = tonumber(redis.call('HGET', KEYS[1], 'version')), tonumber(ARGV[2]), tonumber(ARGV[3])
local free = 0
local at = 5 + 2 * tonumber(ARGV[5])
if from ~= to then
  if seen >= to then return 0 end
  if seen ~= from then return 2 end
  free = tonumber(ARGV[4])
  for i = 6, at, 2 do
    -- An accepted order whose placing was taken back meanwhile has its tickets from what is free.
    if redis.call('ZREM', KEYS[2], ARGV[i]) == 0 then free = free - tonumber(ARGV[i + 1]) end
    redis.call('HDEL', KEYS[3], ARGV[i])
  end
  redis.call('HSET', KEYS[1], 'version', to)
end
for i = at + 1, #ARGV do
  free = free + tonumber(redis.call('HGET', KEYS[3], ARGV[i]) or 0)
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('HDEL', KEYS[3], ARGV[i])
end
if free ~= 0 then redis.call('HINCRBY', KEYS[1], 'free', free) end
return 0
