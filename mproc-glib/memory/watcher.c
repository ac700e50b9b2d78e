/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "watcher.h"

#include "waiters.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define N_OF_EACH_KIND (MP_N_WATCHERS / 2)

/* How often the first watcher checks for deaths, and how often all other waiters together do.  The
 * others check more often at first, when some began to wait before most of them: in the first
 * minute about twice as often. */
#define FIRST_TICK_US  (4 * G_GINT64_CONSTANT (1000000))
#define OTHERS_TICK_US (4 * G_GINT64_CONSTANT (1000000))

/* A check costs a system call for each participant, and each call takes longer the more
 * participants there are: from this number of waiters on, checks become less frequent. */
#define MANY_WAITERS 1024

/* A watcher occupies a seat: a word of MpStateLine.watchers, which names its slot. */
static guint32 *
seat_of (MpMemory *memory,
         guint     index)
{
  return &memory->state->watchers[index];
}

/* A seat counts as taken only if the waiter it names refers back to it: the waiter may have been
 * killed, or the word may have been corrupted. */
static gboolean
is_taken (MpMemory *memory,
          guint     index)
{
  guint32   seat = mp_load (seat_of (memory, index));
  MpWaiter *waiter;

  if (seat == 0 || seat > MP_N_WAITERS)
    return FALSE;

  waiter = mp_memory_waiter (memory, seat - 1);
  return mp_load (&waiter->owner) != 0 && mp_load (&waiter->watches) == index + 1;
}

gboolean
mp_watcher_is_wanted (MpMemory     *memory,
                      MpWatcherKind kind)
{
  for (guint i = 0; i < N_OF_EACH_KIND; i++)
    if (!is_taken (memory, kind * N_OF_EACH_KIND + i))
      return TRUE;
  return FALSE;
}

gboolean
mp_watcher_is_there (MpMemory     *memory,
                     MpWatcherKind kind)
{
  for (guint i = 0; i < N_OF_EACH_KIND; i++)
    if (is_taken (memory, kind * N_OF_EACH_KIND + i))
      return TRUE;
  return FALSE;
}

gboolean
mp_watcher_begin (MpMemory     *memory,
                  MpWatcherKind kind,
                  guint         slot)
{
  MpWaiter *waiter = mp_memory_waiter (memory, slot);

  for (guint i = 0; i < N_OF_EACH_KIND; i++)
    {
      guint   index = kind * N_OF_EACH_KIND + i;
      guint32 seat = mp_load (seat_of (memory, index));

      if (is_taken (memory, index))
        continue;
      mp_store (&waiter->watches, index + 1);
      if (__atomic_compare_exchange_n (seat_of (memory, index), &seat, slot + 1, FALSE,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return TRUE;
    }

  mp_store (&waiter->watches, 0);
  return FALSE;
}

void
mp_watcher_end (MpMemory *memory,
                guint     slot)
{
  MpWaiter *waiter = mp_memory_waiter (memory, slot);
  guint32   index = mp_load (&waiter->watches) - 1;
  guint32   seat = slot + 1;

  mp_store (&waiter->watches, 0);
  if (index < MP_N_WATCHERS)
    __atomic_compare_exchange_n (seat_of (memory, index), &seat, 0, FALSE, __ATOMIC_SEQ_CST,
                                 __ATOMIC_RELAXED);
}

void
mp_watcher_end_all (MpMemory *memory)
{
  gboolean any = FALSE;

  for (guint i = 0; i < MP_N_WATCHERS; i++)
    if (is_taken (memory, i))
      {
        guint slot = mp_load (seat_of (memory, i)) - 1;

        if (slot >= MP_N_WAITERS ||
            mp_load (&mp_memory_waiter (memory, slot)->owner) != memory->participant + 1)
          continue;
        mp_watcher_end (memory, slot);
        any = TRUE;
      }
  if (any)
    mp_waiters_nudge (memory);
}

/* A pseudo-random number below @limit that differs between waiters.  It need not be secure. */
static gint64
choose_below (gint64 limit,
              guint  slot)
{
  guint64 number = (guint64) g_get_monotonic_time () ^ (guint64) slot << 40;

  number = (number ^ number >> 33) * G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
  number = (number ^ number >> 33) * G_GUINT64_CONSTANT (0xc4ceb9fe1a85ec53);
  return (gint64) ((number ^ number >> 33) % (guint64) limit);
}

static gboolean
is_first (MpMemory *memory,
          guint     slot)
{
  guint first = 0;

  while (first < MP_N_WATCHERS && !is_taken (memory, first))
    first++;
  return first < MP_N_WATCHERS && mp_load (seat_of (memory, first)) == slot + 1;
}

gboolean
mp_watcher_hear (MpMemory       *memory,
                 guint           slot,
                 MpWatcherAlarm *alarm)
{
  *alarm = (MpWatcherAlarm){ mp_coarse_now (), !is_first (memory, slot) };
  return !alarm->defers;
}

gboolean
mp_watcher_hear_later (MpMemory       *memory,
                       MpWatcherAlarm *alarm)
{
  gboolean looks = !alarm->defers || mp_load (&memory->state->looked_at) < alarm->heard_at;

  alarm->heard_at = 0;
  return looks;
}

gint64
mp_watcher_choose_tick (MpMemory *memory,
                        guint     slot)
{
  gint64 n = mp_waiters_count (memory);
  gint64 rarer = 1 + n / MANY_WAITERS;

  if (is_first (memory, slot))
    return FIRST_TICK_US * rarer;

  /* On average, each of the n waiters checks once in n intervals. */
  return OTHERS_TICK_US / 10 + choose_below (2 * MAX (n, 1) * rarer * OTHERS_TICK_US, slot);
}

int
mp_watcher_open_deaths (MpMemory *memory)
{
  char path[64];
  int  fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", memory->fd);
  if (fd != -1 && inotify_add_watch (fd, path, IN_CLOSE_WRITE) != -1)
    return fd;

  if (fd != -1)
    close (fd);
  return -1;
}

void
mp_watcher_drain (int fd)
{
  char buffer[1024];

  while (read (fd, buffer, sizeof buffer) == sizeof buffer)
    ;
}

/* --- The descriptors of a handle ----------------------------------------------------------- */

/* Whether the entry belongs to no handle, or to one that has left or died. */
static gboolean
is_vacant (MpMemory *memory,
           guint32   entry)
{
  return entry == 0 || entry > MP_N_PARTICIPANTS ||
         mp_load (&mp_memory_participant (memory, entry - 1)->state) != MP_SLOT_USED;
}

static gboolean
replace_entry (MpMemory *memory,
               guint     index,
               guint32   seen,
               guint32   entry)
{
  return __atomic_compare_exchange_n (&memory->state->watching_handles[index], &seen, entry, FALSE,
                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static gboolean
claim_entry (MpMemory *memory,
             gboolean  insists)
{
  const guint32  own = memory->participant + 1;
  const guint32 *entries = memory->state->watching_handles;

  for (guint i = 0; i < MP_N_WATCHING_HANDLES; i++)
    if (mp_load (&entries[i]) == own)
      return TRUE;
  for (guint i = 0; i < MP_N_WATCHING_HANDLES; i++)
    {
      guint32 seen = mp_load (&entries[i]);

      if (is_vacant (memory, seen) && replace_entry (memory, i, seen, own))
        return TRUE;
    }
  /* The other one closes its descriptors when it has slept long. */
  if (insists)
    mp_store (&memory->state->watching_handles[own % MP_N_WATCHING_HANDLES], own);
  return insists;
}

static void
release_entry (MpMemory *memory)
{
  for (guint i = 0; i < MP_N_WATCHING_HANDLES; i++)
    replace_entry (memory, i, memory->participant + 1, 0);
}

static gboolean
add (int     epoll_fd,
     int     fd,
     guint32 events)
{
  struct epoll_event event = { .events = events, .data.fd = fd };

  return epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void
close_both (MpMemory *memory)
{
  gboolean is_ours = mp_memory_owns_descriptors (memory);

  if (is_ours && memory->death_fd != -1)
    close (memory->death_fd);
  if (is_ours && memory->watch_fd != -1)
    close (memory->watch_fd);
  memory->death_fd = -1;
  mp_store (&memory->watch_fd, -1);
}

/* Forks are blocked meanwhile, so that a child knows all the descriptors that it has to close. */
gboolean
mp_watcher_open (MpMemory *memory,
                 gboolean  insists)
{
  gboolean opened;

  if (memory->watch_fd != -1)
    return TRUE;
  if (!claim_entry (memory, insists))
    return FALSE;

  mp_fork_block ();
  memory->death_fd = mp_watcher_open_deaths (memory);
  mp_store (&memory->watch_fd, epoll_create1 (EPOLL_CLOEXEC));
  opened = memory->death_fd != -1 && memory->watch_fd != -1 &&
           add (memory->watch_fd, memory->bell_fd, EPOLLIN | EPOLLET) &&
           add (memory->watch_fd, memory->death_fd, EPOLLIN);
  if (!opened)
    close_both (memory);
  mp_fork_unblock ();
  if (!opened)
    release_entry (memory);
  return opened;
}

gboolean
mp_watcher_clear (MpMemory *memory,
                  gboolean *died)
{
  struct epoll_event events[2];
  int                n;

  *died = FALSE;
  if (!mp_memory_owns_descriptors (memory))
    return FALSE;
  n = epoll_wait (memory->watch_fd, events, G_N_ELEMENTS (events), 0);
  for (int i = 0; i < n; i++)
    *died |= events[i].data.fd == memory->death_fd;
  if (*died)
    mp_watcher_drain (memory->death_fd);
  return n > 0;
}

gboolean
mp_watcher_claim_handle (MpMemory *memory)
{
  guint32 unused = 0;

  return mp_load (&memory->watching) == 0 &&
         __atomic_compare_exchange_n (&memory->watching, &unused, 1, FALSE, __ATOMIC_ACQUIRE,
                                      __ATOMIC_RELAXED);
}

void
mp_watcher_release_handle (MpMemory *memory)
{
  mp_store_release (&memory->watching, 0);
}

void
mp_watcher_close (MpMemory *memory)
{
  if (mp_load (&memory->watch_fd) == -1 || !mp_watcher_claim_handle (memory))
    return;

  mp_fork_block ();
  close_both (memory);
  mp_fork_unblock ();
  if (mp_load (&memory->is_attached))
    release_entry (memory);
  mp_watcher_release_handle (memory);
}
