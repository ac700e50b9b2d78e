/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "layout.h"

#include "base/mp-fork.h"

#include <sys/types.h>
#include <time.h>

G_BEGIN_DECLS

typedef struct _MpMemory MpMemory;

typedef enum
{
  MP_LOCK_HEAD,
  MP_LOCK_TAIL,
  MP_LOCK_ARENA,
  MP_N_LOCKS,
} MpLockId;

/* A process's handle on the shared memory of one queue: the mapping, a checked copy of
 * the config, and who this process is in there. */
struct _MpMemory
{
  guint8 *base;
  guint64 mapped_size;
  int     fd;
  int     bell_fd; /* the eventfd that wakes main loops: written, never read */

  MpConfig     config;
  MpTailLine  *tail;
  MpHeadLine  *head;
  MpStateLine *state;
  MpWaits     *waits[MP_N_CONDITIONS];
  MpArenaLine *arena;
  guint32     *locks[MP_N_LOCKS];
  MpLeaseMap  *lease_map;
  guint8      *units;
  MpUnitLink  *links;
  guint64      arena_offset;

  /* Which file and which kind of bell the descriptors are of: a program that closes all its
   * descriptors closes ours, and opens others under their numbers. */
  dev_t   device, bell_device;
  ino_t   inode, bell_inode;
  guint32 is_lost; /* they are ours no more */

  /* How much of the file is known to be there; what lies behind raises SIGBUS. */
  guint64 known_size;

  /* This handle as a participant.  live_fd is a description of the file of our own, whose
   * record lock tells the others that we live. */
  int      live_fd;
  gpointer anchor; /* a page of that description, which keeps it when the descriptor is closed */
  guint32  participant;
  guint32  lock_word;        /* what locks hold while they are ours, before any was taken away */
  guint32  held[MP_N_LOCKS]; /* what those that are ours hold */
  guint32  intents_used;     /* bits of the participant's intents that threads here use */
  guint32  intents_due;      /* those of them that only wait for the lock to be dropped */
  guint32  fork_count;       /* of the process that attached: differs in a forked child */
  guint32  recovering;       /* a thread of ours is the recoverer */
  gint64   looked_at;        /* when we last looked who died, in coarse monotonic nanoseconds */
  guint32  must_trim;        /* much of the arena is free, and the system does not know */
  guint32  found_dead;       /* a lock was taken from a dead owner: recover soon */
  GMutex   attach_mutex;

  /* What a thread of ours that watches sleeps on: see watcher.h. */
  int     watch_fd; /* an epoll descriptor of the bell and of death_fd */
  int     death_fd;
  guint32 watching; /* a thread uses them */

  MpForkHook fork_hook;

  /* The lock that could not be taken last; and of each by whom it was then held, since when,
   * and when last, in monotonic time. */
  guint32 blocked_on;
  guint32 blocked_word[MP_N_LOCKS];
  gint64  blocked_since[MP_N_LOCKS];
  gint64  blocked_at[MP_N_LOCKS];

  /* Of each lock the word of an owner that did not say that it has it, and since when. */
  guint32 silent_word[MP_N_LOCKS];
  gint64  silent_since[MP_N_LOCKS];

  /* Called in a forked child before it uses the handle: forgets what is the parent's. */
  void (*renew) (MpMemory *self);

  /* How the state that each lock guards is repaired when its owner died. */
  void (*repair[MP_N_LOCKS]) (MpMemory *self);
};

gboolean mp_memory_create (MpMemory       *self,
                           const MpConfig *config,
                           GError        **error);
gboolean mp_memory_open (MpMemory *self,
                         int       fd,
                         int       bell_fd,
                         GError  **error);
void     mp_memory_close (MpMemory *self);

/* Whether the descriptors are still ours, which is asked before anything is done with them
 * that could harm others, or believed that could.  If not the handle is of no use from now on. */
gboolean mp_memory_owns_descriptors (MpMemory *self);

gboolean mp_memory_extend_known_size (MpMemory *self,
                                      guint64   end);
/* Makes the file at least that long.  FALSE with errno when it cannot be. */
gboolean mp_memory_extend (MpMemory *self,
                           guint64   size);
/* Has the system provide memory for a part of the file, which may lie within pages that have
 * it.  Where there is none, FALSE with errno, and not SIGBUS for who touches it. */
gboolean mp_memory_back (MpMemory *self,
                         guint64   offset,
                         guint64   size);

static inline gpointer
mp_memory_at (MpMemory *self,
              guint64   offset)
{
  return self->base + offset;
}

static inline guint64 *
mp_memory_word_at (MpMemory *self,
                   guint64   offset)
{
  return (guint64 *) (gpointer) (self->base + offset);
}

static inline guint64
mp_memory_offset_of (MpMemory     *self,
                     gconstpointer place)
{
  return (guint64) ((const guint8 *) place - self->base);
}

/* Whether the bytes are within the arena and within the file. */
static inline gboolean
mp_memory_contains (MpMemory *self,
                    guint64   offset,
                    guint64   size)
{
  if (G_UNLIKELY (offset < self->arena_offset || offset > self->mapped_size ||
                  size > self->mapped_size - offset))
    return FALSE;

  return G_LIKELY (offset + size <= mp_load (&self->known_size)) ||
         mp_memory_extend_known_size (self, offset + size);
}

static inline MpParticipant *
mp_memory_participant (MpMemory *self,
                       guint     index)
{
  return mp_memory_at (self, MP_OFFSET_PARTICIPANTS + (guint64) index * MP_CACHE_LINE);
}

static inline MpWaiter *
mp_memory_waiter (MpMemory *self,
                  guint     index)
{
  return mp_memory_at (self, MP_OFFSET_WAITERS + (guint64) index * 64);
}

static inline MpLease *
mp_memory_lease (MpMemory *self,
                 guint     index)
{
  return mp_memory_at (self, MP_OFFSET_LEASES + (guint64) index * MP_CACHE_LINE);
}

/* A count that one thread at a time changes, under a lock, and others read at any time. */
static inline void
mp_memory_add_to (guint64 *count,
                  guint64  n)
{
  mp_store (count, mp_load (count) + n);
}

/* Cheap, and a few milliseconds late. */
static inline gint64
mp_coarse_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* Says for every process that a check failed; unless it was ours alone that did. */
static inline void
mp_memory_set_damaged (MpMemory *self)
{
  if (G_LIKELY (mp_memory_owns_descriptors (self)))
    mp_store (&self->state->damaged, 1);
}

G_END_DECLS
