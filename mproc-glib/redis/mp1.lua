#!lua name=mp1
-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- A queue of mproc-glib on a Redis or Valkey server: layout 1.
--
-- All keys of a queue have one hash tag, mp1:{name}:x.  Every function gets them in this order:
--   1 c  hash: settings and counters        6 d  zset: dead letters, id by time of burial
--   2 m  hash: id -> tag byte and payload   7 s  hash: p, f, e, i + session -> last put, last
--   3 o:session  hash: what the session        finish, epoch of its link, when and who
--        has in hand, id -> delivery        8 i  zset: sessions that wait for items
--        count and progress                 9 r  zset: sessions that wait for room
--   4 b  zset: given back, id by age       10 e  zset: sessions that wait for the end of all work
--   5 n  hash: id -> deliveries so far     11 w  zset: sessions that wait for news
--        of what is in 4 and 6             12 h  set: sessions that may have something in hand
--                                          13 x  hash: id -> size of each large payload
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
-- The hash c contains, besides the settings and q: turn and front (counters), garbage and
-- garbage_end (what is left to drop), lost, consumed, dropped and before (of the present batch).

local REVISION = 1
local OK, SHORT, CLOSED, GONE, NOT_FIT, OTHER, OLD, LATE, MISSING, GAP = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local LARGE = 128
local ITEMS, ROOM, DONE, NEWS = 1, 2, 4, 8
local WAITERS = { [ITEMS] = 8, [ROOM] = 9, [DONE] = 10, [NEWS] = 11 }

local REAP_EVERY = 200          -- ms between looks who died, for each queue
local RESTART_GRACE = 60000     -- ms for sessions that this server process has not seen yet
local LONGEST_NAP = 300000      -- ms
local MAX_WAKE = 64
local DROP_AT_ONCE = 5000
local FORGET_AFTER = 604800000  -- ms after which a session that never said goodbye is forgotten
local TOMBSTONE_TTL = 86400     -- s

-- redis.call does not exist yet while a library is loaded.
local call

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

local function load(K)
  call = redis.call
  local inc, head, tail, unfinished, bytes, waits, closed =
    string.match(call('HGET', K[1], 'q') or '', '^(%S+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d)')
  if not inc then return {} end
  local mine = fixed[inc] or settings(K, inc)
  return { inc = inc, head = tonumber(head), tail = tonumber(tail), bytes = tonumber(bytes),
           unfinished = tonumber(unfinished), waits = tonumber(waits), closed = closed == '1',
           size = mine.size, cap = mine.cap, limit = mine.limit, grace = mine.grace }
end

local function save(K, q)
  call('HSET', K[1], 'q', string.format('%s %d %d %d %d %d %d', q.inc, q.head, q.tail,
       q.unfinished, q.bytes, q.waits, q.closed and 1 or 0))
end

-- A number as redis.call takes it soonest.
local function text(n) return string.format('%d', n) end

-- The prefix of all names, which the first key has with one letter more.
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

local function n_ready(K, q) return q.tail - q.head + call('ZCARD', K[4]) end

local function number_of(K, field) return tonumber(call('HGET', K[1], field) or '0') end

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
  if string.byte(entry) < LARGE then return #entry - 1 end
  return tonumber(string.match(entry, '^.(%d+)'))
end

-- Takes over the key of a large payload that comes to be put; FALSE when it has expired.
local function adopt(K, id, entry)
  local size, key = string.match(entry, '^.(%d+) (.+)$')
  if call('PERSIST', key) == 0 then return false end
  call('RENAME', key, prefix(K) .. 'y:' .. id)
  call('HSET', K[13], id, size)
  return string.sub(entry, 1, 1) .. size
end

-- Drops messages for good.
local function drop(K, ids)
  if #ids == 0 then return end
  call('HDEL', K[2], unpack(ids))
  if call('EXISTS', K[13]) == 0 then return end
  local large = call('HMGET', K[13], unpack(ids))
  for i = 1, #ids do
    if large[i] then
      call('HDEL', K[13], ids[i])
      call('UNLINK', prefix(K) .. 'y:' .. ids[i])
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

-- Puts a message back, ahead of all newer ones, or aside when it was delivered too often.  n: how
-- often it was delivered by now.  Returns how many are finished by that.
local function give_back(K, q, id, n)
  if n > 0 then call('HSET', K[5], id, n) end
  if q.limit > 0 and n >= q.limit then
    call('ZADD', K[6], call('HINCRBY', K[1], 'turn', 1), id)
    return 1
  end
  call('ZADD', K[4], id, id)
  q.bytes = q.bytes + (tonumber(call('HGET', K[13], id)) or call('HSTRLEN', K[2], id) - 1)
  return 0
end

-- Gives back all that a session has in hand.
local function release(K, q, session)
  local key = prefix(K) .. 'o:' .. session
  local all, gone = call('HGETALL', key), 0
  for i = 1, #all, 2 do
    gone = gone + give_back(K, q, all[i], tonumber(string.match(all[i + 1], '^%d+')))
  end
  call('DEL', key)
  call('SREM', K[12], session)
  if gone > 0 then finished(K, q, gone) end
  if #all / 2 > gone then wake(K, q, ITEMS, math.min(#all / 2 - gone, MAX_WAKE)) end
end

local function forget(K, session)
  call('HDEL', K[7], 'p' .. session, 'f' .. session, 'e' .. session, 'i' .. session)
  for bit, key in next, WAITERS do call('ZREM', K[key], session) end
end

-- Drops some of what a shutdown left.
local function sweep(K)
  local v = call('HMGET', K[1], 'garbage', 'garbage_end')
  local left, last = tonumber(v[1] or '0'), tonumber(v[2])
  local n = math.min(left, DROP_AT_ONCE)
  local ids = {}
  for id = (last or 0) - left + 1, (last or 0) - left + n do ids[#ids + 1] = text(id) end
  drop(K, ids)
  if n > 0 then call('HSET', K[1], 'garbage', left - n) end
  return left - n
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
    mine = { at = -REAP_EVERY, known = {}, missing = {}, turn = {} }
    seen[inc] = mine
  end
  return mine
end

-- The session may have something in hand from now on.
local function enlist(K, inc, session)
  call('SADD', K[12], session)
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
  local sessions = call('SMEMBERS', K[12])
  for from = 1, #sessions, 500 do
    look_at(K, q, t, mine, sessions, from, math.min(from + 499, #sessions))
  end
  for bit in next, WAITERS do thin(K, q, mine, bit) end
  sweep(K)
end

-- --- Putting and getting -----------------------------------------------------------------------

-- What a session last put; nothing when the command came by a link that the session has given up:
-- it may be carried out after the hello of the next one, when the numbers have another meaning.
local function last_put(K, A)
  local v = call('HMGET', K[7], 'p' .. A[2], 'e' .. A[2])
  return v[2] == A[3] and tonumber(v[1] or '0') or nil
end

-- epoch, number of the first, whether to wait, tag byte and payload of each -> how many are stored
-- * 16 + status.  Those that were stored before are not stored again; a gap is refused, since what
-- is missing may have been short of room.
local function put(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  local last, first, n = last_put(K, A), tonumber(A[4]), #A - 5
  if not last then return LATE end
  local stored = last - first + 1
  if stored < 0 then return GAP end
  if stored >= n then return n * 16 + OK end
  if q.closed then return stored * 16 + CLOSED end

  local room = q.size > 0 and q.size - n_ready(K, q) or n
  local before, fresh, missing = q.tail, {}, false
  while stored < n and room > 0 do
    local entry = A[stored + 6]
    local size, id = size_of(entry), text(q.tail + 1)
    if q.bytes + size > q.cap then break end
    if string.byte(entry) >= LARGE then
      entry = adopt(K, id, entry)
      if not entry then missing = true; break end
    end
    q.tail, q.bytes, stored, room = q.tail + 1, q.bytes + size, stored + 1, room - 1
    fresh[#fresh + 1], fresh[#fresh + 2] = id, entry
    if #fresh >= 256 then call('HSET', K[2], unpack(fresh)); fresh = {} end
  end
  if #fresh > 0 then call('HSET', K[2], unpack(fresh)) end

  local added = q.tail - before
  if added > 0 then
    q.unfinished = q.unfinished + added
    call('HSET', K[7], 'p' .. A[2], text(first + stored - 1))
    if q.waits > 0 then
      wake(K, q, ITEMS, math.min(added, MAX_WAKE))
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
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  local last = last_put(K, A)
  if not last then return LATE end
  if last >= tonumber(A[4]) then return 16 + OK end
  local id, entry = text(-call('HINCRBY', K[1], 'front', 1)), A[5]
  if string.byte(entry) >= LARGE then
    entry = adopt(K, id, entry)
    if not entry then return MISSING end
  end
  call('HSET', K[7], 'p' .. A[2], A[4])
  call('HSET', K[2], id, entry)
  q.unfinished = q.unfinished + 1
  give_back(K, q, id, 0)
  wake(K, q, ITEMS, 1)
  save(K, q)
  return 16 + OK
end

-- The next ids: first what was given back, then what is ready.
local function pick(K, q, want)
  local ids = call('ZRANGE', K[4], 0, want - 1)
  local n_back = #ids
  for i = 1, math.min(want - n_back, q.tail - q.head) do ids[n_back + i] = text(q.head + i) end
  return ids, n_back
end

-- What the server lost, by evicting or by hand, must not be in the way of all that comes after it.
local function skip(K, q, id, is_back)
  if is_back then
    call('ZREM', K[4], id)
    call('HDEL', K[5], id)
  else
    q.head = q.head + 1
  end
  q.unfinished = q.unfinished - 1
  call('HINCRBY', K[1], 'lost', 1)
end

-- Takes from ids what fits, and moves it into the hand of the session.
local function take(K, q, ids, n_back, left, fit)
  local out, hand = { OK, 0 }, {}
  local payloads = call('HMGET', K[2], unpack(ids))
  for i = 1, #ids do
    if not payloads[i] then
      skip(K, q, ids[i], i <= n_back)
    else
      local size = size_of(payloads[i])
      if fit >= 0 and size > fit and #hand == 0 then return { NOT_FIT, size }, 0 end
      if fit >= 0 and size > fit or #hand > 0 and size > left then break end
      local n = 1
      if i <= n_back then
        n = tonumber(call('HGET', K[5], ids[i]) or '0') + 1
        call('ZREM', K[4], ids[i])
        call('HDEL', K[5], ids[i])
      else
        q.head = q.head + 1
      end
      left, q.bytes = left - size, q.bytes - size
      out[#out + 1], out[#out + 2], out[#out + 3] = ids[i], n, payloads[i]
      hand[#hand + 1], hand[#hand + 2] = ids[i], text(n)
    end
  end
  if #hand == 0 then return { SHORT, 0 }, 0 end
  call('HSET', K[3], unpack(hand))
  return out, #hand / 2
end

-- epoch, count, bytes of all, bytes of each (-1: any), whether to wait, whether it is the first
-- get of this epoch -> status, how much is left or how long to nap; id, delivery count, tag byte
-- and payload of each
local function get(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return { gone(K, A), 0 } end
  if call('HGET', K[7], 'e' .. A[2]) ~= A[3] then return { LATE, 0 } end
  if A[8] == '1' then enlist(K, q.inc, A[2]) end
  reap(K, q)

  local ids, n_back = pick(K, q, tonumber(A[4]))
  local out
  if #ids > 0 then
    local n
    out, n = take(K, q, ids, n_back, tonumber(A[5]), tonumber(A[6]))
    if n > 0 then out[2] = n_ready(K, q) end
    if n > 0 and q.waits > 0 then
      if out[2] > 0 then wake(K, q, ITEMS, 1) end
      wake(K, q, ROOM, math.min(n, MAX_WAKE))
    end
  elseif is_drained(K, q, 0) then
    out = { CLOSED, 0 }
  else
    q.bytes = 0
    if A[7] == '1' then await(K, q, ITEMS, A[2]) end
    out = { SHORT, nap(K, q, ITEMS) }
  end
  save(K, q)
  return out
end

-- --- Finishing ---------------------------------------------------------------------------------

local function take_dead(K, id)
  if call('ZREM', K[6], id) == 0 then return '0' end
  drop(K, { id })
  call('HDEL', K[5], id)
  return '1'
end

-- Finishes a message that was consumed, or else the oldest that any session holds.  Returns its id,
-- '' for a consumed one, or nil if there is none.
local function finish_any(K)
  if number_of(K, 'consumed') > 0 then
    call('HINCRBY', K[1], 'consumed', -1)
    return ''
  end
  local oldest, key
  for _, session in ipairs(call('SMEMBERS', K[12])) do
    local hand = prefix(K) .. 'o:' .. session
    for _, id in ipairs(call('HKEYS', hand)) do
      if not oldest or tonumber(id) < tonumber(oldest) then oldest, key = id, hand end
    end
  end
  if oldest then
    call('HDEL', key, oldest)
    drop(K, { oldest })
  end
  return oldest
end

-- number; how, id, delivery count of each -> a string of 1 (finished) and 0 (stale).
-- d: done; r: deliver it again; u: as if it had never been delivered; c: consumed, not done yet;
-- a: any message, whoever holds it; x: a dead letter was taken.
-- The same number again gives the same answer.
local function fin(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  local number, last = string.match(call('HGET', K[7], 'f' .. A[2]) or '0 ', '^(%d+) (.*)$')
  if tonumber(A[3]) == tonumber(number) then return last end
  if tonumber(A[3]) < tonumber(number) then return '' end

  local ids, answers, ended, dropped, done, back = {}, {}, {}, {}, 0, 0
  for i = 4, #A, 3 do ids[#ids + 1] = A[i + 1] end
  local hand = call('HMGET', K[3], unpack(ids))
  for i = 1, #ids do
    local how, id, n = A[3 * i + 1], ids[i], A[3 * i + 3]
    if how == 'x' then
      answers[i] = take_dead(K, id)
    elseif how == 'a' then
      local any = finish_any(K)
      answers[i] = any and '1' or '0'
      if any then done, ended[any] = done + 1, true end
    elseif ended[id] or not hand[i] or string.match(hand[i], '^%d+') ~= n then
      answers[i] = '0'
    else
      answers[i], ended[id] = '1', true
      ended[#ended + 1] = id
      if how == 'd' or how == 'c' then
        dropped[#dropped + 1] = id
        if how == 'd' then done = done + 1 else call('HINCRBY', K[1], 'consumed', 1) end
      else
        local buried = give_back(K, q, id, tonumber(n) - (how == 'u' and 1 or 0))
        done, back = done + buried, back + 1 - buried
      end
    end
  end
  if #ended > 0 then call('HDEL', K[3], unpack(ended)) end
  drop(K, dropped)
  if done > 0 then finished(K, q, done) end
  if back > 0 then wake(K, q, ITEMS, math.min(back, MAX_WAKE)) end
  local answer = table.concat(answers)
  call('HSET', K[7], 'f' .. A[2], A[3] .. ' ' .. answer)
  save(K, q)
  return answer
end

-- an id, or nothing for the oldest -> id, delivery count, tag byte and payload of a dead letter,
-- which stays
local function dead(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return { gone(K, A) } end
  local id = A[3] or call('ZRANGE', K[6], 0, 0)[1]
  if not id or not call('ZSCORE', K[6], id) then return { SHORT } end
  return { OK, id, call('HGET', K[5], id), call('HGET', K[2], id) }
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
  local ready = n_ready(K, q)
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
       and (bit ~= ITEMS or n_ready(K, q) > 0 or q.closed) then
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
  if not mine or string.match(mine, '^%d+') ~= A[4] then return SHORT end
  call('HSET', K[3], A[3], A[4] .. ' ' .. A[5])
  return OK
end

-- -> who, id, delivery count and progress of each
local function list(K, A)
  local q = load(K)
  local out = {}
  for _, session in ipairs(call('SMEMBERS', K[12])) do
    local who = call('HGET', K[7], 'i' .. session) or ''
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
  local new = { 'v', 1, 'in', inc, 'q', inc .. ' 0 0 0 0 0 0' }
  for i = 1, 5 do
    new[#new + 1] = SETTINGS[i]
    new[#new + 1] = A[i + 5] ~= '' and A[i + 5] or DEFAULTS[i]
  end
  if A[6] ~= 'joinable' and A[9] == '' then new[#new - 2] = '0' end
  call('HSET', K[1], unpack(new))
end

-- The session begins or comes back.  The incarnation that it knows ('': none), session, epoch,
-- who, whether to make the queue, then mode, size, cap, limit, grace ('': as it is, or default)
-- -> status, revision, incarnation, closed, last put, the five; id, delivery count of each in hand
local function hello(K, A)
  call = redis.call
  if call('EXISTS', K[1]) == 0 then
    if A[1] ~= '' or A[5] ~= '1' then return { gone(K, A), REVISION } end
    create(K, A)
  end
  local have = call('HMGET', K[1], 'v', 'in', 'q', unpack(SETTINGS))
  if have[1] ~= '1' then return { OLD, REVISION, have[1] or '' } end
  if A[1] ~= '' and A[1] ~= have[2] then return { gone(K, A), REVISION } end
  for i = 1, 5 do
    if A[i + 5] ~= '' and A[i + 5] ~= have[i + 3] then
      return { OTHER, REVISION, SETTINGS[i], have[i + 3] }
    end
  end
  local epoch = tonumber(call('HGET', K[7], 'e' .. A[2]) or '0')
  if tonumber(A[3]) <= epoch then return { LATE, REVISION } end
  call('HSET', K[7], 'e' .. A[2], A[3], 'i' .. A[2], now() .. ' ' .. A[4])

  local out = { OK, REVISION, have[2], string.sub(have[3], -1), call('HGET', K[7], 'p' .. A[2]) or '0',
                have[4], have[5], have[6], have[7], have[8] }
  local hand = call('HGETALL', K[3])
  for i = 1, #hand, 2 do
    out[#out + 1], out[#out + 2] = hand[i], string.match(hand[i + 1], '^%d+')
  end
  if #hand > 0 then enlist(K, have[2], A[2]) end
  return out
end

-- The session ends: what it has in hand is given back at once.
local function bye(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  release(K, q, A[2])
  forget(K, A[2])
  save(K, q)
  return OK
end

-- Drops what is queued; what an earlier call left to drop has to be gone.  Returns how many.
local function drop_queued(K, q)
  local n = q.tail - q.head
  if n > 0 then
    call('HSET', K[1], 'garbage', n, 'garbage_end', q.tail)
    q.head = q.tail
  end
  local back = call('ZRANGE', K[4], 0, -1)
  for i = 1, #back do
    drop(K, { back[i] })
    call('HDEL', K[5], back[i])
  end
  call('DEL', K[4])
  q.bytes, n = 0, n + #back
  if n > 0 then
    call('HINCRBY', K[1], 'dropped', n)
    finished(K, q, n)
  end
  return n
end

-- whether to drop what is queued -> how much is left to drop: to be called again until it is 0
local function shutdown(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return 0 end
  q.closed = true
  local left = A[3] == '1' and sweep(K) or 0
  if A[3] == '1' and left == 0 then drop_queued(K, q) end
  wake(K, q, ITEMS, math.huge)
  wake(K, q, ROOM, math.huge)
  wake(K, q, NEWS, math.huge)
  save(K, q)
  return left > 0 and left or sweep(K)
end

-- -> status, how many were dropped; SHORT: to be called again
local function clear(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return { gone(K, A), 0 } end
  if sweep(K) > 0 then return { SHORT, 0 } end
  local n = drop_queued(K, q)
  wake(K, q, ROOM, math.huge)
  save(K, q)
  sweep(K)
  return { OK, n }
end

-- What was finished or dropped before does not count any more.
local function batch(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  call('HSET', K[1], 'before', text(q.tail - q.unfinished), 'dropped', '0')
  wake(K, q, NEWS, math.huge)
  save(K, q)
  return OK
end

-- a cursor ('0' first) -> the next: forgets sessions that ended without a word long ago.
local function prune(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return '0' end
  local t = now()
  local page = call('HSCAN', K[7], A[3], 'MATCH', 'i*', 'COUNT', 500)
  for i = 1, #page[2], 2 do
    local session = string.sub(page[2][i], 2)
    if t - tonumber(string.match(page[2][i + 1], '^%d+')) > FORGET_AFTER
       and call('PUBSUB', 'SHARDNUMSUB', prefix(K) .. session)[2] == 0
       and call('SISMEMBER', K[12], session) == 0 then
      forget(K, session)
    end
  end
  return page[1]
end

-- Removes the queue; whoever has it open finds out when he is woken, or asks.
local function remove(K, A)
  local q = load(K)
  if q.inc ~= A[1] then return gone(K, A) end
  for bit in next, WAITERS do wake(K, q, bit, math.huge) end
  for _, session in ipairs(call('SMEMBERS', K[12])) do
    call('DEL', prefix(K) .. 'o:' .. session)
  end
  for _, id in ipairs(call('HKEYS', K[13])) do call('UNLINK', prefix(K) .. 'y:' .. id) end
  for i = 1, 13 do call('UNLINK', K[i]) end
  call('SET', prefix(K) .. 'z:' .. q.inc, '1', 'EX', TOMBSTONE_TTL)
  return OK
end

-- Only putting is refused when the server has no memory left: all else makes room.
redis.register_function('mp1_put', put)
local others = { 'mp1_unget', unget, 'mp1_get', get, 'mp1_fin', fin, 'mp1_dead', dead,
                 'mp1_state', state, 'mp1_leave', leave, 'mp1_progress', progress, 'mp1_list', list,
                 'mp1_hello', hello, 'mp1_bye', bye, 'mp1_shutdown', shutdown,
                 'mp1_clear', clear, 'mp1_batch', batch, 'mp1_prune', prune,
                 'mp1_remove', remove }
for i = 1, #others, 2 do
  redis.register_function{ function_name = others[i], callback = others[i + 1],
                           flags = { 'allow-oom' } }
end
