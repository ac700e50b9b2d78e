-- SPDX-License-Identifier: LGPL-2.1-or-later
-- What sessions have in hand, and the sessions that end without a word.

local function finished(K, q, n)
  q.unfinished = q.unfinished - n
  if q.waits == 0 then return end
  wake(K, q, NEWS, math.huge)
  if q.unfinished <= 0 then wake(K, q, DONE, math.huge) end
  if q.closed then wake(K, q, ITEMS, math.huge) end
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

-- The session may have something in hand from now on.
local function enlist(K, inc, session)
  call('SADD', K[HOLDERS], session)
  memory(inc).known[session] = true
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
      if call('HLEN', prefix(K) .. 'o:' .. session) > 0 then
        mine.due = math.min(mine.due or grace, since + grace - t)
      end
    end
  end
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

-- A sleeping session that was offered a message may not react to it: its process was stopped, or
-- does other work.  Counts looks, not time, since the server itself may have been stopped.  A
-- session that is missing keeps it, as all that it has, for its grace.
local function withdraw_offers(K, q, mine)
  for id, offer in next, mine.offers do
    offer.looks = offer.looks + 1
    if offer.looks < OFFER_LOOKS then
      mine.due = math.min(mine.due or 2 * REAP_EVERY, 2 * REAP_EVERY)
    else
      mine.offers[id] = nil
      local channel, hand = prefix(K) .. offer.session, prefix(K) .. 'o:' .. offer.session
      if call('HGET', hand, id) == '1' and call('PUBSUB', 'SHARDNUMSUB', channel)[2] > 0 then
        if give_back(K, q, id, 0) > 0 then finished(K, q, 1) else wake(K, q, ITEMS, 1) end
        later(q, 'HDEL', hand, id)
      end
    end
  end
end

-- Looks whose connection is gone, and gives back what they had.  Returns the time.
local function reap(K, q)
  local t = now()
  local mine = memory(q.inc)
  if mine.at <= t and t - mine.at < REAP_EVERY then return t end
  mine.at, mine.due = t, nil
  local sessions = call('SMEMBERS', K[HOLDERS])
  for from = 1, #sessions, 500 do
    look_at(K, q, t, mine, sessions, from, math.min(from + 499, #sessions))
  end
  withdraw_offers(K, q, mine)
  for bit in next, WAITERS do thin(K, q, mine, bit) end
  sweep(K, q)
  return t
end
