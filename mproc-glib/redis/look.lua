#!lua flags=no-writes
-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- What observers see of a queue whose keys mp1.lua describes.  Changes nothing, is no session, and
-- needs only the right to read.  However much the queue contains, it looks at MOST sessions and at
-- MOST tasks of each state, and reads at most BYTES of payloads, to learn their formats.
--
-- KEYS: mp1:{name}:c.  ARGV: the incarnation that the observer knows, or ''; the pattern of the
-- channels of sessions; the sessions that the observer has listed before
-- -> what is there: 'queue', 'none', 'removed', or the type of another key; for a queue also
--   layout, incarnation, counters, mode, size, cap, limit, grace, consumed,
--   dead letters, connected sessions (-1: not known), those that wait for items, room, end, news;
--   for each session: name, 1 connected or 0 not or -1 not known, when and who it was, how many
--   messages it has put, how many it has in hand, the conditions (bits) that it waits for;
--   sessions listed before that have ended without goodbye;
--   for each task: state (h in hand, b given back, d dead), session, id, delivery, size, tag

local MOST, BYTES, LONGEST = 256, 262144, 300
local LARGE = 128
local WAITERS = { { 'i', 1 }, { 'r', 2 }, { 'e', 4 }, { 'w', 8 } }

local call, sub = redis.call, string.sub
local c = KEYS[1]
local prefix = sub(c, 1, -2)

-- What a reply contains of a text that should be short.
local function cut(text) return sub(text or '', 1, LONGEST) end

local kind = call('TYPE', c).ok
if kind == 'none' then
  return { call('EXISTS', prefix .. 'z:' .. ARGV[1]) == 1 and 'removed' or 'none' }
end
if kind ~= 'hash' then return { kind } end

-- --- Sessions ----------------------------------------------------------------------------------

local is_connected, connected, n_connected = {}, {}, 0
local channels = redis.pcall('PUBSUB', 'SHARDCHANNELS', ARGV[2])
if channels.err then
  n_connected = -1
else
  for _, channel in ipairs(channels) do
    local session = sub(channel, #prefix + 1)
    if #session == 16 then
      n_connected = n_connected + 1
      is_connected[session], connected[n_connected] = true, session
    end
  end
end

local listed, is_listed = {}, {}
local function list(session)
  if #listed >= MOST or #session ~= 16 or is_listed[session] then return end
  listed[#listed + 1], is_listed[session] = session, true
end

-- Those listed before come first, so that a part of many is the same part next time.
local ended = {}
for i = 3, #ARGV do
  if is_connected[ARGV[i]] or call('HLEN', prefix .. 'o:' .. ARGV[i]) > 0 then
    list(ARGV[i])
  elseif n_connected >= 0 and call('HEXISTS', c, 'i' .. ARGV[i]) == 1 then
    ended[#ended + 1] = ARGV[i]
  end
end
local holders = call('SSCAN', prefix .. 'h', '0', 'COUNT', MOST)[2]
for i = 1, math.min(#holders, MOST) do
  if is_connected[holders[i]] or call('HLEN', prefix .. 'o:' .. holders[i]) > 0 then
    list(holders[i])
  end
end
for i = 1, math.min(n_connected, 2 * MOST) do list(connected[i]) end
if n_connected < 0 then
  for _, waiters in ipairs(WAITERS) do
    for _, session in ipairs(call('ZRANGE', prefix .. waiters[1], 0, MOST - 1)) do list(session) end
  end
end

local n_waiting = {}
for i, waiters in ipairs(WAITERS) do n_waiting[i] = call('ZCARD', prefix .. waiters[1]) end

local sessions, n_held = {}, {}

local function describe(session, who, n_put, n)
  local bits, at = 0, #sessions
  for i, waiters in ipairs(WAITERS) do
    if n_waiting[i] > 0 and call('ZSCORE', prefix .. waiters[1], session) then
      bits = bits + waiters[2]
    end
  end
  sessions[at + 1] = session
  sessions[at + 2] = n_connected < 0 and -1 or is_connected[session] and 1 or 0
  sessions[at + 3], sessions[at + 4] = cut(who), cut(n_put)
  sessions[at + 5], sessions[at + 6] = n, bits
end

-- One that has subscribed and not said hello yet, or has said goodbye, does not take part.
for i, session in ipairs(listed) do
  local about = call('HMGET', c, 'i' .. session, 'p' .. session)
  n_held[i] = call('HLEN', prefix .. 'o:' .. session)
  if about[1] or n_held[i] > 0 then describe(session, about[1], about[2], n_held[i]) end
end

-- --- Tasks -------------------------------------------------------------------------------------

local tasks, left = {}, BYTES

local function add(state, session, id, delivery)
  local length, size, tag = call('HSTRLEN', prefix .. 'm', id), -1, -1
  if length > 0 then size = length - 1 end
  if length > 0 and length <= left then
    local entry = call('HGET', prefix .. 'm', id)
    left, tag = left - length, string.byte(entry)
    if tag >= LARGE then
      tag, size = tag - LARGE, tonumber(string.match(entry, '^.(%d+)')) or -1
    end
  end
  local n = #tasks
  tasks[n + 1], tasks[n + 2], tasks[n + 3] = state, session, cut(id)
  tasks[n + 4], tasks[n + 5], tasks[n + 6] = cut(delivery), size, tag
end

-- All that a session has in hand, or some of it.
local function hand_of(session, n, room)
  local key = prefix .. 'o:' .. session
  return n <= room and call('HGETALL', key) or call('HSCAN', key, '0', 'COUNT', room)[2]
end

local room = MOST
for i, session in ipairs(listed) do
  if n_held[i] > 0 and room > 0 then
    local hand = hand_of(session, n_held[i], room)
    for j = 1, math.min(#hand, 2 * room), 2 do
      add('h', session, hand[j], hand[j + 1])
      room = room - 1
    end
  end
end
for _, state in ipairs({ 'b', 'd' }) do
  local ids = call('ZRANGE', prefix .. state, 0, MOST - 1)
  local counts = #ids > 0 and call('HMGET', prefix .. 'n', unpack(ids)) or {}
  for i = 1, #ids do add(state, '', ids[i], counts[i] or '0') end
end

-- --- The queue ---------------------------------------------------------------------------------

local v = call('HMGET', c, 'v', 'in', 'q', 'mode', 'size', 'cap', 'limit', 'grace', 'consumed')
for i = 1, 9 do v[i] = cut(v[i]) end
local out = { 'queue', unpack(v, 1, 9) }
out[11], out[12], out[13] = call('ZCARD', prefix .. 'd'), n_connected, n_waiting
out[14], out[15], out[16] = sessions, ended, tasks
return out
