#!lua flags=no-writes
-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- The messages of a queue whose keys mp1.lua describes, for observers: see look.lua.
--
-- KEYS: mp1:{name}:c.  ARGV: 'queue' or 'task'; how many messages were put before the first
-- wanted, 0 for the next, or the id of the task; the most messages; the most bytes of each
-- -> 'queue' or 'none'; how many were put before those that follow the last; id, tag, size and the
--   first bytes of each.  Together they have at most BYTES, besides one that is alone.

local BYTES, LARGE = 1048576, 128

local call, sub = redis.call, string.sub
local prefix = sub(KEYS[1], 1, -2)
local longest = tonumber(ARGV[4])

if call('TYPE', KEYS[1]).ok ~= 'hash' then return { 'none' } end

-- Appends a message.  Of one that is too long only its size is of interest.
local function add(out, id, entry)
  local tag, size, text = string.byte(entry), #entry - 1
  if tag >= LARGE then
    tag, size = tag - LARGE, tonumber(string.match(entry, '^.(%d+)')) or 0
    text = size <= longest and call('GETRANGE', prefix .. 'y:' .. id, 0, longest - 1) or ''
  else
    text = size <= longest and sub(entry, 2) or ''
  end
  local n = #out
  out[n + 1], out[n + 2], out[n + 3], out[n + 4] = id, tag, size, text
  return #text
end

local function is_task(id)
  if call('ZSCORE', prefix .. 'b', id) or call('ZSCORE', prefix .. 'd', id) then return true end
  for _, session in ipairs(call('SSCAN', prefix .. 'h', '0', 'COUNT', 1000)[2]) do
    if call('HEXISTS', prefix .. 'o:' .. session, id) == 1 then return true end
  end
  return false
end

local messages = {}
if ARGV[1] == 'task' then
  local entry = call('HGET', prefix .. 'm', ARGV[2])
  if entry and is_task(ARGV[2]) then add(messages, ARGV[2], entry) end
  return { 'queue', '0', messages }
end

local head, tail = string.match(call('HGET', KEYS[1], 'q') or '', '^%S+ (%d+) (%d+) ')
if not head then return { 'queue', '0', messages } end
head, tail = tonumber(head), tonumber(tail)
local next = math.min(math.max(tonumber(ARGV[2]), head), tail)
local left = BYTES
for id = next + 1, math.min(tail, next + tonumber(ARGV[3])) do
  local name = string.format('%d', id)
  local length = call('HSTRLEN', prefix .. 'm', name)
  if #messages > 0 and (length == 0 or length > left) then break end
  local entry = call('HGET', prefix .. 'm', name)
  if entry then left = left - add(messages, name, entry) end
  next = id
  if left <= 0 then break end
end
return { 'queue', string.format('%d', next), messages }
