-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Dropping messages, batches, and the end of a queue.

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

register('shutdown', shutdown)
register('clear', clear)
register('batch', batch)
register('remove', remove)
