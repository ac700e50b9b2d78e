#!lua name=mp1
-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- A queue of mproc-glib on a Redis or Valkey server: layout 1.
--
-- All keys of a queue have one hash tag, mp1:{name}:x.  Every function gets them in this order:
--   1 c  hash: settings, counters, and      6 d  zset: dead letters, id by time of burial
--        what is known of sessions          7 i  zset: sessions that wait for items
--   2 m  hash: id -> tag byte and payload   8 r  zset: sessions that wait for room
--   3 o:session  hash: what the session     9 e  zset: sessions that wait for the end of all work
--        has in hand, id -> delivery       10 w  zset: sessions that wait for news
--        count and progress                11 h  set: sessions that may have something in hand
--   4 b  zset: given back, id by age       12 x  hash: id -> size of each large payload
--   5 n  hash: id -> deliveries so far
--        of what is in 4 and 6
-- and first among the arguments the incarnation and the session.
--
-- A large payload is not passed to a function, since Lua hashes each byte of a string: its producer
-- sets a key t:something that expires, mp1_put renames it to y:id, and a consumer fetches that key.
-- The entry of such a message is the tag byte with LARGE added, the size and, for a put, the name of
-- the key.
--
-- The queued messages are the range of ids after head up to tail, and those that were given back.
-- A session lives as long as a connection subscribes to its channel.  After mp1_remove the key
-- z:incarnation tells its users, for a day, that the queue was removed.
--
-- The hash c contains, besides the settings: q, the counters, see save; for each session the number
-- of its last put (p), number and answer of its last finish (f), the epoch of its link (e), and when
-- and who it was (i); run, the server process that has settled the queue; turn, which orders those
-- that wait and dead letters; front, how many messages were put ahead of all; consumed and lost;
-- dropped and before, of the present batch; garbage and garbage_end, what is left to drop.
--
-- A server that is killed may leave the first part of a function's effects in its append-only file,
-- and carry it out when it starts for the second time, before all that was done after the first
-- start.  Therefore each function commits what it does by one command, the HSET of save.  What it
-- writes before that is ignored without it, or overwritten when the function is called again, and
-- what it removes after that is ignored once it is there.  And the first session that comes after a
-- start of the server settles the queue, see there.

local REVISION = 2
local OK, SHORT, CLOSED, GONE, NOT_FIT, OTHER, OLD, LATE, MISSING, GAP = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local LARGE = 128
local ITEMS, ROOM, DONE, NEWS = 1, 2, 4, 8
local WAITERS = { [ITEMS] = 7, [ROOM] = 8, [DONE] = 9, [NEWS] = 10 }
local HOLDERS, SIZES = 11, 12

local REAP_EVERY = 200          -- ms between looks who died, for each queue
local RESTART_GRACE = 60000     -- ms for sessions that this server process has not seen yet
local LONGEST_NAP = 300000      -- ms
local MAX_WAKE = 64
local DROP_AT_ONCE = 5000
local FORGET_AFTER = 604800000  -- ms after which a session that never said goodbye is forgotten,
local ABSENT_AFTER = 3600000    -- of these so many while this server process has missed it
local SESSION = '^e(................)$'
local TOMBSTONE_TTL = 86400     -- s

-- Neither redis.call nor string exist yet while a library is loaded.
local call, format, match, byte

local function prepare()
  call, format, match, byte = redis.call, string.format, string.match, string.byte
end

-- What names this server process in the hash c.
local run

-- What only this server process knows, for each incarnation: when it last looked, which sessions it
-- saw, and since when it misses one.  A restart or a failover forgets it, and so gives everybody
-- the time to come back.
local seen = {}

local function now()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

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
  return { inc = inc, head = tonumber(head), tail = tonumber(tail), bytes = tonumber(bytes),
           unfinished = tonumber(unfinished), waits = tonumber(waits), closed = closed == '1',
           back = tonumber(back), large = tonumber(large), fields = {}, after = {},
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

-- --- Sleepers ----------------------------------------------------------------------------------

local function has(q, bit) return math.floor(q.waits / bit) % 2 == 1 end

-- Wakes up to n sessions; those that are gone do not count.
local function wake(K, q, bit, n)
  if not has(q, bit) then return end
  local key = K[WAITERS[bit]]
  while n > 0 do
    local session = call('ZPOPMIN', key)[1]
    if not session then q.waits = q.waits - bit; return end
    if call('SPUBLISH', prefix(K) .. session, bit) > 0 then n = n - 1 end
  end
end

local function await(K, q, bit, session)
  if not has(q, bit) then q.waits = q.waits + bit end
  call('ZADD', K[WAITERS[bit]], 'NX', call('HINCRBY', K[1], 'turn', 1), session)
end

-- How long a sleeper may sleep before it looks by itself: all of them together look about as
-- often as one would, however many they are.  More often while a session is missing that holds
-- messages, so that these come back soon after its grace.
local function nap(K, q, bit)
  local n = call('ZCARD', K[WAITERS[bit]])
  local usual = math.min(math.max(n * 250, 1000), LONGEST_NAP)
  local due = seen[q.inc] and seen[q.inc].due
  return due and math.min(usual, math.max(due / 2, n * 25, 50)) or usual
end

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

-- --- What was in somebody's hand ---------------------------------------------------------------

local function finished(K, q, n)
  q.unfinished = q.unfinished - n
  if q.waits == 0 then return end
  wake(K, q, NEWS, math.huge)
  if q.unfinished <= 0 then wake(K, q, DONE, math.huge) end
  if q.closed then wake(K, q, ITEMS, math.huge) end
end

-- The size of a message whose payload is stored, or nil.
local function stored_size(K, q, id)
  local size = q.large > 0 and call('HGET', K[SIZES], id) or call('HSTRLEN', K[2], id) - 1
  return tonumber(size) >= 0 and tonumber(size) or nil
end

-- Puts a message back, ahead of all newer ones, or aside when it was delivered too often.  n: how
-- often it was delivered by now.  Returns how many are finished by that: also one whose payload
-- the server has lost, or that was about to be finished when the server was killed.
local function give_back(K, q, id, n)
  local size = stored_size(K, q, id)
  if not size then return 1 end
  if n > 0 then call('HSET', K[5], id, n) end
  if q.limit > 0 and n >= q.limit then
    call('ZADD', K[6], call('HINCRBY', K[1], 'turn', 1), id)
    return 1
  end
  call('ZADD', K[4], id, id)
  q.back, q.bytes = q.back + 1, q.bytes + size
  return 0
end

-- Gives back all that a session has in hand.
local function release(K, q, session)
  local key = prefix(K) .. 'o:' .. session
  local all, gone = call('HGETALL', key), 0
  for i = 1, #all, 2 do
    gone = gone + give_back(K, q, all[i], tonumber(match(all[i + 1], '^%d+')))
  end
  later(q, 'DEL', key)
  later(q, 'SREM', K[HOLDERS], session)
  if gone > 0 then finished(K, q, gone) end
  if #all / 2 > gone then wake(K, q, ITEMS, math.min(#all / 2 - gone, MAX_WAKE)) end
end

local function forget(K, session)
  call('HDEL', K[1], 'p' .. session, 'f' .. session, 'e' .. session, 'i' .. session)
  for bit, key in next, WAITERS do call('ZREM', K[key], session) end
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

local function look_at(K, q, t, mine, sessions, from, to)
  local channels = {}
  for i = from, to do channels[#channels + 1] = prefix(K) .. sessions[i] end
  local counts = call('PUBSUB', 'SHARDNUMSUB', unpack(channels))
  for i = from, to do
    local session = sessions[i]
    local since = mine.missing[session]
    local grace = mine.known[session] and q.grace or math.max(q.grace, RESTART_GRACE)
    if counts[2 * (i - from) + 2] > 0 then
      mine.known[session], mine.missing[session] = true, nil
    elseif since and since <= t and t - since >= grace then
      mine.known[session], mine.missing[session] = nil, nil
      release(K, q, session)
    else
      if not since or since > t then mine.missing[session], since = t, t end
      mine.due = math.min(mine.due or grace, since + grace - t)
    end
  end
end

local function memory(inc)
  local mine = seen[inc]
  if not mine then
    mine = { at = -REAP_EVERY, known = {}, missing = {}, absent = {}, turn = {} }
    seen[inc] = mine
  end
  return mine
end

-- The session may have something in hand from now on.
local function enlist(K, inc, session)
  call('SADD', K[HOLDERS], session)
  memory(inc).known[session] = true
end

-- Sleepers that died stay in line until it is their turn to be woken; meanwhile they are counted by
-- nap.  Looks at some of them each time.
local function thin(K, q, mine, bit)
  if not has(q, bit) then return end
  local key = K[WAITERS[bit]]
  local from = mine.turn[bit] or 0
  local some = call('ZRANGE', key, from, from + 99)
  mine.turn[bit] = #some < 100 and 0 or from + 100
  if #some == 0 then return end
  local channels = {}
  for i = 1, #some do channels[i] = prefix(K) .. some[i] end
  local counts = call('PUBSUB', 'SHARDNUMSUB', unpack(channels))
  for i = 1, #some do
    if counts[2 * i] == 0 then call('ZREM', key, some[i]) end
  end
end

-- Looks whose connection is gone, and gives back what they had.
local function reap(K, q)
  local t = now()
  local mine = memory(q.inc)
  if mine.at <= t and t - mine.at < REAP_EVERY then return end
  mine.at, mine.due = t, nil
  local sessions = call('SMEMBERS', K[HOLDERS])
  for from = 1, #sessions, 500 do
    look_at(K, q, t, mine, sessions, from, math.min(from + 499, #sessions))
  end
  for bit in next, WAITERS do thin(K, q, mine, bit) end
  sweep(K, q)
end

-- --- Putting and getting -----------------------------------------------------------------------

-- Commands that came by a link that the session has given up are refused: one may be carried out
-- after the hello of the next link, when the numbers have another meaning.

-- Writes what comes to be put as long as there is room for it.  Returns how many of the n are stored
-- then, for how many more there is room, and whether a large payload is missing.
local function append(K, q, A, stored, n, room)
  local id, bytes, cap, fresh, filled, missing = q.tail, q.bytes, q.cap, {}, 0, false
  while stored < n and room > 0 do
    local entry, name = A[stored + 6], format('%d', id + 1)
    local size = size_of(entry)
    if bytes + size > cap then break end
    if byte(entry) >= LARGE then
      entry = adopt(K, q, name, entry)
      if not entry then missing = true; break end
    end
    id, bytes, stored, room = id + 1, bytes + size, stored + 1, room - 1
    fresh[filled + 1], fresh[filled + 2], filled = name, entry, filled + 2
    if filled >= 512 then call('HSET', K[2], unpack(fresh)); fresh, filled = {}, 0 end
  end
  if filled > 0 then call('HSET', K[2], unpack(fresh)) end
  q.tail, q.bytes = id, bytes
  return stored, room, missing
end

-- epoch, number of the first, whether to wait, tag byte and payload of each -> how many are stored
-- * 16 + status.  Those that were stored before are not stored again; a gap is refused, since what
-- is missing may have been short of room.
local function put(K, A)
  local q, last, epoch = load(K, 'p' .. A[2], 'e' .. A[2])
  if q.inc ~= A[1] then return gone(K, A) end
  if epoch ~= A[3] then return LATE end
  local first, n = tonumber(A[4]), #A - 5
  local before, missing = tonumber(last or '0') - first + 1, false
  if before < 0 then return GAP end
  if before >= n then return n * 16 + OK end
  if q.closed then return before * 16 + CLOSED end

  local room, stored = q.size > 0 and q.size - n_ready(q) or n, before
  stored, room, missing = append(K, q, A, before, n, room)
  if stored > before then
    q.unfinished = q.unfinished + stored - before
    set(q, 'p' .. A[2], text(first + stored - 1))
    if q.waits > 0 then
      wake(K, q, ITEMS, math.min(stored - before, MAX_WAKE))
      wake(K, q, NEWS, math.huge)
    end
  end
  if stored < n and A[5] == '1' and not missing then await(K, q, ROOM, A[2]) end
  if stored == n and q.waits > 0 and (q.size == 0 or room > 0) then wake(K, q, ROOM, 1) end
  save(K, q)
  return stored * 16 + (missing and MISSING or stored < n and SHORT or OK)
end

-- epoch, number as of a put, tag byte and payload: what was this session's for good goes ahead of
-- all.
local function unget(K, A)
  local q, last, epoch = load(K, 'p' .. A[2], 'e' .. A[2])
  if q.inc ~= A[1] then return gone(K, A) end
  if epoch ~= A[3] then return LATE end
  if tonumber(last or '0') >= tonumber(A[4]) then return 16 + OK end
  local id, entry = text(-add(K, q, 'front', 1)), A[5]
  if byte(entry) >= LARGE then
    entry = adopt(K, q, id, entry)
    if not entry then return MISSING end
  end
  set(q, 'p' .. A[2], A[4])
  call('HSET', K[2], id, entry)
  q.unfinished = q.unfinished + 1
  give_back(K, q, id, 0)
  wake(K, q, ITEMS, 1)
  save(K, q)
  return 16 + OK
end

-- The next ids: first what was given back, then what is ready.
local function pick(K, q, want)
  local ids = q.back > 0 and call('ZRANGE', K[4], 0, want - 1) or {}
  local n_back, head = #ids, q.head
  for i = 1, math.min(want - n_back, q.tail - head) do ids[n_back + i] = format('%d', head + i) end
  return ids, n_back
end

local function take_back(K, q, id)
  q.back = q.back - 1
  later(q, 'ZREM', K[4], id)
  later(q, 'HDEL', K[5], id)
end

-- What the server lost, by evicting or by hand, must not be in the way of all that comes after it.
local function skip(K, q, id, is_back)
  if is_back then take_back(K, q, id) else q.head = q.head + 1 end
  add(K, q, 'lost', 1)
  finished(K, q, 1)
end

-- Takes from ids what fits, and moves it into the hand of the session.
local function take(K, q, ids, n_back, left, fit)
  local out, hand, filled = { OK, 0 }, {}, 0
  local payloads = call('HMGET', K[2], unpack(ids))
  for i = 1, #ids do
    local id, entry = ids[i], payloads[i]
    if not entry then
      skip(K, q, id, i <= n_back)
    else
      local size, n = size_of(entry), 1
      if fit >= 0 and size > fit and filled == 0 then return { NOT_FIT, size }, 0 end
      if fit >= 0 and size > fit or filled > 0 and size > left then break end
      if i <= n_back then
        n = tonumber(call('HGET', K[5], id) or '0') + 1
        take_back(K, q, id)
      else
        q.head = q.head + 1
      end
      left, q.bytes = left - size, q.bytes - size
      local at = filled + filled / 2 + 2
      out[at + 1], out[at + 2], out[at + 3] = id, n, entry
      hand[filled + 1], hand[filled + 2], filled = id, n == 1 and '1' or text(n), filled + 2
    end
  end
  if filled == 0 then return { SHORT, 0 }, 0 end
  call('HSET', K[3], unpack(hand))
  return out, filled / 2
end

-- epoch, count, bytes of all, bytes of each (-1: any), whether to wait, whether it is the first
-- get of this epoch -> status, how much is left or how long to nap; id, delivery count, tag byte
-- and payload of each
local function get(K, A)
  local q, epoch = load(K, 'e' .. A[2])
  if q.inc ~= A[1] then return { gone(K, A), 0 } end
  if epoch ~= A[3] then return { LATE, 0 } end
  if A[8] == '1' then enlist(K, q.inc, A[2]) end
  reap(K, q)

  local ids, n_back = pick(K, q, tonumber(A[4]))
  local out
  if #ids > 0 then
    local n
    out, n = take(K, q, ids, n_back, tonumber(A[5]), tonumber(A[6]))
    if n > 0 then out[2] = n_ready(q) end
    if n > 0 and q.waits > 0 then
      if out[2] > 0 then wake(K, q, ITEMS, 1) end
      wake(K, q, ROOM, math.min(n, MAX_WAKE))
    end
  elseif is_drained(K, q, 0) then
    out = { CLOSED, 0 }
  else
    if A[7] == '1' then await(K, q, ITEMS, A[2]) end
    out = { SHORT, nap(K, q, ITEMS) }
  end
  save(K, q)
  return out
end

-- --- Finishing ---------------------------------------------------------------------------------

local function take_dead(K, q, id)
  if not call('ZSCORE', K[6], id) then return false end
  drop(K, q, { id })
  later(q, 'ZREM', K[6], id)
  later(q, 'HDEL', K[5], id)
  return true
end

-- Puts a dead letter back, as if it had never been delivered.
local function requeue(K, q, id)
  if q.closed or not call('ZSCORE', K[6], id) or give_back(K, q, id, 0) > 0 then return false end
  call('HSET', K[5], id, 0)
  later(q, 'ZREM', K[6], id)
  q.unfinished = q.unfinished + 1
  if number_of(K, 'before') > 0 then add(K, q, 'before', -1) end
  wake(K, q, NEWS, math.huge)
  return true
end

-- Finishes a message that was consumed, or else the oldest that any session holds, except those
-- that have ended.  Returns its id, '' for a consumed one, or nil if there is none.
local function finish_any(K, q, ended)
  if (q.sums and q.sums.consumed or number_of(K, 'consumed')) > 0 then
    add(K, q, 'consumed', -1)
    return ''
  end
  local oldest, key
  for _, session in ipairs(call('SMEMBERS', K[HOLDERS])) do
    local hand = prefix(K) .. 'o:' .. session
    for _, id in ipairs(call('HKEYS', hand)) do
      if not ended[id] and (not oldest or tonumber(id) < tonumber(oldest)) then
        oldest, key = id, hand
      end
    end
  end
  if oldest then
    drop(K, q, { oldest })
    later(q, 'HDEL', key, oldest)
  end
  return oldest
end

-- Finishes one message of the session in the way that a batch says.  Returns whether it was its.
local function finish(K, q, batch, how, id, n, in_hand)
  if batch.ended[id] then return false end
  if how == 'x' then
    batch.ended[id] = take_dead(K, q, id)
    return batch.ended[id]
  end
  if how == 'q' then
    batch.ended[id] = requeue(K, q, id)
    batch.back = batch.back + (batch.ended[id] and 1 or 0)
    return batch.ended[id]
  end
  if how == 'a' then
    local any = finish_any(K, q, batch.ended)
    if not any then return false end
    batch.done, batch.ended[any] = batch.done + 1, any ~= ''
    return true
  end
  if not in_hand or in_hand ~= n and match(in_hand, '^%d+') ~= n then return false end

  batch.ended[id] = true
  batch.ids[#batch.ids + 1] = id
  if how == 'd' then
    batch.dropped[#batch.dropped + 1], batch.done = id, batch.done + 1
  elseif how == 'c' then
    batch.dropped[#batch.dropped + 1] = id
    add(K, q, 'consumed', 1)
  else
    local buried = give_back(K, q, id, tonumber(n) - (how == 'u' and 1 or 0))
    batch.done, batch.back = batch.done + buried, batch.back + 1 - buried
  end
  return true
end

-- number; how, id, delivery count of each -> a string of 1 (finished) and 0 (stale).
-- d: done; r: deliver it again; u: as if it had never been delivered; c: consumed, not done yet;
-- a: any message, whoever holds it; x: a dead letter was taken; q: a dead letter is queued again.
-- The same number again gives the same answer.
local function fin(K, A)
  local q, last = load(K, 'f' .. A[2])
  if q.inc ~= A[1] then return gone(K, A) end
  local number, before = match(last or '0 ', '^(%d+) (.*)$')
  if tonumber(A[3]) == tonumber(number) then return before end
  if tonumber(A[3]) < tonumber(number) then return '' end

  local ids, answers = {}, {}
  local batch = { ids = {}, ended = {}, dropped = {}, done = 0, back = 0 }
  for i = 4, #A, 3 do ids[#ids + 1] = A[i + 1] end
  local hand = call('HMGET', K[3], unpack(ids))
  for i = 1, #ids do
    answers[i] = finish(K, q, batch, A[3 * i + 1], ids[i], A[3 * i + 3], hand[i]) and '1' or '0'
  end
  drop(K, q, batch.dropped)
  if #batch.ids > 0 then later(q, 'HDEL', K[3], unpack(batch.ids)) end
  if batch.done > 0 then finished(K, q, batch.done) end
  if batch.back > 0 then wake(K, q, ITEMS, math.min(batch.back, MAX_WAKE)) end
  local answer = table.concat(answers)
  set(q, 'f' .. A[2], A[3] .. ' ' .. answer)
  save(K, q)
  return answer
end

-- an id, or nothing for the oldest -> id, delivery count, tag byte and payload of a dead letter,
-- which stays, and 1 if the queue is closed
local function dead(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return { gone(K, A) } end
  local id = A[3] or call('ZRANGE', K[6], 0, 0)[1]
  if not id or not call('ZSCORE', K[6], id) then return { SHORT } end
  return { OK, id, call('HGET', K[5], id), call('HGET', K[2], id), q.closed and 1 or 0 }
end

-- --- Looking -----------------------------------------------------------------------------------

-- conditions to wait for (bits) -> status, ready, bytes, unfinished, put in this batch, 0 or 1
-- closed or 2 drained, nap, dropped in this batch
local function state(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return { gone(K, A) } end
  reap(K, q)
  local bits, sleep = tonumber(A[3]), LONGEST_NAP
  for bit in next, WAITERS do
    if math.floor(bits / bit) % 2 == 1 then
      await(K, q, bit, A[2])
      sleep = math.min(sleep, nap(K, q, bit))
    end
  end
  save(K, q)
  local ready = n_ready(q)
  local v = call('HMGET', K[1], 'before', 'dropped')
  return { OK, ready, q.bytes, q.unfinished, q.tail - tonumber(v[1] or '0'),
           is_drained(K, q, ready) and 2 or q.closed and 1 or 0, sleep, tonumber(v[2] or '0') }
end

-- conditions (bits): no longer waits for them.  Who was woken meanwhile passes that on.
local function leave(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  local bits = tonumber(A[3])
  for bit, key in next, WAITERS do
    if math.floor(bits / bit) % 2 == 1 and call('ZREM', K[key], A[2]) == 0
       and (bit ~= ITEMS or n_ready(q) > 0 or q.closed) then
      wake(K, q, bit, 1)
    end
  end
  save(K, q)
  return OK
end

-- id, delivery count, fraction and text -> whether it was still ours
local function progress(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  local mine = call('HGET', K[3], A[3])
  if not mine or match(mine, '^%d+') ~= A[4] then return SHORT end
  call('HSET', K[3], A[3], A[4] .. ' ' .. A[5])
  return OK
end

-- -> who, id, delivery count and progress of each
local function list(K, A)
  local q = load(K)
  local out = {}
  for _, session in ipairs(call('SMEMBERS', K[HOLDERS])) do
    local who = call('HGET', K[1], 'i' .. session) or ''
    local all = call('HGETALL', prefix(K) .. 'o:' .. session)
    for i = 1, #all, 2 do
      if #out >= 30000 then return out end
      out[#out + 1], out[#out + 2], out[#out + 3] = who, all[i], all[i + 1]
    end
  end
  return out
end

-- --- The beginning and the end -----------------------------------------------------------------

local SETTINGS = { 'mode', 'size', 'cap', 'limit', 'grace' }
local DEFAULTS = { 'plain', '0', '4294967296', '10', '10000' }

local function create(K, A)
  local t = call('TIME')
  local inc = t[1] .. '.' .. t[2] .. '.' .. A[2]
  local new = { 'v', 1, 'in', inc, 'q', inc .. ' 0 0 0 0 0 0 0 0' }
  for i = 1, 5 do
    new[#new + 1] = SETTINGS[i]
    new[#new + 1] = A[i + 5] ~= '' and A[i + 5] or DEFAULTS[i]
  end
  if A[6] ~= 'joinable' and A[9] == '' then new[#new - 2] = '0' end
  call('HSET', K[1], unpack(new))
end

-- Writes what a key contains once more, so that nothing else is there after the server has
-- started again: see above.  Each command leaves it complete, as this may be cut, too.  Deleting
-- what is not there would not be written to the file.
local function write_again(key, command, words)
  for i = 1, #words, 1000 do
    call(command, key .. ':new', unpack(words, i, math.min(i + 999, #words)))
  end
  if #words > 0 then
    call('RENAME', key .. ':new', key)
  else
    call(command, key, '0', '0')
    call('DEL', key)
  end
end

-- Of a sorted set of ids, keeps those that were put and that no session holds.  Returns how many.
local function settle_ids(key, held, is_id)
  local all, kept = call('ZRANGE', key, 0, -1, 'WITHSCORES'), {}
  for i = 1, #all, 2 do
    if is_id(all[i]) and not held[all[i]] then
      kept[#kept + 1], kept[#kept + 2] = all[i + 1], all[i]
    end
  end
  write_again(key, 'ZADD', kept)
  return #kept / 2
end

-- Makes the keys agree with what was committed, whatever part of other commands was carried out
-- when the server started, and writes them again.  A message is in the hand of one session, given
-- back, dead, or in the range of those not taken; what was written to two of these places is in
-- the range, or else in the hand, or else given back.
local function settle(K, q)
  local fields, holders, held, n_held = call('HGETALL', K[1]), {}, {}, 0
  local front = number_of(K, 'front')
  local function is_id(id)
    local number = tonumber(id) or 0
    return number ~= 0 and number >= -front and number <= q.head
  end
  for i = 1, #fields, 2 do
    local session = match(fields[i], SESSION)
    if session then
      local key, kept = prefix(K) .. 'o:' .. session, {}
      local hand = call('HGETALL', key)
      for j = 1, #hand, 2 do
        if is_id(hand[j]) and not held[hand[j]] then
          held[hand[j]], n_held = true, n_held + 1
          kept[#kept + 1], kept[#kept + 2] = hand[j], hand[j + 1]
        end
      end
      write_again(key, 'HSET', kept)
      if #kept > 0 then holders[#holders + 1] = session end
    end
  end
  write_again(K[HOLDERS], 'SADD', holders)
  q.back = settle_ids(K[4], held, is_id)
  local back = {}
  for _, id in ipairs(call('ZRANGE', K[4], 0, -1)) do back[id] = true end
  settle_ids(K[6], held, function(id) return is_id(id) and not back[id] end)
  local counts, kept = call('HGETALL', K[5]), {}
  for i = 1, #counts, 2 do
    if not held[counts[i]] then kept[#kept + 1], kept[#kept + 2] = counts[i], counts[i + 1] end
  end
  write_again(K[5], 'HSET', kept)

  q.large = call('HLEN', K[SIZES])
  q.unfinished = q.tail - q.head + q.back + n_held + number_of(K, 'consumed')
  for i = 1, #fields, 1000 do
    call('HSET', K[1], unpack(fields, i, math.min(i + 999, #fields)))
  end
  set(q, 'run', run)
  save(K, q)
end

-- Forgets some of the sessions that ended without a word long ago.
local function prune(K, q)
  local mine, t = memory(q.inc), now()
  local page = call('HSCAN', K[1], mine.cursor or '0', 'MATCH', 'i????????????????', 'COUNT', 100)
  mine.cursor = page[1]
  for i = 1, #page[2], 2 do
    local session, seen_at = string.sub(page[2][i], 2), tonumber(match(page[2][i + 1], '^%d+'))
    local since = mine.absent[session]
    if call('PUBSUB', 'SHARDNUMSUB', prefix(K) .. session)[2] > 0 then
      mine.absent[session] = nil
    elseif not since or since > t then
      mine.absent[session] = t
    elseif t - since > ABSENT_AFTER and t - seen_at > FORGET_AFTER
           and call('SISMEMBER', K[HOLDERS], session) == 0 then
      mine.absent[session] = nil
      forget(K, session)
    end
  end
end

-- The session begins or comes back.  The incarnation that it knows ('': none), session, epoch,
-- who, whether to make the queue, then mode, size, cap, limit, grace ('': as it is, or default)
-- -> status, revision, incarnation, closed, last put, the five; id, delivery count of each in hand
local function hello(K, A)
  prepare()
  if call('EXISTS', K[1]) == 0 then
    if A[1] ~= '' or A[5] ~= '1' then return { gone(K, A), REVISION } end
    create(K, A)
  end
  local have = call('HMGET', K[1], 'v', 'in', 'run', unpack(SETTINGS))
  if have[1] ~= '1' then return { OLD, REVISION, have[1] or '' } end
  if A[1] ~= '' and A[1] ~= have[2] then return { gone(K, A), REVISION } end
  for i = 1, 5 do
    if A[i + 5] ~= '' and A[i + 5] ~= have[i + 3] then
      return { OTHER, REVISION, SETTINGS[i], have[i + 3] }
    end
  end
  local q, last, epoch = load(K, 'p' .. A[2], 'e' .. A[2])
  if q.inc ~= have[2] then return { OLD, REVISION } end
  if tonumber(A[3]) <= tonumber(epoch or '0') then return { LATE, REVISION } end
  call('HSET', K[1], 'e' .. A[2], A[3], 'i' .. A[2], now() .. ' ' .. A[4])
  run = run or text(now())
  if have[3] ~= run then settle(K, q) end
  prune(K, q)

  local out = { OK, REVISION, q.inc, q.closed and '1' or '0', last or '0', unpack(have, 4, 8) }
  local hand = call('HGETALL', K[3])
  for i = 1, #hand, 2 do
    out[#out + 1], out[#out + 2] = hand[i], match(hand[i + 1], '^%d+')
  end
  if #hand > 0 then enlist(K, q.inc, A[2]) end
  return out
end

-- The session ends: what it has in hand is given back at once.
local function bye(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  release(K, q, A[2])
  save(K, q)
  forget(K, A[2])
  return OK
end

-- Drops what is queued; what an earlier call left to drop has to be gone.  Returns how many.
local function drop_queued(K, q)
  local n = q.tail - q.head
  if n > 0 then
    q.garbage, q.garbage_end, q.head = n, q.tail, q.tail
    set(q, 'garbage', text(n))
    set(q, 'garbage_end', text(q.tail))
  end
  local back = call('ZRANGE', K[4], 0, -1)
  for i = 1, #back do
    drop(K, q, { back[i] })
    take_back(K, q, back[i])
  end
  q.bytes, n = 0, n + #back
  if n > 0 then
    add(K, q, 'dropped', n)
    finished(K, q, n)
  end
  return n
end

-- whether to drop what is queued -> how much is left to drop: to be called again until it is 0
local function shutdown(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return 0 end
  q.closed = true
  local left = sweep(K, q)
  if A[3] == '1' and left == 0 then
    drop_queued(K, q)
    left = sweep(K, q)
  end
  wake(K, q, ITEMS, math.huge)
  wake(K, q, ROOM, math.huge)
  wake(K, q, NEWS, math.huge)
  save(K, q)
  return left
end

-- -> status, how many were dropped; SHORT: to be called again
local function clear(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return { gone(K, A), 0 } end
  if sweep(K, q) > 0 then save(K, q); return { SHORT, 0 } end
  local n = drop_queued(K, q)
  sweep(K, q)
  wake(K, q, ROOM, math.huge)
  save(K, q)
  return { OK, n }
end

-- What was finished or dropped before does not count any more.
local function batch(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  set(q, 'before', text(q.tail - q.unfinished))
  set(q, 'dropped', '0')
  wake(K, q, NEWS, math.huge)
  save(K, q)
  return OK
end

-- Removes the queue; whoever has it open finds out when he is woken, or asks.  The hash c goes
-- last, so that a queue of the same name does not find anything of this one.
local function remove(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  for bit in next, WAITERS do wake(K, q, bit, math.huge) end
  call('SET', prefix(K) .. 'z:' .. q.inc, '1', 'EX', TOMBSTONE_TTL)
  for _, session in ipairs(call('SMEMBERS', K[HOLDERS])) do
    call('DEL', prefix(K) .. 'o:' .. session)
  end
  for _, id in ipairs(call('HKEYS', K[SIZES])) do call('UNLINK', prefix(K) .. 'y:' .. id) end
  for i = #K, 1, -1 do call('UNLINK', K[i]) end
  return OK
end

-- Only putting is refused when the server has no memory left: all else makes room.
redis.register_function('mp1_put', put)
local others = { 'mp1_unget', unget, 'mp1_get', get, 'mp1_fin', fin, 'mp1_dead', dead,
                 'mp1_state', state, 'mp1_leave', leave, 'mp1_progress', progress, 'mp1_list', list,
                 'mp1_hello', hello, 'mp1_bye', bye, 'mp1_shutdown', shutdown,
                 'mp1_clear', clear, 'mp1_batch', batch, 'mp1_remove', remove }
for i = 1, #others, 2 do
  redis.register_function{ function_name = others[i], callback = others[i + 1],
                           flags = { 'allow-oom' } }
end
