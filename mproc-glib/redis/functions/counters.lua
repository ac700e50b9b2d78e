-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The settings and counters of a queue.

-- What changes is one field, and what never changes is remembered: to fetch it each time would take
-- longer than all else.  Not too many of them, where queues come and go.
local fixed, n_fixed = {}, 0

local function settings(K, inc)
  local v = call('HMGET', K[1], 'size', 'cap', 'limit', 'grace')
  local mine = { size = tonumber(v[1]), cap = tonumber(v[2]), limit = tonumber(v[3]),
                 grace = tonumber(v[4]) }
  if n_fixed >= 1000 then fixed, seen, n_fixed = {}, {}, 0 end
  fixed[inc], n_fixed = mine, n_fixed + 1
  return mine
end

-- Returns the counters, and up to two further fields of the same hash.
local function load(K, field, other)
  prepare()
  local v = call('HMGET', K[1], 'q', field or 'q', other or 'q')
  local inc, head, tail, unfinished, bytes, waits, closed, back, large =
    match(v[1] or '', '^(%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d) (%d+) (%d+)$')
  if not inc then return {} end
  local mine = fixed[inc] or settings(K, inc)
  -- After an unclean end of the server they may be wrong until the queue is empty.
  if head == tail and back == '0' then bytes = 0 end
  return { inc = inc, head = head + 0, tail = tail + 0, bytes = bytes + 0,
           unfinished = unfinished + 0, waits = waits + 0, closed = closed == '1',
           back = back + 0, large = large + 0, fields = {}, after = {},
           size = mine.size, cap = mine.cap, limit = mine.limit, grace = mine.grace },
         v[2], v[3]
end

-- Sets a field of the hash c when the counters are saved.
local function set(q, field, value)
  local fields = q.fields
  fields[#fields + 1], fields[#fields + 2] = field, value
end

-- Calls a command after the counters were saved.
local function later(q, ...) q.after[#q.after + 1] = { ... } end

-- back: messages given back; large: those with a large payload; the rest as in the state.
local function save(K, q)
  call('HSET', K[1], 'q', format('%s %d %d %d %d %d %d %d %d', q.inc, q.head, q.tail,
       math.max(q.unfinished, 0), math.max(q.bytes, 0), q.waits, q.closed and 1 or 0,
       math.max(q.back, 0), math.max(q.large, 0)), unpack(q.fields))
  for i = 1, #q.after do call(unpack(q.after[i])) end
end

-- As redis.call takes a number soonest; and the prefix of all names.
local function text(n) return format('%d', n) end
local function prefix(K) return string.sub(K[1], 1, -2) end

local function n_ready(q) return q.tail - q.head + q.back end

local function number_of(K, field) return tonumber(call('HGET', K[1], field) or '0') end

-- Adds to a field of the hash c when the counters are saved.
local function add(K, q, field, n)
  local sums = q.sums or {}
  q.sums = sums
  sums[field] = (sums[field] or number_of(K, field)) + n
  set(q, field, text(sums[field]))
  return sums[field]
end

-- Whether no more messages can come: those that other sessions hold may still be given back.
local function is_drained(K, q, ready)
  return q.closed and ready == 0
         and q.unfinished - number_of(K, 'consumed') <= call('HLEN', K[3])
end

-- The answer for an incarnation that does not exist any more.
local function gone(K, A)
  return call('EXISTS', prefix(K) .. 'z:' .. A[1]) == 1 and CLOSED or GONE
end
