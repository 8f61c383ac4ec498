-- Takes back an attempt whose password nobody looked at, and the block that came of one too many. KEYS as in attempt.lua.
if tonumber(redis.call('GET', KEYS[1]) or '0') < 1 then
  -- Forgiven or forgotten meanwhile.
  return
end
redis.call('DECR', KEYS[1])
redis.call('DEL', KEYS[2])
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('DECR', KEYS[3])
end
