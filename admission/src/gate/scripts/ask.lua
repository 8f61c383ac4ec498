-- One question to a room's gate: how many of these candidates, in this order, may come in now?
-- KEYS: see common; then the left marks of each lane that the caller tells of: of all it has where others have some, and of the candidates'
-- ARGV: as they are named here; then for each of the caller's lanes that it tells of (lane, front ms, 1 if it is empty, published head); then for each candidate (lane, offset, joined ms)
-- Answer: passed, granted, which of the passed had left, epoch, version of the pace, pace as text, expected, numbers (see `ask.rs`)
local arg = 0
local function text() arg = arg + 1; return ARGV[arg] end
local function number() return tonumber(text()) end
local seen, epoch, knows_door_ms, door_open, grants = text(), text(), number(), number(), number()
local rate, follows, burst_secs, late_secs = number(), number(), number(), number()
local max_active, unclaimed_max, turnover, leavers, caution = number(), number(), number(), number(), number()
local servable, served = number(), number()
local lasts_ms, bound_ms, stale_ms, lanes = number(), number(), number(), number()
local chances, soon = {}, {}
for age = 1, #ages_ms + 1 do chances[age] = number() end
for age = 1, #ages_ms + 1 do soon[age] = number() end
local pace_after, new_pace, new_pacing = text(), text(), text()
local owned = number()

if not is_current(seen) then start_anew(seen) end
-- The sequence is Redis's clock, so that a gate that starts anew is ahead of all that anybody saw.
local sequence = math.max(now_us, number_of('sequence') + 1)
local known = redis.call('HMGET', gate, 'epoch', 'ready', 'tokens', 'at_us', 'door_ms', 'door_at_ms', 'door_open', 'paced', 'pace', 'pacing')

-- The door clock.
local door_ms = math.max(tonumber(known[5] or 0), knows_door_ms)
if door_open == 1 and known[7] == '1' then door_ms = door_ms + math.max(0, math.min(now_ms - tonumber(known[6]), 2000)) end
redis.call('ZREMRANGEBYSCORE', granted, '-inf', door_ms)
redis.call('ZREMRANGEBYSCORE', active, '-inf', now_ms)

-- The pace is one for all controllers: who saw the last one may set the next.
local paced, pace, pacing = known[8] or '', tonumber(known[9] or 0), known[10] or ''
if pace_after ~= '-' and pace_after == paced then
  paced, pace, pacing = whole(sequence), tonumber(new_pace), new_pacing
  redis.call('HSET', gate, 'paced', paced, 'pace', new_pace, 'pacing', pacing)
end
if follows == 1 then rate = math.min(rate, pace) end
-- One who asks late for the one fan who is due must not lose that time.
local tokens = math.min(math.max(1 + rate * late_secs, rate * burst_secs), tonumber(known[3]) + math.max(0, now_us - tonumber(known[4])) * rate / 1000000)

-- Who was let in and did not come yet, by age, and how many of them will.
local active_count, unclaimed, by_age, expected, variance, expected_soon, variance_soon = redis.call('ZCARD', active), redis.call('ZCARD', granted), {}, 0, 0, 0, 0
for age, chance in ipairs(chances) do
  local from = ages_ms[age] and '(' .. whole(door_ms + lasts_ms - ages_ms[age]) or '-inf'
  local to = ages_ms[age - 1] and whole(door_ms + lasts_ms - ages_ms[age - 1]) or '+inf'
  by_age[age] = redis.call('ZCOUNT', granted, from, to)
  expected, expected_soon = expected + by_age[age] * chance, expected_soon + by_age[age] * soon[age]
  variance = variance + by_age[age] * chance * (1 - chance)
  -- Of those who stayed away, the few who come soon are no matter of chance.
  if soon[age] == chance then variance_soon = variance_soon + by_age[age] * chance * (1 - chance) end
end

-- A caller that did not put back its grants since the gate began has its lanes unknown.
local is_known, mine, left_marks = epoch == known[1], {}, {}
for each = 1, owned do
  local lane, front, empty, head = text(), text(), text(), text()
  if is_known then redis.call('HSET', gate, 'lane:' .. lane, front .. ' ' .. whole(now_ms) .. ' ' .. empty .. ' ' .. head) end
  mine[lane] = true
  left_marks[lane] = redis.call('EXISTS', KEYS[3 + each]) == 1 and KEYS[3 + each]
end
-- Nobody may pass those who wait in other controllers' lanes by more than the bound.
local horizon, unknown_lanes = math.huge, 0
for lane = 0, lanes - 1 do
  if not mine[tostring(lane)] then
    local front, told_ms, empty = string.match(redis.call('HGET', gate, 'lane:' .. lane) or '-1 0 1 0', '(%S+) (%S+) (%S+)')
    horizon = math.min(horizon, tonumber(front) + bound_ms)
    -- A lane of which nothing was heard lately, or that was not seen to be empty lately, holds back without a fan who waits in it.
    if tonumber(told_ms) < now_ms - stale_ms or empty == '1' and tonumber(front) < now_ms - stale_ms then unknown_lanes = unknown_lanes + 1 end
  end
end

local passed, count, left, stopped = 0, 0, {}, nil
local may_grant = is_known and known[2] == '1' and grants == 1
while may_grant and ARGV[arg + 1] do
  local lane, offset, joined_ms = text(), text(), number()
  if left_marks[lane] and redis.call('GETBIT', left_marks[lane], offset) == 1 then
    table.insert(left, passed)
  else
    -- Those on their way who find that another has left. How many leave is a matter of chance, as how many come.
    local replaced = math.min(turnover * expected, leavers)
    local coming = expected - replaced + caution * math.sqrt(variance + replaced)
    if tokens < 1 then stopped = 'pace'
    elseif active_count + coming >= max_active or unclaimed >= unclaimed_max then stopped = 'cap'
    elseif servable >= 0 and math.max(0, active_count - served) + expected_soon + caution * math.sqrt(variance_soon) >= servable then stopped = 'stock'
    elseif joined_ms > horizon then stopped = 'lanes' end
    if stopped then break end
    if redis.call('ZADD', granted, whole(door_ms + lasts_ms), lane .. '.' .. offset) == 1 then
      unclaimed, by_age[1] = unclaimed + 1, by_age[1] + 1
      expected, variance = expected + chances[1], variance + chances[1] * (1 - chances[1])
      expected_soon, variance_soon = expected_soon + soon[1], variance_soon + soon[1] * (1 - soon[1])
    end
    tokens, count = tokens - 1, count + 1
  end
  passed = passed + 1
end

redis.call('HSET', gate, 'tokens', tostring(tokens), 'at_us', whole(now_us), 'sequence', whole(sequence), 'expected', tostring(expected),
  'lasts_ms', lasts_ms, 'door_ms', whole(door_ms), 'door_at_ms', whole(now_ms), 'door_open', door_open)
if count > 0 then redis.call('HINCRBY', gate, 'granted_total', count) end
local left_total = redis.call('HINCRBY', gate, 'left_total', #left)
if stopped then redis.call('HSET', gate, 'stopped:' .. stopped, whole(now_ms)) end
if unclaimed > 0 or stopped or count > 0 or ARGV[arg + 1] then redis.call('HSET', gate, 'busy_until', whole(now_ms + 2000)) end

local came_at = {}
for age = 1, #chances do came_at[age] = 'came:' .. (age - 1) end
local counters = redis.call('HMGET', gate, 'opened_total', 'stopped:pace', 'stopped:cap', 'stopped:stock', 'stopped:lanes',
  unpack(came_at))
local numbers = { tonumber(known[2]), is_known and 1 or 0, active_count, unclaimed, door_ms, sequence, unknown_lanes, tonumber(counters[1] or 0) }
for reason = 2, 5 do table.insert(numbers, counters[reason] and now_ms - tonumber(counters[reason]) or -1) end
for age = 1, #chances do table.insert(numbers, by_age[age]) end
for age = 1, #chances do table.insert(numbers, tonumber(counters[5 + age] or 0)) end
table.insert(numbers, left_total)
-- In how long the next may come by the pace.
table.insert(numbers, tokens >= 1 and 0 or rate > 0 and math.min(60000, math.ceil((1 - tokens) / rate * 1000)) or 60000)
return { passed, count, left, known[1], paced, pacing, tostring(expected), numbers }
