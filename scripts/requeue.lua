-- Requeues dead letters: adds each to its stream as a new entry without the fields `dead_…`, and
-- deletes it from the dead-letter stream, in one atomic step. A status that is kept becomes
-- `queued`. Returns the number of requeued entries.
--
--     redis-cli --eval scripts/requeue.lua transactions:dead transactions , ID …

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

local function tell(fields, entry)
  if not fields.status_seconds then return end
  local tag = string.match(KEYS[2], '^{.+}$') or '{' .. KEYS[2] .. '}'
  redis.call('SET', 'core-api:status:' .. tag .. ':' .. fields.id,
    table.concat({'queued', now, '0', entry, fields.user_id, fields.amount, fields.currency,
      fields.created_at}, ' '), 'EX', fields.status_seconds)
end

local moved = 0
for _, id in ipairs(ARGV) do
  local letter = redis.call('XRANGE', KEYS[1], id, id)[1]
  local words, fields = {}, {}
  for index = 1, letter and #letter[2] or 0, 2 do
    local name, value = letter[2][index], letter[2][index + 1]
    if string.sub(name, 1, 5) ~= 'dead_' then
      words[#words + 1] = name
      words[#words + 1] = value
      fields[name] = value
    end
  end
  if #words > 0 then
    local entry = redis.call('XADD', KEYS[2], '*', unpack(words))
    redis.call('XDEL', KEYS[1], id)
    tell(fields, entry)
    moved = moved + 1
  end
end
return moved
