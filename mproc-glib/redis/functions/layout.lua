#!lua name=mp1
-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- A queue of mproc-glib on a Redis or Valkey server: layout 1.  The files of this folder are parts
-- of one library, mp1.lua, in the order of meson.build.
--
-- All keys of a queue have one hash tag, mp1:{name}:x.  Every function gets them in this order:
--   1 c  hash: settings, counters, and      6 d  zset: dead letters, id by time of burial
--        what is known of sessions          7 i  zset: sessions that wait for items
--   2 m  hash: id -> tag byte and payload   8 r  zset: sessions that wait for room
--   3 o:session  hash: what the session     9 e  zset: sessions that wait for the end of all work
--        has in hand, id -> delivery       10 w  zset: sessions that wait for news
--        count and progress                11 h  set: sessions that may have something in hand
--   4 b  zset: given back, id by age       12 x  hash: id -> size of each large payload
--   5 n  hash: id -> deliveries so far
--        of what is in 4 and 6
-- and first among the arguments the incarnation and the session.
--
-- A large payload is not passed to a function, since Lua hashes each byte of a string: its producer
-- sets a key t:something that expires, mp1_put renames it to y:id, and a consumer fetches that key.
-- The entry of such a message is the tag byte with LARGE added, the size and, for a put, the name of
-- the key.
--
-- The queued messages are the range of ids after head up to tail, and those that were given back.
-- A session lives as long as a connection subscribes to its channel.  There it gets the condition for
-- which it has waited, as a number; or an offer, see offer: the letter m, the id, the time in ms and
-- the entry of a message that it has in hand by then.  After mp1_remove the key
-- z:incarnation tells its users, for a day, that the queue was removed.
--
-- The hash c contains, besides the settings: q, the counters, see save; for each session the number
-- of its last put (p), number and answer of its last finish (f), the epoch of its link (e), and when
-- and who it was (i); run, the server process that has settled the queue; turn, which orders those
-- that wait and dead letters; front, how many messages were put ahead of all; consumed and lost;
-- dropped and before, of the present batch; garbage and garbage_end, what is left to drop.
--
-- A server that is killed may leave the first part of a function's effects in its append-only file,
-- and carry it out when it starts for the second time, before all that was done after the first
-- start.  Therefore each function commits what it does by one command, the HSET of save.  What it
-- writes before that is ignored without it, or overwritten when the function is called again, and
-- what it removes after that is ignored once it is there.  And the first session that comes after a
-- start of the server settles the queue, see there.

local REVISION = 3
local OK, SHORT, CLOSED, GONE, NOT_FIT, OTHER, OLD, LATE, MISSING, GAP = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9
local LARGE = 128
local ITEMS, ROOM, DONE, NEWS = 1, 2, 4, 8
local WAITERS = { [ITEMS] = 7, [ROOM] = 8, [DONE] = 9, [NEWS] = 10 }
local HOLDERS, SIZES = 11, 12

local REAP_EVERY = 200          -- ms between looks who died, for each queue
local RESTART_GRACE = 60000     -- ms for sessions that this server process has not seen yet
local LONGEST_NAP = 300000      -- ms
local MAX_WAKE = 64
local OFFER_LOOKS = 6           -- looks after which an offer that nobody has taken is withdrawn
local DROP_AT_ONCE = 5000
local FORGET_AFTER = 604800000  -- ms after which a session that never said goodbye is forgotten,
local ABSENT_AFTER = 3600000    -- of these so many while this server process has missed it
local SESSION = '^e(................)$'
local TOMBSTONE_TTL = 86400     -- s

-- Neither redis.call nor string exist yet while a library is loaded.
local call, format, match, byte

local function prepare()
  call, format, match, byte = redis.call, string.format, string.match, string.byte
end

-- What names this server process in the hash c.
local run

-- What only this server process knows, for each incarnation: when it last looked, which sessions it
-- saw, since when it misses one, and which offers were not taken yet.  A restart or a failover
-- forgets it, and so gives everybody the time to come back.
local seen = {}

local function memory(inc)
  local mine = seen[inc]
  if not mine then
    mine = { at = -REAP_EVERY, known = {}, missing = {}, absent = {}, turn = {}, offers = {} }
    seen[inc] = mine
  end
  return mine
end

local function now()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Only putting is refused when the server has no memory left: all else makes room.
local function register(name, callback)
  redis.register_function{ function_name = 'mp1_' .. name, callback = callback,
                           flags = name == 'put' and {} or { 'allow-oom' } }
end
