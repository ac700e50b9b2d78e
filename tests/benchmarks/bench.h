/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* The common part of all benchmarks: processes that start at the same time, each pinned to a
 * processor, and the verification that the received messages are those that were sent.
 *
 * A program fills in a BenchProgram for each mode and calls bench_main ().  Producers call
 * bench_fill () in a loop, consumers bench_check (); the last producer sends one end marker for
 * each consumer.  The time from the common start to the last end marker is measured. */

typedef struct _BenchControl BenchControl;

typedef struct
{
  gsize   size;
  guint   n_producers;
  guint   n_consumers;
  guint64 n_messages;
  guint   depth; /* bound of the queue in messages */
} BenchOptions;

/* One producer or consumer. */
typedef struct
{
  const BenchOptions *options;
  BenchControl       *control;
  guint               index;
  guint64             next; /* for a producer, the last number sent and the end; for a consumer, */
  guint64             end;  /* its share of the messages if they were distributed evenly */
  guint64             n_messages;
  guint64             sum;
  guint               n_markers; /* end markers still to be sent, or received */
  gboolean            has_ended; /* only markers are left */
  gboolean            is_producer;
} BenchSide;

/* Unneeded functions may be NULL.  set_up () runs in the parent; open () converts its result in
 * each child before the clock starts, and its own result is passed to the other functions.  Without
 * consumers, only the producers are timed, and they verify themselves. */
typedef struct
{
  gpointer (*set_up) (const BenchOptions *options);
  gpointer (*open) (gpointer   user_data,
                    BenchSide *side);
  void (*produce) (gpointer   user_data,
                   BenchSide *side);
  void (*consume) (gpointer   user_data,
                   BenchSide *side);
} BenchProgram;

typedef struct
{
  const char         *name;
  const BenchProgram *program;
} BenchMode;

int      bench_main (int              argc,
                     char           **argv,
                     const BenchMode *modes); /* ends with a NULL */
gpointer bench_shared (gsize size);
gint64   bench_now_ns (void);
void     bench_pin (guint cpu);
void     bench_fail (const char *what) G_GNUC_NORETURN;
gboolean bench_fill_marker (BenchSide *side,
                            guint8    *buffer);

/* The number of messages of a producer is a multiple of this, so that batches are full. */
#define BENCH_BATCH 32

#define BENCH_MARKER G_MAXUINT64
#define BENCH_PAGE   4096

static inline void
bench_pause (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#endif
}

static inline guint64
bench_word (const guint8 *data)
{
  guint64 word;

  memcpy (&word, data, sizeof word);
  return word;
}

static inline void
bench_set_word (guint8 *data,
                guint64 word)
{
  memcpy (data, &word, sizeof word);
}

/* Sums one word of each page and the last one: enough to detect a page or a tail that is missing or
 * belongs to another message, and cheap compared to the copying that is measured. */
static inline guint64
bench_sum (const guint8 *data,
           gsize         size)
{
  guint64 sum = bench_word (data + size - 8);

  for (gsize i = 0; i + 8 < size; i += BENCH_PAGE)
    sum += bench_word (data + i);
  return sum;
}

static inline void
bench_stamp (guint8 *data,
             gsize   size,
             guint64 number)
{
  bench_set_word (data, number);
  for (gsize i = BENCH_PAGE; i + 8 < size; i += BENCH_PAGE)
    bench_set_word (data + i, number * (i + 1));
  bench_set_word (data + size - 8, number * number * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
}

/* Writes the next message into @buffer.  Returns FALSE if there is none. */
static inline gboolean
bench_fill (BenchSide *side,
            guint8    *buffer)
{
  gsize size = side->options->size;

  if (G_UNLIKELY (side->next == side->end))
    return bench_fill_marker (side, buffer);

  bench_stamp (buffer, size, ++side->next);
  side->sum += bench_sum (buffer, size);
  return TRUE;
}

/* Counts a received message.  Returns FALSE if it is an end marker. */
static inline gboolean
bench_check (BenchSide    *side,
             const guint8 *data,
             gssize        length)
{
  if (G_UNLIKELY (length != (gssize) side->options->size))
    bench_fail ("a message of another length");
  if (G_UNLIKELY (bench_word (data) == BENCH_MARKER))
    {
      side->n_markers++;
      return FALSE;
    }
  side->sum += bench_sum (data, (gsize) length);
  side->n_messages++;
  return TRUE;
}

/* Checks that an echo is equal to the message that was sent. */
static inline void
bench_check_echo (const guint8 *sent,
                  const guint8 *echo,
                  gssize        length,
                  gsize         size)
{
  if (G_UNLIKELY (length != (gssize) size || bench_word (sent) != bench_word (echo) ||
                  bench_word (sent + size - 8) != bench_word (echo + size - 8)))
    bench_fail ("another echo");
}

G_END_DECLS
