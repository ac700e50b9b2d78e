-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Finishing, and dead letters.

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
  if how == 'd' then
    batch.dropped[#batch.dropped + 1], batch.done = id, batch.done + 1
  elseif how == 'c' then
    batch.dropped[#batch.dropped + 1] = id
    add(K, q, 'consumed', 1)
  else
    batch.returned[#batch.returned + 1] = id
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

  local ids, n, answers, ended, dropped, done = {}, 0, {}, {}, {}, 0
  for i = 5, #A, 3 do n = n + 1; ids[n] = A[i] end
  local hand = call('HMGET', K[3], unpack(ids))
  local batch = { ended = ended, dropped = dropped, returned = {}, done = 0, back = 0 }
  for i = 1, n do
    local id, how, count = ids[i], A[3 * i + 1], A[3 * i + 3]
    -- The most frequent case first.
    if how == 'd' and hand[i] == count and not ended[id] then
      done = done + 1
      ended[id], dropped[#dropped + 1], answers[i] = true, id, '1'
    else
      answers[i] = finish(K, q, batch, how, id, count, hand[i]) and '1' or '0'
    end
  end
  batch.done = batch.done + done
  drop(K, q, dropped)
  if #dropped > 0 then later(q, 'HDEL', K[3], unpack(dropped)) end
  if #batch.returned > 0 then later(q, 'HDEL', K[3], unpack(batch.returned)) end
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

register('fin', fin)
register('dead', dead)
