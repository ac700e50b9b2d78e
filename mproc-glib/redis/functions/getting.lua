-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Getting.

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
  local out, hand, filled, at = { OK, 0 }, {}, 0, 2
  local payloads = call('HMGET', K[2], unpack(ids))
  for i = 1, #ids do
    local id, entry = ids[i], payloads[i]
    if not entry then
      skip(K, q, id, i <= n_back)
    else
      local size, n = #entry - 1, 1
      if byte(entry) >= LARGE then size = size_of(entry) end
      if fit >= 0 and size > fit and filled == 0 then return { NOT_FIT, size }, 0 end
      if fit >= 0 and size > fit or filled > 0 and size > left then break end
      if i <= n_back then
        n = tonumber(call('HGET', K[5], id) or '0') + 1
        take_back(K, q, id)
      else
        q.head = q.head + 1
      end
      left, q.bytes = left - size, q.bytes - size
      out[at + 1], out[at + 2], out[at + 3], at = id, n, entry, at + 3
      hand[filled + 1], hand[filled + 2], filled = id, n == 1 and '1' or text(n), filled + 2
    end
  end
  if filled == 0 then return { SHORT, 0 }, 0 end
  call('HSET', K[3], unpack(hand))
  return out, filled / 2
end

-- epoch, count, bytes of all, bytes of each (-1: any), whether to wait, whether it is the first
-- get of this epoch, whether it takes offers -> status, how much is left or how long to nap; the
-- time, or id, delivery count, tag byte and payload of each
local function get(K, A)
  local q, epoch = load(K, 'e' .. A[2])
  if q.inc ~= A[1] then return { gone(K, A), 0 } end
  if epoch ~= A[3] then return { LATE, 0 } end
  if A[8] == '1' then enlist(K, q.inc, A[2]) end
  local t = reap(K, q)

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
    if A[7] == '1' then await(K, q, ITEMS, A[2], A[9] == '1') end
    out = { SHORT, nap(K, q, ITEMS, A[2]), t }
  end
  save(K, q)
  return out
end

-- id: the session has got that offer.
local function took(K, A)
  local offers = memory(A[1]).offers
  if offers[A[3]] and offers[A[3]].session == A[2] then offers[A[3]] = nil end
  return OK
end

register('get', get)
register('took', took)
