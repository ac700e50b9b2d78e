-- SPDX-License-Identifier: LGPL-2.1-or-later
-- The beginning and the end of a session.

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
  for id, offer in next, memory(q.inc).offers do
    if offer.session == A[2] then memory(q.inc).offers[id] = nil end
  end

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

register('hello', hello)
register('bye', bye)
