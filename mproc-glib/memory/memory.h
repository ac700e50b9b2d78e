/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "layout.h"

#include "base/mp-fd-identity.h"
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

/* A process's handle on the shared memory of one queue: the mapping, a checked copy of the config,
 * and its slot among the participants. */
struct _MpMemory
{
  guint8 *base;
  guint64 mapped_size;
  int     fd;      /* an open file description of this handle alone, see liveness.c */
  int     bell_fd; /* the pipe that wakes main loops, see bell-pipe.h */

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

  MpFdIdentity identity, bell_identity; /* of the descriptors */
  guint32      is_lost;                 /* they refer to other files now */

  /* Why a forked child could not open the file again, or 0. */
  int fork_errno;

  /* The known size of the file; touching memory behind its end raises SIGBUS. */
  guint64 known_size;

  /* The handle's identity as a participant. */
  guint32  is_attached;
  gpointer anchor; /* a mapped page that keeps the description of `fd` open */
  guint32  participant;
  guint32  lock_word;        /* the word of locks that it holds, before any was taken away */
  guint32  held[MP_N_LOCKS]; /* the words with which it took the locks */
  guint32  intents_used;     /* a bit for each of the participant's intents in use */
  guint32  intents_due;      /* a bit for each intent to be freed under the lock */
  guint32  fork_count;       /* mp_fork_count at the attach: differs in a forked child */
  guint32  recovering;       /* a thread of this handle is the recoverer */
  gint64   looked_at;        /* time of the last check for deaths, coarse monotonic ns */
  guint32  must_trim;        /* memory should be returned to the system */
  guint32  largest_freed;    /* the largest order of a block that this handle has freed */
  guint32  must_prepare;     /* memory should be requested from the system */
  guint32  found_dead;       /* a lock was taken from a dead owner: recover soon */
  guint32  found_damage;     /* sleepers are to be woken soon since damage was found */
  GMutex   attach_mutex;

  /* The descriptors that a sleeping watcher thread polls: see watcher.h. */
  int     watch_fd; /* epoll instance with bell_fd and death_fd */
  int     death_fd;
  guint32 watching; /* whether a thread uses them */

  MpForkHook fork_hook;

  /* The lock that could not be taken last.  For each lock: the word that its holder had then, and
   * since when and when last it was observed, in monotonic time. */
  guint32 blocked_on;
  guint32 blocked_word[MP_N_LOCKS];
  gint64  blocked_since[MP_N_LOCKS];
  gint64  blocked_at[MP_N_LOCKS];

  /* For each lock: the word of an owner that has not announced it, and since when. */
  guint32 silent_word[MP_N_LOCKS];
  gint64  silent_since[MP_N_LOCKS];

  /* Called in a forked child before it first uses the handle: drops state that belongs to the
   * parent. */
  void (*renew) (MpMemory *self);

  /* Repairs the state that each lock guards after its holder died. */
  void (*repair[MP_N_LOCKS]) (MpMemory *self);
};

void     mp_memory_init (MpMemory *self);
gboolean mp_memory_create (MpMemory       *self,
                           const MpConfig *config,
                           GError        **error);
gboolean mp_memory_create_in (MpMemory       *self,
                              int             folder,
                              const MpConfig *config,
                              GError        **error);
gboolean mp_memory_open (MpMemory *self,
                         int       fd,
                         int       bell_fd,
                         GError  **error);
void     mp_memory_close (MpMemory *self);
gboolean mp_memory_look_at_config (int       fd,
                                   MpConfig *config,
                                   guint64  *file_size,
                                   GError  **error);
gboolean mp_memory_read_config (int       fd,
                                MpConfig *config,
                                guint64  *file_size,
                                GError  **error);

/* Whether the descriptors still refer to the files that the library opened.  Checked before any
 * operation on them that could harm other files or whose result is trusted.  Once it has failed,
 * the handle cannot be used any more. */
gboolean mp_memory_owns_descriptors (MpMemory *self);

gboolean mp_memory_extend_known_size (MpMemory *self,
                                      guint64   end);
/* Extends the file to at least @size bytes.  Returns FALSE with errno set on failure. */
gboolean mp_memory_extend (MpMemory *self,
                           guint64   size);
/* Allocates memory for a range of the file, parts of which may have memory already.  If the system
 * has none, returns FALSE with errno set, whereas touching the range would raise SIGBUS. */
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

/* Whether the range lies within the arena and within the file. */
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

/* Payload bytes that are queued. */
static inline guint64
mp_memory_count_bytes (MpMemory *self)
{
  guint64 taken = mp_load_acquire (&self->head->n_bytes);
  guint64 put = mp_load_acquire (&self->tail->n_bytes);

  return (gint64) (put - taken) > 0 ? put - taken : 0;
}

/* Cheap, but up to a few milliseconds behind. */
static inline gint64
mp_coarse_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* Marks the queue as damaged for every process, unless the check failed only because this process
 * has lost its descriptors. */
static inline void
mp_memory_set_damaged (MpMemory *self)
{
  if (G_UNLIKELY (!mp_memory_owns_descriptors (self)))
    return;
  mp_store (&self->state->damaged, 1);
  mp_store (&self->found_damage, 1);
}

G_END_DECLS
