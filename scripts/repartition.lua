-- Moves the idempotency records of a stream to the partitions that their users have under another
-- number of partitions, some in each call, and then writes that number. No server and no consumer
-- of the stream may run meanwhile, and its entries must have been processed: see
-- docs/operations.md.
--
--     cursor=0
--     until [ "$cursor" = done ]; do
--         cursor=$(redis-cli --eval scripts/repartition.lua transactions , 8 "$cursor")
--     done
--
-- Returns the cursor for the next call, `done` after the last one.

local key, count, cursor = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local claim = 'core-api:partitions:{' .. key .. '}'
local before = tonumber(redis.call('GET', claim) or 1)
if not count or count < 1 or count > 1024 or count % 1 ~= 0 then
  return redis.error_reply('ERR give a number of partitions from 1 to 1024')
end

local function tag(partition, of)
  return of == 1 and key or key .. ':' .. partition
end

if cursor == '0' then
  for partition = 0, before - 1 do
    local stream = before == 1 and key or '{' .. tag(partition, before) .. '}'
    if redis.call('XLEN', stream) > 0 then
      return redis.error_reply('ERR ' .. stream .. ' has entries: consumers must process them first')
    end
  end
end

-- CRC-16 XMODEM, as Core API chooses the partition.
local function checksum(text)
  local sum = 0
  for index = 1, #text do
    sum = bit.bxor(sum, bit.lshift(string.byte(text, index), 8))
    for _ = 1, 8 do
      local carry = bit.band(sum, 0x8000) ~= 0
      sum = bit.band(bit.lshift(sum, 1), 0xFFFF)
      if carry then sum = bit.bxor(sum, 0x1021) end
    end
  end
  return sum
end

local own = {}
for partition = 0, before - 1 do own[tag(partition, before)] = true end
local start = 'core-api:idempotency:{' .. key
local pattern = string.gsub(start, '([%*%?%[%]\\])', '\\%1') .. '*'
local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
for _, record in ipairs(found[2]) do
  local name, user, word = string.match(record, '^core%-api:idempotency:{(.-)}:(%d+):(.*)$')
  if name and own[name] then
    local partition = tag(checksum(user) % count, count)
    local moved = 'core-api:idempotency:{' .. partition .. '}:' .. user .. ':' .. word
    if moved ~= record then redis.call('RENAMENX', record, moved) end
  end
end
if found[1] ~= '0' then return found[1] end
redis.call('SET', claim, count)
return 'done'
