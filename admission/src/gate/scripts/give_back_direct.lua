-- Gives a slot back that the session of a direct place took and did not open: the place has its grant again.
-- KEYS: see common; then direct places that did not come yet, and direct places whose fans left. ARGV: place, session, ms that a pass is good
-- Answer: sequence
if redis.call('ZREM', active, ARGV[2]) == 1 then
  redis.call('HINCRBY', gate, 'opened_total', -1)
  if redis.call('SISMEMBER', KEYS[5], ARGV[1]) == 0 then
    redis.call('ZADD', granted, whole(number_of('door_ms') + tonumber(ARGV[3])), ARGV[1])
    redis.call('ZADD', KEYS[4], whole(now_ms + tonumber(ARGV[3])), ARGV[1])
  end
  return move_on()
end
return number_of('sequence')
