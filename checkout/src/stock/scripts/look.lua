-- A shard at one moment.
-- KEYS: stock hash, holds zset, held hash, placing zset, placing-quantity hash
-- Answer: {} missing · {free, held, placing, epoch, version, held but run out, placings past their deadline}
local stock = redis.call('HMGET', KEYS[1], 'free', 'epoch', 'version')
if not stock[1] then return {} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local held, placing, over = 0, 0, 0
for _, quantity in ipairs(redis.call('HVALS', KEYS[3])) do held = held + tonumber(quantity) end
for _, quantity in ipairs(redis.call('HVALS', KEYS[5])) do placing = placing + tonumber(quantity) end
for _, hold in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms)) do
  over = over + tonumber(redis.call('HGET', KEYS[3], hold) or 0)
end
return {tonumber(stock[1]), held, placing, tonumber(stock[2]), tonumber(stock[3]), over,
  redis.call('ZCOUNT', KEYS[4], '-inf', now_ms)}
