-- Counts an attempt at an account's password before it is looked at.
-- KEYS: failures in a row of a network; the network's block; failures of all networks.
-- ARGV: seconds failures are remembered; how many of all networks are many; failures a network then has at the start;
-- seconds of the block after 1, 2, 3… failures.
-- Gives the milliseconds the network is blocked for yet, and both numbers of failures.
local left = redis.call('PTTL', KEYS[2])
if left > 0 then
  return { left, 0, 0 }
end
local here = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
local all = redis.call('INCR', KEYS[3])
if all == 1 then
  redis.call('EXPIRE', KEYS[3], ARGV[1])
end
local step = here
if all > tonumber(ARGV[2]) then
  step = here + tonumber(ARGV[3])
end
local secs = tonumber(ARGV[3 + math.min(step, #ARGV - 3)])
if secs > 0 then
  redis.call('SET', KEYS[2], 1, 'EX', secs)
end
return { 0, here, all }
