-- Requeues dead letters: adds each to its stream as a new entry without the fields `dead_…`, and
-- deletes it from the dead-letter stream, in one atomic step. Returns the number of requeued
-- entries.
--
--     redis-cli --eval scripts/requeue.lua transactions:dead transactions , ID …

local moved = 0
for _, id in ipairs(ARGV) do
  local letter = redis.call('XRANGE', KEYS[1], id, id)[1]
  local words = {}
  for index = 1, letter and #letter[2] or 0, 2 do
    if string.sub(letter[2][index], 1, 5) ~= 'dead_' then
      words[#words + 1] = letter[2][index]
      words[#words + 1] = letter[2][index + 1]
    end
  end
  if #words > 0 then
    redis.call('XADD', KEYS[2], '*', unpack(words))
    redis.call('XDEL', KEYS[1], id)
    moved = moved + 1
  end
end
return moved
