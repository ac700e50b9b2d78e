-- SPDX-License-Identifier: LGPL-2.1-or-later
-- Sessions that wait, and waking them.

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

-- takes_offers: whether it may be given a message with the wake-up; then its turn ends in .5.
local function await(K, q, bit, session, takes_offers)
  if not has(q, bit) then q.waits = q.waits + bit end
  local turn = call('HINCRBY', K[1], 'turn', 1)
  call('ZADD', K[WAITERS[bit]], 'NX', text(turn) .. (takes_offers and '.5' or ''), session)
end

-- How long a sleeper may sleep before it looks by itself: all of them together look about as
-- often as one would, however many they are.  While something is due, such as the end of the grace
-- of a missing session that holds messages, one of them looks more often; when it does not come,
-- the next that looks takes its place.
local function nap(K, q, bit, session)
  local n = call('ZCARD', K[WAITERS[bit]])
  local usual = math.min(math.max(n * 250, 1000), LONGEST_NAP)
  local mine = memory(q.inc)
  if not mine.due then return usual end
  local t = now()
  local early = math.min(usual, math.max(mine.due / 2, 50))
  if mine.scout ~= session and mine.scout_at and t < mine.scout_at
     and mine.scout_at < t + LONGEST_NAP then
    return usual
  end
  mine.scout, mine.scout_at = session, t + 2 * early
  return early
end
