/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kills and stops producers and consumers of a queue, at random instants and at marked steps,
 * starts new ones, and accounts for every message at the end. */

#include "config.h"

#include "memory/recovery.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/step.h"

#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_WORKERS      6 /* half of them produce */
#define MAX_SEQUENCE   60000
#define DEFAULT_KILLS  300
#define SPECIAL_KILLS  60
#define LONG_KILLS     10000
#define MAX_SIZE       64
#define HANG_SECONDS   120 /* without a death, or at the end */
#define MAX_STEP       4000
#define LARGE_MAX_STEP 200000

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

typedef struct
{
  const char *name;
  MpQueueMode mode;
  gboolean    at_steps;
  guint32     max_size;       /* 0: MAX_SIZE */
  guint32     max_deliveries; /* 0: any number */
  guint       n_producers;    /* 0: half of the workers */
  guint       n_at_once;      /* 0: messages are put and got one by one */
  guint       n_in_hand;      /* how many messages a consumer holds before it acknowledges one */
  gboolean    wraps;          /* all counters are about to wrap */
  gboolean    stops;          /* workers are also stopped, and go on or are killed later */
} Case;

/* The life of one producer process. */
typedef struct
{
  guint32 n_begun;
  guint32 n_returned;
} Life;

/* The results, in memory that survives all workers. */
typedef struct
{
  guint32 stop;
  guint32 n_lives;
  guint32 n_corrupt;
  guint32 n_out_of_order;
  guint32 n_stale;
  guint32 n_failed;
  Life   *lives; /* of max_lives */
  guint8 *got;   /* how often each message was got, 255 and more; max_lives * MAX_SEQUENCE */
  guint8 *first; /* how often as a first delivery */
  guint8 *done;  /* how often a consumer began to mark it as done, or found it dead */
  guint32 max_lives;
} Log;

typedef struct
{
  guint32 life;
  guint32 sequence;
  guint32 size;
} Header;

/* Whether it takes many messages to get there. */
static gboolean
is_large (const Case *self)
{
  return self->max_size > MAX_SIZE || self->n_in_hand > 0;
}

static gboolean
is_special (const Case *self)
{
  return is_large (self) || self->max_deliveries > 0 || self->n_at_once > 0 || self->wraps ||
         self->stops;
}

static Log        *log_;
static gpointer    queue;
static const Case *test_;

/* Ends at the largest value: a message that many consumers held when they were killed is delivered
 * more often than that, and a counter that began again would say that it was never got. */
static void
add_to (guint8 *counter)
{
  guint8 n = mp_load (counter);

  while (n < G_MAXUINT8 && !__atomic_compare_exchange_n (counter, &n, n + 1, FALSE,
                                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
    ;
}

static gpointer
share_memory (gsize size)
{
  gpointer memory = mmap (NULL, size, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  g_assert_true (memory != MAP_FAILED);
  return memory;
}

static void
add (guint32 *counter)
{
  __atomic_fetch_add (counter, 1, __ATOMIC_SEQ_CST);
}

static guint8 *
slot_of (guint8 *table,
         guint32 life,
         guint32 sequence)
{
  return &table[(gsize) life * MAX_SEQUENCE + sequence];
}

/* --- Messages ---------------------------------------------------------------------------- */

/* Sizes: mostly empty and inline ones, some that need a block, few large ones. */
static guint32
choose_size (guint32 sequence)
{
  static const guint32 sizes[] = { 0, 8, 50, 200, 1000, 2000, 2100, 5000, 20000, 70000 };
  const guint          n = is_large (test_) ? 4 : G_N_ELEMENTS (sizes);

  return sizes[(sequence * 2654435761u >> 16) % n];
}

/* The byte that fills a message. */
static guint8
byte_of (const Header *header)
{
  return (guint8) (header->life + header->sequence);
}

static gsize
compose (guint8 *buffer,
         guint32 life,
         guint32 sequence)
{
  Header header = { life, sequence, choose_size (sequence) };

  memset (buffer + sizeof header, byte_of (&header), header.size);
  memcpy (buffer, &header, sizeof header);
  return sizeof header + header.size;
}

static gboolean
is_sound (const guint8 *data,
          gsize         size,
          Header       *header)
{
  const guint8 *filling = data + sizeof *header;

  if (size < sizeof *header)
    return FALSE;
  memcpy (header, data, sizeof *header);
  return header->size == size - sizeof *header && header->life < log_->max_lives &&
         header->sequence < MAX_SEQUENCE &&
         (header->size == 0 || (filling[0] == byte_of (header) &&
                                memcmp (filling, filling + 1, header->size - 1) == 0));
}

/* Says what is wrong with a message, so that a rare failure can be understood. */
static void
count_corrupt (const MpQueueDelivery *delivery)
{
  Header  header = { 0 };
  guint64 first = 0, n_wrong = 0;

  memcpy (&header, delivery->data, MIN (delivery->size, sizeof header));
  for (guint64 i = delivery->size; i > sizeof header; i--)
    if (delivery->data[i - 1] != byte_of (&header))
      {
        first = i - 1;
        n_wrong++;
      }
  fprintf (stderr,
           "process %d got a corrupt message of %" G_GUINT64_FORMAT
           " bytes: life %u, sequence %u, size %u; %" G_GUINT64_FORMAT
           " bytes wrong, the first one at %" G_GUINT64_FORMAT "; %s, delivery %u, lease %u\n",
           getpid (), (guint64) delivery->size, header.life, header.sequence, header.size, n_wrong,
           first, delivery->data == delivery->buffer ? "in the buffer" : "allocated",
           delivery->token.n_deliveries, delivery->token.lease);
  add (&log_->n_corrupt);
}

/* --- Workers ----------------------------------------------------------------------------- */

static guint n_steps_left;

static void
die_at_step (const char *name)
{
  if (--n_steps_left > 0)
    return;

  if (g_getenv ("MP_STRESS_VERBOSE") != NULL)
    fprintf (stderr, "# %d dies at %s\n", getpid (), name);
  kill (getpid (), SIGKILL);
}

static int
fail (const char   *what,
      MpQueueStatus status)
{
  fprintf (stderr, "%s failed with status %d\n", what, status);
  add (&log_->n_failed);
  return 1;
}

#define MAX_AT_ONCE 16

static guint
choose_n_at_once (guint32 sequence)
{
  gint32 n = g_random_int_range (1, MAX ((gint32) test_->n_at_once, 1) + 1);

  return MIN ((guint) n, MAX_SEQUENCE - sequence);
}

static int
produce (void)
{
  static guint8 buffers[MAX_AT_ONCE][sizeof (Header) + 70000];
  MpQueueCall   call = { .timeout_us = -1 };
  guint32       life = __atomic_fetch_add (&log_->n_lives, 1, __ATOMIC_SEQ_CST);
  guint32       sequence = 0;

  g_assert_cmpuint (life, <, log_->max_lives);
  while (sequence < MAX_SEQUENCE && !mp_load (&log_->stop))
    {
      const guint   n = choose_n_at_once (sequence);
      MpQueueItem   items[MAX_AT_ONCE];
      MpQueueStatus status;
      guint         n_put;

      for (guint i = 0; i < n; i++)
        items[i] = (MpQueueItem){ buffers[i], compose (buffers[i], life, sequence + i), 2 };
      mp_store (&log_->lives[life].n_begun, sequence + n);
      status = backend.put (queue, items, n, &call, &n_put);
      if (status != MP_QUEUE_OK || n_put != n)
        return fail ("put", status);
      sequence += n;
      mp_store (&log_->lives[life].n_returned, sequence);
    }
  return 0;
}

static void
account (const Header    *header,
         MpQueueDelivery *delivery,
         gint32          *last)
{
  gboolean again = delivery->token.n_deliveries > 1;

  add_to (slot_of (log_->got, header->life, header->sequence));
  if (again)
    return;

  add_to (slot_of (log_->first, header->life, header->sequence));
  if ((gint32) header->sequence <= last[header->life])
    add (&log_->n_out_of_order);
  last[header->life] = (gint32) header->sequence;
}

/* Calls without a timeout give up after a second if the holder of a lock is stopped. */
static gboolean
is_stopped (MpQueueStatus status)
{
  return status == MP_QUEUE_BUSY && test_->stops;
}

/* Says why a message could not be acknowledged. */
static void
count_stale (const char         *what,
             const MpQueueToken *token,
             MpQueueStatus       status,
             MpQueueStatus       answer)
{
  fprintf (stderr, "%s of lease %u, delivery %u, got status %d and answer %d\n", what,
           token->lease, token->n_deliveries, status, answer);
  add (&log_->n_stale);
}

/* A message that a consumer has got. */
typedef struct
{
  MpQueueToken token;
  guint32      life;
  guint32      sequence;
} Held;

static void
acknowledge (const Held *held)
{
  const MpQueueToken *token = &held->token;
  MpQueueCall         call = { .timeout_us = -1 };
  MpQueueFinish       how = g_random_int_range (0, 20) == 0 ? MP_QUEUE_FINISH_RETRY
                                                            : MP_QUEUE_FINISH_DONE;
  MpQueueStatus       status, answer;

  if (token->lease == 0)
    return;
  do
    status = backend.progress (queue, token, 0.5, "half", &call);
  while (is_stopped (status));
  if (status != MP_QUEUE_OK)
    count_stale ("progress", token, status, status);
  if (how == MP_QUEUE_FINISH_DONE)
    add_to (slot_of (log_->done, held->life, held->sequence));
  do
    status = backend.finish (queue, token, 1, how, &answer, &call);
  while (is_stopped (status));
  if (status != MP_QUEUE_OK || answer != MP_QUEUE_OK)
    count_stale ("finish", token, status, answer);
}

/* The messages held, of which the oldest is acknowledged first. */
typedef struct
{
  Held *messages;
  guint n;
  guint next;
} Hand;

static void
take_in_hand (Hand       *self,
              const Held *held)
{
  if (test_->n_in_hand == 0)
    {
      acknowledge (held);
      return;
    }
  if (self->n == test_->n_in_hand)
    acknowledge (&self->messages[self->next]);
  else
    self->n++;
  self->messages[self->next] = *held;
  self->next = (self->next + 1) % test_->n_in_hand;
}

static void
empty_hand (Hand *self)
{
  for (guint i = 0; i < self->n; i++)
    acknowledge (&self->messages[(self->next + test_->n_in_hand - self->n + i) % test_->n_in_hand]);
  self->n = 0;
}

/* Half of the messages are delivered tentatively; one in thirty of those accepted `by_content` is
 * refused and left in its place. */
static MpQueueStatus
get (MpQueueDelivery *delivery,
     guint            n,
     guint           *n_got)
{
  MpQueueCall           call = { .timeout_us = -1 };
  const MpQueueAccepted accepted[] = {
    { .any = MP_QUEUE_TAG (2) },
    { .any = MP_QUEUE_TAG (2) },
    { .sound = MP_QUEUE_TAG (2) },
    { .by_content = MP_QUEUE_TAG (2) },
  };

  for (;;)
    {
      const MpQueueAccepted *mask =
        &accepted[g_random_int_range (0, G_N_ELEMENTS (accepted))];
      gboolean      take = mask->by_content == 0 || g_random_int_range (0, 30) != 0;
      MpQueueStatus status = backend.get (queue, delivery, n, mask, &call, n_got);

      if (status != MP_QUEUE_OK || !delivery->tentative)
        return status;
      do
        status = backend.settle (queue, delivery, take, &call);
      while (is_stopped (status));
      if (take && status == MP_QUEUE_OK)
        return MP_QUEUE_OK;
      if (delivery->data != delivery->buffer)
        g_free (delivery->data);
      if (status != MP_QUEUE_OK && status != MP_QUEUE_STALE)
        return status;
    }
}

static void
take (MpQueueDelivery *delivery,
      gint32          *last,
      Hand            *hand)
{
  Header header;

  if (!is_sound (delivery->data, delivery->size, &header))
    {
      count_corrupt (delivery);
      header = (Header){ 0 };
    }
  else
    {
      account (&header, delivery, last);
    }
  if (delivery->data != delivery->buffer)
    g_free (delivery->data);
  take_in_hand (hand, &(Held){ delivery->token, header.life, header.sequence });
}

static int
consume (void)
{
  static guint8      buffers[MAX_AT_ONCE][MP_INLINE_LIMIT];
  g_autofree gint32 *last = g_new (gint32, log_->max_lives);
  g_autofree Held   *messages = g_new (Held, test_->n_in_hand + 1);
  Hand               hand = { .messages = messages };

  memset (last, 0xff, log_->max_lives * sizeof *last);
  for (;;)
    {
      MpQueueDelivery deliveries[MAX_AT_ONCE];
      MpQueueStatus   status;
      guint           n_got;

      for (guint i = 0; i < MAX_AT_ONCE; i++)
        deliveries[i] = (MpQueueDelivery){ .buffer = buffers[i], .capacity = sizeof buffers[i] };
      status = get (deliveries, MAX (test_->n_at_once, 1), &n_got);
      if (status == MP_QUEUE_CLOSED && hand.n > 0)
        {
          empty_hand (&hand);
          continue;
        }
      if (status == MP_QUEUE_CLOSED)
        return 0;
      if (status != MP_QUEUE_OK)
        return fail ("get", status);
      for (guint i = 0; i < n_got; i++)
        take (&deliveries[i], last, &hand);
    }
}

static gboolean
is_producer (guint index)
{
  return test_->n_producers != 0 ? index < test_->n_producers : index % 2 == 0;
}

static pid_t
start_worker (const Case *test,
              guint       index)
{
  guint32 n_steps = (guint32) g_random_int_range (1, is_large (test) ? LARGE_MAX_STEP : MAX_STEP);
  pid_t   pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  g_random_set_seed ((guint32) getpid ());
  if (test->at_steps)
    {
      n_steps_left = n_steps;
      mp_step_hook = die_at_step;
    }
  _exit (is_producer (index) ? produce () : consume ());
}

/* --- The killer -------------------------------------------------------------------------- */

typedef struct
{
  const Case *test;
  pid_t       workers[N_WORKERS];
  guint       n_kills;
  guint       n_killed_consumers;
} Killer;

static void
pause_randomly (void)
{
  const struct timespec time = { 0, g_random_int_range (0, 2 * 1000 * 1000) };

  ppoll (NULL, 0, &time, NULL);
}

static void
replace (Killer *self,
         guint   index)
{
  alarm (HANG_SECONDS);
  self->n_kills++;
  self->n_killed_consumers += !is_producer (index);
  self->workers[index] = start_worker (self->test, index);
}

/* Most of the times only stops the worker, or lets it go on. */
static gboolean
stops_only (Killer *self,
            guint   index)
{
  if (!self->test->stops || g_random_int_range (0, 4) == 0)
    return FALSE;
  kill (self->workers[index], g_random_int_range (0, 3) == 0 ? SIGSTOP : SIGCONT);
  return TRUE;
}

static void
kill_at_random (Killer *self)
{
  guint index = (guint) g_random_int_range (0, N_WORKERS);
  int   status;

  pause_randomly ();
  if (stops_only (self, index))
    return;
  kill (self->workers[index], SIGKILL);
  g_assert_cmpint (waitpid (self->workers[index], &status, 0), ==, self->workers[index]);
  replace (self, index);
}

static guint
find_worker (Killer *self,
             pid_t   pid)
{
  guint index = 0;

  while (index < N_WORKERS && self->workers[index] != pid)
    index++;
  g_assert_cmpuint (index, <, N_WORKERS);
  return index;
}

static void
await_step (Killer *self)
{
  int   status;
  pid_t pid = waitpid (-1, &status, 0);

  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  replace (self, find_worker (self, pid));
}

/* Workers may still be killed at their steps; new ones do their work, including that of workers
 * that are not awaited, since producers may wait for them. */
static void
await_end (Killer *self,
           guint   index)
{
  while (self->workers[index] != 0)
    {
      int   status;
      guint ended = find_worker (self, waitpid (-1, &status, 0));

      if (WIFSIGNALED (status))
        {
          replace (self, ended);
          continue;
        }
      g_assert_cmpint (WEXITSTATUS (status), ==, 0);
      self->workers[ended] = 0;
    }
}

static void
hang_cb (int signal_number)
{
  static const char message[] = "Bail out! somebody hangs\n";
  gssize            ignored = write (STDOUT_FILENO, message, sizeof message - 1);

  (void) ignored;
  kill (0, SIGABRT);
}

static void
finish (Killer *self)
{
  MpQueueCall call = { .timeout_us = -1 }; /* a consumer may hold a lock and not be run */

  mp_store (&log_->stop, 1);
  for (guint i = 0; i < N_WORKERS; i++)
    kill (self->workers[i], SIGCONT);
  for (guint i = 0; i < N_WORKERS; i++)
    if (is_producer (i))
      await_end (self, i);
  g_assert_cmpint (backend.shutdown (queue, FALSE, &call), ==, MP_QUEUE_OK);
  for (guint i = 0; i < N_WORKERS; i++)
    if (!is_producer (i))
      await_end (self, i);
}

/* --- The account ------------------------------------------------------------------------- */

/* The death of the workers killed last may not have been noticed yet.  On a busy machine a recovery
 * may give up, and is repeated. */
static void
recover_all (void)
{
  MpMemory *memory = &((MpSharedQueue *) queue)->memory;
  gint64    deadline = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  do
    mp_recovery_run (memory);
  while (mp_shared_queue_count_units (queue) != MP_SEGMENT_SIZE / MP_UNIT_SIZE &&
         g_get_monotonic_time () < deadline);
}

/* What was delivered too often is not lost. */
static guint
collect_dead (void)
{
  MpQueueCall     call = { .timeout_us = G_USEC_PER_SEC };
  MpQueueDelivery delivery = { 0 };
  guint           n = 0;

  for (; backend.get_dead (queue, NULL, &delivery, &call) == MP_QUEUE_OK; n++)
    {
      Header header;

      if (!is_sound (delivery.data, delivery.size, &header))
        count_corrupt (&delivery);
      else
        {
          add_to (slot_of (log_->got, header.life, header.sequence));
          add_to (slot_of (log_->done, header.life, header.sequence));
        }
      g_free (delivery.data);
      delivery = (MpQueueDelivery){ 0 };
    }
  return n;
}

static void
settle (Killer *self)
{
  guint64       n_returned = 0, n_missing = 0, n_twice = 0, n_unflagged = 0, n_phantoms = 0;
  MpQueueCall   call = { .timeout_us = -1 };
  MpQueueCounts counts;
  guint         n_dead;

  recover_all ();
  n_dead = collect_dead ();
  for (guint32 life = 0; life < log_->n_lives; life++)
    {
      Life *record = &log_->lives[life];

      n_returned += record->n_returned;
      for (guint32 i = 0; i < record->n_begun; i++)
        {
          guint8 got = *slot_of (log_->got, life, i);
          guint8 done = test_->mode != MP_QUEUE_MODE_PLAIN ? *slot_of (log_->done, life, i) : got;

          n_missing += done == 0 && i < record->n_returned;
          n_twice += got > 1;
          n_unflagged += *slot_of (log_->first, life, i) > 1;
        }
      for (guint32 i = record->n_begun; i < MIN (record->n_begun + 8, MAX_SEQUENCE); i++)
        n_phantoms += *slot_of (log_->got, life, i) != 0;
    }

  recover_all ();
  backend.count (queue, &counts, &call);
  g_test_message (
    "%u kills, %u of consumers; %" G_GUINT64_FORMAT " puts returned, %" G_GUINT64_FORMAT
    " missing, %" G_GUINT64_FORMAT " twice, %" G_GUINT64_FORMAT
    " of these unflagged, %u dead letters, %u out of order, %u corrupt, %u units in use",
    self->n_kills, self->n_killed_consumers, n_returned, n_missing, n_twice, n_unflagged, n_dead,
    log_->n_out_of_order, log_->n_corrupt, mp_shared_queue_count_units (queue));

  /* The message that a plain consumer was getting when it was killed is lost. */
  if (self->test->mode == MP_QUEUE_MODE_PLAIN)
    g_assert_cmpuint (n_missing, <=,
                      self->n_killed_consumers * MAX (self->test->n_at_once, 1));
  else
    g_assert_cmpuint (n_missing, ==, 0);
  g_assert_cmpuint (n_unflagged, ==, 0);
  g_assert_cmpuint (n_phantoms, ==, 0);
  g_assert_cmpuint (log_->n_out_of_order, ==, 0);
  g_assert_cmpuint (log_->n_corrupt, ==, 0);
  g_assert_cmpuint (log_->n_stale, ==, 0);
  g_assert_cmpuint (log_->n_failed, ==, 0);
  g_assert_cmpuint (counts.size, ==, 0);
  g_assert_cmpuint (counts.n_bytes, ==, 0);
  g_assert_cmpuint (counts.n_unfinished, ==, 0);
  /* Only the segment with head and tail is left. */
  g_assert_cmpuint (mp_shared_queue_count_units (queue), ==, MP_SEGMENT_SIZE / MP_UNIT_SIZE);
}

static guint
get_n_kills (const Case *test)
{
  const char *setting = g_getenv ("MP_STRESS_KILLS");

  if (setting != NULL)
    return (guint) atoi (setting);
  if (g_getenv ("MP_TEST_LONG") != NULL)
    return LONG_KILLS;
  return is_special (test) ? SPECIAL_KILLS : DEFAULT_KILLS;
}

static void
open_log (guint n_kills)
{
  log_ = share_memory (sizeof *log_);
  log_->max_lives = n_kills * 2 + 1000;
  log_->lives = share_memory (log_->max_lives * sizeof (Life));
  log_->got = share_memory ((gsize) log_->max_lives * MAX_SEQUENCE);
  log_->first = share_memory ((gsize) log_->max_lives * MAX_SEQUENCE);
  log_->done = share_memory ((gsize) log_->max_lives * MAX_SEQUENCE);
}

static void
close_log (void)
{
  munmap (log_->got, (gsize) log_->max_lives * MAX_SEQUENCE);
  munmap (log_->first, (gsize) log_->max_lives * MAX_SEQUENCE);
  munmap (log_->lives, log_->max_lives * sizeof (Life));
  munmap (log_, sizeof *log_);
}

/* As after years of use. */
static void
bring_near_wrapping (MpMemory *memory)
{
  const guint32 count = MP_COUNT_MASK - 5000;
  const guint64 word = mp_word (count, mp_word_offset (memory->tail->word));

  memory->tail->word = memory->tail->seen_head = memory->head->word = word;
  memory->tail->n_total = memory->head->n_before = count;
  memory->arena->n_done = count;
  memory->tail->n_bytes = memory->tail->seen_n_bytes = memory->head->n_bytes =
    G_MAXUINT64 - 1000000;
  memory->state->recoverer = G_MAXUINT32 - 10;
  for (guint i = 1; i < 32; i++)
    mp_memory_participant (memory, i)->generation = G_MAXUINT32 - i;
  for (guint i = 0; i < 64; i++)
    mp_memory_waiter (memory, i)->futex = G_MAXUINT32 - i;
}

static void
test_kill (gconstpointer data)
{
  const Case           *test = data;
  const MpQueueSettings settings = {
    .mode = test->mode,
    .max_size = MAX (test->max_size, MAX_SIZE),
    .max_deliveries = test->max_deliveries,
  };
  const guint n_kills = get_n_kills (test);
  Killer      killer = { .test = test };
  MpQueueCall call = { 0 };

  open_log (n_kills);
  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_no_error (call.error);
  test_ = test;
  if (test->wraps)
    bring_near_wrapping (&((MpSharedQueue *) queue)->memory);

  alarm (HANG_SECONDS);
  for (guint i = 0; i < N_WORKERS; i++)
    killer.workers[i] = start_worker (test, i);
  while (killer.n_kills < n_kills)
    (test->at_steps ? await_step : kill_at_random) (&killer);
  finish (&killer);
  alarm (0);

  settle (&killer);
  backend.free (queue);
  close_log ();
}

int
main (int    argc,
      char **argv)
{
  static const Case cases[] = {
    { "/kill-queue/plain/at-random", MP_QUEUE_MODE_PLAIN, FALSE },
    { "/kill-queue/plain/at-steps", MP_QUEUE_MODE_PLAIN, TRUE },
    { "/kill-queue/acknowledged/at-random", MP_QUEUE_MODE_ACKNOWLEDGED, FALSE },
    { "/kill-queue/acknowledged/at-steps", MP_QUEUE_MODE_ACKNOWLEDGED, TRUE },
    { "/kill-queue/long/at-random", MP_QUEUE_MODE_PLAIN, FALSE, .max_size = 50000,
      .n_producers = N_WORKERS - 1 },
    { "/kill-queue/long/at-steps", MP_QUEUE_MODE_ACKNOWLEDGED, TRUE, .max_size = 50000,
      .n_producers = N_WORKERS - 1 },
    { "/kill-queue/in-hand/at-random", MP_QUEUE_MODE_ACKNOWLEDGED, FALSE, .n_in_hand = 20000 },
    { "/kill-queue/in-hand/at-steps", MP_QUEUE_MODE_ACKNOWLEDGED, TRUE, .n_in_hand = 20000 },
    { "/kill-queue/max-deliveries/at-random", MP_QUEUE_MODE_ACKNOWLEDGED, FALSE,
      .max_deliveries = 2 },
    { "/kill-queue/max-deliveries/at-steps", MP_QUEUE_MODE_ACKNOWLEDGED, TRUE,
      .max_deliveries = 2 },
    { "/kill-queue/batches/at-random", MP_QUEUE_MODE_PLAIN, FALSE, .n_at_once = MAX_AT_ONCE },
    { "/kill-queue/batches/at-steps", MP_QUEUE_MODE_ACKNOWLEDGED, TRUE,
      .n_at_once = MAX_AT_ONCE },
    { "/kill-queue/stops/plain", MP_QUEUE_MODE_PLAIN, FALSE, .n_at_once = MAX_AT_ONCE,
      .stops = TRUE },
    { "/kill-queue/stops/acknowledged", MP_QUEUE_MODE_ACKNOWLEDGED, FALSE, .stops = TRUE },
    { "/kill-queue/wrapping/at-random", MP_QUEUE_MODE_ACKNOWLEDGED, FALSE, .wraps = TRUE },
    { "/kill-queue/wrapping/at-steps", MP_QUEUE_MODE_PLAIN, TRUE, .wraps = TRUE },
  };

  g_test_init (&argc, &argv, NULL);
  setpgid (0, 0);
  signal (SIGALRM, hang_cb);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].name, &cases[i], test_kill);
  return g_test_run ();
}
