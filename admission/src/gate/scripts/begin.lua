-- Begins a gate that was lost, or that came back from a copy.
-- KEYS: see common. ARGV: sequence that the caller saw
if not is_current(ARGV[1]) then start_anew(ARGV[1]) end
return redis.call('HGET', gate, 'sequence')
