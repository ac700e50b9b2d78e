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
