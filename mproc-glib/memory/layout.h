/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "queue-backend.h"

G_BEGIN_DECLS

/* The layout of the shared memory of a queue.
 *
 *   config        immutable; checked and copied when a process attaches
 *   lines         tail (producers), head (consumers), waits, arena: a cache line pair each
 *   participants  one for each handle on the queue, in whatever process
 *   waiters       one for each blocked thread and each armed main loop
 *   leases        messages that consumers hold
 *   lease map     which of them are used
 *   units         one state byte for each 4 KiB of the arena
 *   links         the lists through the units, and which of their cells are free
 *   arena         record segments and payload blocks
 *
 * The file is sparse up to the arena: pages that were never touched use no memory.  Offsets count
 * from the start of the file.  A hostile process may have written any of it, so each value is read
 * once, into a local variable, and checked before it is used. */

#define MP_LAYOUT_MAGIC   G_GUINT64_CONSTANT (0x0a316575515f504d) /* "MP_Queu1\n", little-endian */
#define MP_LAYOUT_RELEASE 2

#define MP_CACHE_LINE     128
#define MP_N_PARTICIPANTS 4096
#define MP_N_WAITERS      4096
#define MP_N_LEASES       (1024 * 1024)
#define MP_N_INTENTS      8
#define MP_N_ORDERS       28
#define MP_N_CELL_SIZES   4

#define MP_UNIT_SIZE     4096
#define MP_SEGMENT_ORDER 4
#define MP_SEGMENT_SIZE  (MP_UNIT_SIZE << MP_SEGMENT_ORDER)
#define MP_INLINE_LIMIT  2048

/* Offsets of the kernel's record locks that show which participants are alive, far behind any data.
 * The one behind the participants' is that of the recoverer. */
#define MP_LIVENESS_BASE (G_GINT64_CONSTANT (1) << 62)
#define MP_RECOVERER     MP_N_PARTICIPANTS

typedef struct
{
  guint64 magic; /* stored last, by the creator */
  guint32 release;
  guint32 mode;
  guint32 max_size;
  guint32 max_deliveries;
  guint64 max_bytes;
  guint64 n_units_cap;
  guint64 layout_check; /* offset of the arena, which depends on all constants above */

  /* For observers (queue-observer.h) and for processes that open it by /proc. */
  guint64 bell_id;    /* of the pipe, see bell-pipe.h; 0 if it is an eventfd */
  gint64  created_at; /* microseconds of real time */
  gint64  creator;    /* the process that made it */
  char    name[MP_QUEUE_NAME_SIZE];
  char    kind[MP_QUEUE_KIND_SIZE];
} MpConfig;

/* Head and tail words pack a count of messages and a position, so that one store commits
 * both: 28 bits of count over 36 bits of offset / 16. */
#define MP_COUNT_BITS 28
#define MP_COUNT_MASK ((1u << MP_COUNT_BITS) - 1)
#define MP_MAX_COUNT  (1u << (MP_COUNT_BITS - 1))

static inline guint64
mp_word (guint32 count,
         guint64 offset)
{
  return ((guint64) (count & MP_COUNT_MASK) << 36) | (offset >> 4);
}

static inline guint32
mp_word_count (guint64 word)
{
  return (guint32) (word >> 36);
}

static inline guint64
mp_word_offset (guint64 word)
{
  return (word & ((G_GUINT64_CONSTANT (1) << 36) - 1)) << 4;
}

typedef struct
{
  guint32 lock;
  guint64 word;         /* where the next record goes */
  guint64 n_bytes;      /* payload bytes ever put */
  guint64 n_total;      /* messages ever put; its low bits are the word's count */
  guint64 seen_head;    /* producers' copy of the head word, reloaded if the queue looks full */
  guint64 seen_n_bytes; /* the same for the head's n_bytes */
} MpTailLine;

typedef struct
{
  guint32 lock;
  guint32 n_orphans; /* returned messages that wait for a new consumer */
  guint64 word;      /* the next record to take */
  guint64 n_bytes;   /* payload bytes ever taken */
  guint64 serial;    /* deliveries ever begun; orders leases by age */
  guint32 claim;     /* the lease that is being claimed, plus one */
  /* The list of returned messages, and whether it is being changed. */
  guint32 first_waiting;
  guint32 last_waiting;
  guint32 is_changing;
  guint64 n_before;      /* messages that were finished before the present batch began */
  guint64 n_dropped;     /* messages of the present batch that were dropped */
  guint64 n_redelivered; /* deliveries ever begun of messages that had been delivered before */
} MpHeadLine;

/* Waiters that detect the death of other participants: a few sleeping threads and main loops. */
#define MP_N_WATCHERS 4

/* How many handles have descriptors for a watching thread: see watcher.h. */
#define MP_N_WATCHING_HANDLES 4

typedef struct
{
  guint32 shutdown;                /* set once shut down: later puts fail */
  guint32 damaged;                 /* a check failed: every later call fails */
  guint32 recoverer;               /* generation of the present recoverer */
  guint32 n_participants;          /* slots from here on were never used: where scans end */
  guint32 n_waiters;               /* the same for the waiters' table */
  guint32 next_waiter;             /* where the search for a free waiter slot begins */
  guint32 watchers[MP_N_WATCHERS]; /* indices into the waiters' table, plus one */
  guint32 is_leaky;                /* a lock holder died: blocks may be lost, see repair.h */
  guint32 given_up;                /* a lock was found stuck: its release wakes all waiters */
  gint64  recoverer_pid;           /* for error messages only */
  gint64  looked_at;               /* time of the last check for deaths, coarse monotonic ns */

  /* Handles with descriptors for a watching thread: participants, plus one. */
  guint32 watching_handles[MP_N_WATCHING_HANDLES];
} MpStateLine;

/* The conditions that waiters in shared memory wait for: all but MP_QUEUE_WAIT_ANSWERS, since every
 * operation here ends at once. */
#define MP_N_CONDITIONS MP_QUEUE_WAIT_ANSWERS

#define MP_N_WAIT_WORDS (MP_N_WAITERS / 64)

/* One bit for each of 64 slots of the waiters' table. */
typedef struct
{
  guint64 sleeping; /* threads, which sleep on the futex of their slot */
  guint64 armed;    /* main loops, all woken by the pipe of the queue */
  guint64 waiting;  /* threads, from before their first sleep until they are served */
} MpWaitWord;

/* The waiters for one condition.  Slots are assigned in rotation among those that were used before,
 * so that wakers have to scan few words. */
typedef struct
{
  guint32    n_words;      /* words from here on were never used */
  guint32    turn;         /* the slot after the one that was woken last */
  guint32    least_served; /* lowest `served` of the waiters, as last seen by others */
  MpWaitWord words[MP_N_WAIT_WORDS];
} MpWaits;

typedef struct
{
  guint32 lock;
  guint32 n_units;    /* units of the arena that the file has */
  guint32 n_done;     /* finished messages, modulo the range of the count */
  guint32 n_consumed; /* messages that were consumed, but are not marked as done yet */
  guint32 n_dead;     /* leases that exceeded max_deliveries */
  guint32 first_dead; /* the list of these, and whether it is being changed */
  guint32 last_dead;
  guint32 is_changing;
  guint32 n_leases_used;          /* up to the last used lease: where scans end */
  guint32 n_leases_backed;        /* leases that have memory */
  guint32 n_free;                 /* free units */
  guint32 n_free_warm;            /* free units that still have memory */
  guint32 warm_unit[MP_N_ORDERS]; /* first free piece with memory of each order, plus one */
  guint32 cold_unit[MP_N_ORDERS]; /* first free piece without memory, plus one */
  /* The first unit with free cells of each cell size, plus one. */
  guint32 partial_unit[MP_N_CELL_SIZES];
} MpArenaLine;

/* The states of the slot of a participant. */
typedef enum
{
  MP_SLOT_FREE,
  MP_SLOT_USED,
  MP_SLOT_LEFT, /* its process is about to end, and holds nothing */
} MpSlotState;

typedef struct
{
  guint32 state;
  guint32 generation; /* counts the participants that have had this slot */
  gint64  pid;        /* for error messages and lists only */
  guint32 n_waking;   /* threads that cleared bits of sleepers and are about to wake these */
  /* The generation, plus one, of the last participant with this slot that died without having left.
   * For observers only. */
  guint32 died;
  guint64 intents[MP_N_INTENTS]; /* offsets of unpublished blocks: see arena.h */
  guint32 holds[3];              /* the lock words that it has announced: see lock.h */
  guint32 n_thefts;              /* twice the number of locks taken from it: see lock.h */

  /* For observers only: see queue-observer.h. */
  guint64 n_put;       /* messages, under the tail lock */
  guint64 n_got;       /* messages, under the head lock */
  gint64  attached_at; /* microseconds of real time */
} MpParticipant;

typedef struct
{
  guint32 futex;     /* changed by each wake-up */
  guint32 owner;     /* participant plus one */
  guint32 watches;   /* index in MpStateLine.watchers, plus one; 0: none */
  guint32 by_bell;   /* the thread polls the pipe of the queue and does not wait on the futex */
  gint64  woken_at;  /* time of the last wake-up in monotonic ns: see MpSpin */
  guint32 served;    /* how often its handle was served while others waited; wraps around */
  guint32 was_short; /* the room for which it was woken was too small or fragmented */
  guint64 n_wanted;  /* the number of bytes of room it waits for, or 0 */
} MpWaiter;

typedef enum
{
  MP_LEASE_FREE,
  MP_LEASE_HELD,
  MP_LEASE_ORPHAN,    /* returned: waits for a new consumer */
  MP_LEASE_DEAD,      /* a dead letter: was delivered too often */
  MP_LEASE_DEAD_HELD, /* a dead letter that is being copied out */
  MP_N_LEASE_STATES,
} MpLeaseState;

typedef struct
{
  guint64 owner;  /* state, participant and its generation: see mp_lease_owner () */
  guint64 serial; /* orders leases by age, and identifies a delivery */
  guint64 block;  /* offset of the payload, 0 if it is empty */
  guint64 size;
  guint32 position; /* count of the head word when it was claimed */
  guint32 n_deliveries;
  guint16 tag;
  guint16 is_delivered; /* its holder has copied the message, and keeps it */
  guint32 next;         /* the next lease in its list, plus one */
  gint64  claimed_at;   /* when this delivery began, coarse monotonic nanoseconds */
  double  progress;
  char    progress_text[MP_QUEUE_PROGRESS_SIZE];
} MpLease;

/* The used leases: one bit for each lease, and one for each full word of these bits. */
typedef struct
{
  guint64 full[MP_N_LEASES / 64 / 64];
  guint64 used[MP_N_LEASES / 64];
} MpLeaseMap;

typedef struct
{
  guint32 next; /* unit plus one */
  guint32 previous;
  guint32 free_cells; /* if the unit is divided into cells: a bit for each */
} MpUnitLink;

/* The lines begin on the second page, so that cache lines of the config are never invalidated. */
enum
{
  MP_OFFSET_TAIL = 4096,
  MP_OFFSET_HEAD = MP_OFFSET_TAIL + MP_CACHE_LINE,
  MP_OFFSET_STATE = MP_OFFSET_HEAD + MP_CACHE_LINE,
  MP_OFFSET_ARENA = MP_OFFSET_STATE + MP_CACHE_LINE,
  MP_OFFSET_WAITS = MP_OFFSET_ARENA + 3 * MP_CACHE_LINE,
  MP_WAITS_SIZE = 13 * MP_CACHE_LINE,
  MP_OFFSET_PARTICIPANTS = 12288,
  MP_OFFSET_WAITERS = MP_OFFSET_PARTICIPANTS + MP_N_PARTICIPANTS * MP_CACHE_LINE,
  MP_OFFSET_LEASES = MP_OFFSET_WAITERS + MP_N_WAITERS * 64,
  MP_OFFSET_LEASE_MAP = MP_OFFSET_LEASES + MP_N_LEASES * MP_CACHE_LINE,
  MP_OFFSET_UNITS = MP_OFFSET_LEASE_MAP + MP_N_LEASES / 8 + MP_N_LEASES / 512,
};

G_STATIC_ASSERT (sizeof (MpTailLine) <= MP_CACHE_LINE);
G_STATIC_ASSERT (sizeof (MpHeadLine) <= MP_CACHE_LINE);
G_STATIC_ASSERT (sizeof (MpStateLine) <= MP_CACHE_LINE);
G_STATIC_ASSERT (sizeof (MpWaits) <= MP_WAITS_SIZE);
G_STATIC_ASSERT (sizeof (MpArenaLine) <= 3 * MP_CACHE_LINE);
G_STATIC_ASSERT (sizeof (MpParticipant) <= MP_CACHE_LINE);
G_STATIC_ASSERT (sizeof (MpLease) == MP_CACHE_LINE);
G_STATIC_ASSERT (MP_OFFSET_LEASE_MAP + sizeof (MpLeaseMap) <= MP_OFFSET_UNITS);
G_STATIC_ASSERT (MP_OFFSET_WAITS + MP_N_CONDITIONS * MP_WAITS_SIZE <= MP_OFFSET_PARTICIPANTS);

/* A record is one header word, then the payload, the offset of the block that holds it, or the
 * offset of the next segment.  A header of 0 means that no record is committed there yet. */
typedef enum
{
  MP_RECORD_NONE,
  MP_RECORD_INLINE,
  MP_RECORD_BLOCK,
  MP_RECORD_LINK,
} MpRecordKind;

#define MP_RECORD_ALIGNMENT 16
#define MP_LINK_SIZE        16
#define MP_SEQUENCE_MASK    0x3fffu
#define MP_MAX_MESSAGE_SIZE (G_GUINT64_CONSTANT (1) << 39)

static inline guint64
mp_header (MpRecordKind kind,
           guint8       tag,
           guint32      sequence,
           guint64      size)
{
  return kind | ((guint64) tag << 2) | ((guint64) (sequence & MP_SEQUENCE_MASK) << 10) |
         (size << 24);
}

static inline MpRecordKind
mp_header_kind (guint64 header)
{
  return (MpRecordKind) (header & 3);
}

static inline guint8
mp_header_tag (guint64 header)
{
  return (guint8) (header >> 2);
}

static inline guint32
mp_header_sequence (guint64 header)
{
  return (guint32) (header >> 10) & MP_SEQUENCE_MASK;
}

static inline guint64
mp_header_size (guint64 header)
{
  return header >> 24;
}

static inline gsize
mp_record_size (gsize payload)
{
  return (sizeof (guint64) + payload + MP_RECORD_ALIGNMENT - 1) &
         ~(gsize) (MP_RECORD_ALIGNMENT - 1);
}

/* Shared words are accessed only through these macros. */
#define mp_load(p)             __atomic_load_n ((p), __ATOMIC_RELAXED)
#define mp_load_acquire(p)     __atomic_load_n ((p), __ATOMIC_ACQUIRE)
#define mp_store(p, v)         __atomic_store_n ((p), (v), __ATOMIC_RELAXED)
#define mp_store_release(p, v) __atomic_store_n ((p), (v), __ATOMIC_RELEASE)

/* Reads a count of table entries once, and limits it to the size of the table.  MIN () would read
 * it twice, and another process may change it in between. */
static inline guint32
mp_load_bounded (const guint32 *number,
                 guint32        limit)
{
  guint32 value = mp_load (number);

  return MIN (value, limit);
}

/* Raises *@number to at least @wanted. */
static inline void
mp_cover (guint32 *number,
          guint32  wanted)
{
  guint32 seen = mp_load (number);

  while (seen < wanted && !__atomic_compare_exchange_n (number, &seen, wanted, FALSE,
                                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    ;
}

/* Makes earlier stores visible before later loads are executed.  On x86 every locked instruction
 * already does that, and this is only called right after one. */
static inline void
mp_full_barrier (void)
{
#if !defined(__x86_64__) && !defined(__i386__)
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
#endif
}

G_END_DECLS
