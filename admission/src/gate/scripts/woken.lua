-- Notes how often a room woke, so that nobody is let straight in any more by whoever has not heard of it.
-- KEYS: see common. ARGV: sequence that the caller saw, how often it woke
-- Answer: sequence
if not is_current(ARGV[1]) then start_anew(ARGV[1]) end
if number_of('woken') < tonumber(ARGV[2]) then redis.call('HSET', gate, 'woken', ARGV[2]) end
return redis.call('HGET', gate, 'sequence')
