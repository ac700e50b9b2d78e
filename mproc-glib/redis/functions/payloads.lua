-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The payloads of messages.

-- The size of a message as it is stored or comes to be put.
local function size_of(entry)
  if byte(entry) < LARGE then return #entry - 1 end
  return tonumber(match(entry, '^.(%d+)'))
end

-- Takes over the key of a large payload that comes to be put; FALSE when it has expired.
local function adopt(K, q, id, entry)
  local size, key = match(entry, '^.(%d+) (.+)$')
  if call('PERSIST', key) == 0 then return false end
  call('RENAME', key, prefix(K) .. 'y:' .. id)
  call('HSET', K[SIZES], id, size)
  q.large = q.large + 1
  return string.sub(entry, 1, 1) .. size
end

-- Drops the payloads of messages for good.
local function drop(K, q, ids)
  if #ids == 0 then return end
  call('HDEL', K[2], unpack(ids))
  if q.large == 0 then return end
  local large = call('HMGET', K[SIZES], unpack(ids))
  for i = 1, #ids do
    if large[i] then
      call('UNLINK', prefix(K) .. 'y:' .. ids[i])
      call('HDEL', K[SIZES], ids[i])
      q.large = q.large - 1
    end
  end
end

-- The size of a message whose payload is stored, or nil.
local function stored_size(K, q, id)
  local size = q.large > 0 and call('HGET', K[SIZES], id) or call('HSTRLEN', K[2], id) - 1
  return tonumber(size) >= 0 and tonumber(size) or nil
end

-- Drops some of what a shutdown left, and returns how much is left then.
local function sweep(K, q)
  if not q.garbage then
    local v = call('HMGET', K[1], 'garbage', 'garbage_end')
    q.garbage, q.garbage_end = tonumber(v[1] or '0'), tonumber(v[2] or '0')
  end
  local n = math.min(q.garbage, DROP_AT_ONCE)
  if n == 0 then return 0 end
  local ids, first = {}, q.garbage_end - q.garbage
  for i = 1, n do ids[i] = text(first + i) end
  drop(K, q, ids)
  q.garbage = q.garbage - n
  set(q, 'garbage', text(q.garbage))
  return q.garbage
end
