-- Gives a slot back that a session took and did not open: its place has its grant again.
-- KEYS: see common; then the came marks and the left marks of the place's lane. ARGV: place, its offset, session
-- Answer: sequence
if redis.call('ZREM', active, ARGV[3]) == 1 then
  redis.call('SETBIT', KEYS[4], ARGV[2], 0)
  -- It did not come in and leave.
  redis.call('HINCRBY', gate, 'opened_total', -1)
  -- Its fan may have left the line meanwhile.
  if redis.call('GETBIT', KEYS[5], ARGV[2]) == 0 then
    redis.call('ZADD', granted, whole(number_of('door_ms') + number_of('lasts_ms')), ARGV[1])
  end
  return move_on()
end
return number_of('sequence')
