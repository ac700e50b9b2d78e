-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Looking, and waiting for more than messages.

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
      sleep = math.min(sleep, nap(K, q, bit, A[2]))
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

register('state', state)
register('leave', leave)
register('progress', progress)
register('list', list)
