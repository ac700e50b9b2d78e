-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Putting.  Commands that came by a link that the session has given up are refused: one may be
-- carried out after the hello of the next link, when the numbers have another meaning.

-- Writes what comes to be put as long as there is room for it.  Returns how many of the n are stored
-- then, for how many more there is room, and whether a large payload is missing.
local function append(K, q, A, stored, n, room)
  local id, bytes, cap, fresh, filled, missing = q.tail, q.bytes, q.cap, {}, 0, false
  for i = stored + 1, math.min(n, stored + room) do
    local entry, name, size = A[i + 5], format('%d', id + 1)
    if byte(entry) < LARGE then size = #entry - 1 else size = size_of(entry) end
    if bytes + size > cap then break end
    if byte(entry) >= LARGE then
      entry = adopt(K, q, name, entry)
      if not entry then missing = true; break end
    end
    id, bytes, filled = id + 1, bytes + size, filled + 2
    fresh[filled - 1], fresh[filled] = name, entry
    if filled >= 512 then call('HSET', K[2], unpack(fresh)); fresh, filled = {}, 0 end
  end
  stored, room = stored + id - q.tail, room - (id - q.tail)
  if filled > 0 then call('HSET', K[2], unpack(fresh)) end
  q.tail, q.bytes = id, bytes
  return stored, room, missing
end

-- Moves the message that was put last, and behind which there is no other, into the hand of the
-- session whose turn it is, and sends it along with the wake-up: it saves that session the way of a
-- get.  Who does not take offers is only woken.
local function offer(K, q, entry)
  while true do
    local first = call('ZPOPMIN', K[WAITERS[ITEMS]])
    local session, takes = first[1], first[2] and match(first[2], '%.5$')
    if not session then q.waits = q.waits - ITEMS; return end
    local id = text(q.tail)
    local word = takes and 'm' .. id .. ' ' .. text(now()) .. ' ' .. entry or text(ITEMS)
    if call('SPUBLISH', prefix(K) .. session, word) > 0 then
      if not takes then return end
      call('HSET', prefix(K) .. 'o:' .. session, id, '1')
      enlist(K, q.inc, session)
      memory(q.inc).offers[id] = { session = session, looks = 0 }
      q.head, q.bytes = q.tail, q.bytes - size_of(entry)
      return
    end
  end
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
      if n_ready(q) == 1 and has(q, ITEMS) and byte(A[stored + 5]) < LARGE then
        offer(K, q, A[stored + 5])
      else
        wake(K, q, ITEMS, math.min(stored - before, MAX_WAKE))
      end
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

register('put', put)
register('unget', unget)
