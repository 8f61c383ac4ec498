-- What all scripts of a gate begin with; `ages_ms`, where ages end, stands before it.
-- KEYS: gate hash, granted zset (place -> end of its grant by the door clock), active zset (session -> expiry by the wall's)
-- Grants last by the door clock, which is kept in the gate hash and stands still while passes cannot be redeemed.
local gate, granted, active = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

local function whole(number) return string.format('%.0f', number) end
local function number_of(field) return tonumber(redis.call('HGET', gate, field) or 0) end

-- Whether the gate is no older than what the caller saw of it: one that was lost has no sequence, and one that came back from a copy has a lower one.
local function is_current(seen)
  local sequence = redis.call('HGET', gate, 'sequence')
  return sequence and tonumber(sequence) >= tonumber(seen)
end

-- Takes note that the gate changed: a copy from before is behind what the caller saw.
local function move_on()
  local sequence = whole(math.max(now_us, number_of('sequence') + 1))
  redis.call('HSET', gate, 'sequence', sequence)
  return sequence
end

-- Nobody knows what happened since: who is inside and what was granted must be told anew before anybody is let in.
local function start_anew(seen)
  local granted_total, left_total = number_of('granted_total'), number_of('left_total')
  redis.call('DEL', gate, granted, active)
  redis.call('HSET', gate, 'granted_total', granted_total, 'left_total', left_total, 'epoch', whole(now_us), 'ready', 0, 'tokens', 0, 'at_us', whole(now_us), 'door_at_ms', whole(now_ms),
    'sequence', whole(math.max(now_us, tonumber(seen) + 1)))
end

-- In which age, from 0, a grant is that ends then.
local function age_of(ends_ms, lasts_ms, door_ms)
  local old_ms, age = door_ms - (ends_ms - lasts_ms), 0
  while ages_ms[age + 1] and old_ms >= ages_ms[age + 1] do age = age + 1 end
  return age
end
