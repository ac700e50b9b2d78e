/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Stops users of a queue, at each marked step in turn and at random instants: no call of the others
 * lasts longer than it may, and nothing is lost when they go on. */

#include "config.h"

#include "memory/recovery.h"
#include "memory/shared-queue-private.h"
#include "memory/shared-queue.h"
#include "memory/step.h"

#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_SECONDS 60
#define LARGE        20000

#define backend mp_shared_queue_backend

void (*mp_step_hook) (const char *name);

static gpointer queue;
static guint    n_steps_left;

static void
hang_cb (int signal_number)
{
  static const char message[] = "Bail out! somebody hangs\n";
  gssize            ignored = write (STDOUT_FILENO, message, sizeof message - 1);

  (void) ignored;
  kill (0, SIGABRT);
}

static void
open_queue (MpQueueMode mode,
            guint32     max_size)
{
  const MpQueueSettings settings = { .mode = mode, .max_size = max_size };
  MpQueueCall           call = { 0 };

  queue = backend.open ("memory:", NULL, &settings, &call);
  g_assert_no_error (call.error);
}

static MpQueueStatus
put (const guint8 *data,
     gsize         size,
     MpQueueCall  *call)
{
  const MpQueueItem item = { data, size, 2 };
  guint             n_put;

  return backend.put (queue, &item, 1, call, &n_put);
}

static MpQueueStatus
get (MpQueueDelivery *delivery,
     MpQueueCall     *call)
{
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (2) };
  guint                 n_got;

  return backend.get (queue, delivery, 1, &accepted, call, &n_got);
}

static void
release (MpQueueDelivery *delivery)
{
  if (delivery->data != delivery->buffer)
    g_free (delivery->data);
}

/* --- At each step --------------------------------------------------------------------------- */

/* How long a call may take beyond its timeout. */
#define OVERDUE_US (1000 * 1000)

/* If this machine is busy some calls take longer, but not the same ones each time. */
#define N_TRIES 10

/* When calls without a timeout are cancelled, or get a signal. */
#define DISTURB_US 10000

/* The size of the messages, and what who is stopped does with one; it returns whether that
 * succeeded. */
typedef struct
{
  const char *name;
  MpQueueMode mode;
  gsize       size;
  gboolean (*act) (void);
  gboolean shuts_down; /* so that each step needs a new queue */
} Case;

static gsize  size;
static guint8 data[LARGE];
static guint  n_busy;
static guint  n_overdue;

/* Who was stopped for long comes back after its deadline, and perhaps without its lock: one that
 * it had not yet claimed to hold was taken away. */
static gboolean
is_fine (MpQueueStatus status)
{
  return status == MP_QUEUE_OK || status == MP_QUEUE_EMPTY || status == MP_QUEUE_BUSY ||
         status == MP_QUEUE_STALE;
}

static gboolean
act_put (void)
{
  MpQueueCall call = { .timeout_us = G_USEC_PER_SEC };

  return is_fine (put (data, size, &call));
}

static MpQueueStatus
finish_one (const MpQueueToken *token,
            MpQueueFinish       how,
            MpQueueCall        *call)
{
  MpQueueStatus answer;

  backend.finish (queue, token, 1, how, &answer, call);
  return answer;
}

static gboolean
act_get (void)
{
  MpQueueCall     call = { .timeout_us = 0 };
  MpQueueDelivery delivery = { 0 };
  MpQueueStatus   status = get (&delivery, &call);

  if (status == MP_QUEUE_OK && delivery.token.lease != 0)
    {
      call.timeout_us = G_USEC_PER_SEC;
      status = finish_one (&delivery.token, MP_QUEUE_FINISH_DONE, &call);
    }
  release (&delivery);
  return is_fine (status);
}

static gboolean
act_retry (void)
{
  MpQueueCall     call = { .timeout_us = 0 };
  MpQueueDelivery delivery = { 0 };
  MpQueueStatus   status = get (&delivery, &call);

  release (&delivery);
  if (status != MP_QUEUE_OK)
    return is_fine (status);
  call.timeout_us = G_USEC_PER_SEC;
  return is_fine (finish_one (&delivery.token, MP_QUEUE_FINISH_RETRY, &call));
}

/* An attempt that may not wait. */
static gboolean
act_try_get (void)
{
  const MpQueueAccepted accepted = { .sound = MP_QUEUE_TAG (2) };
  MpQueueCall           call = { .timeout_us = 0 };
  MpQueueDelivery       delivery = { 0 };
  guint                 n_got;
  MpQueueStatus         status = backend.get (queue, &delivery, 1, &accepted, &call, &n_got);

  if (status == MP_QUEUE_OK && delivery.tentative)
    {
      call.timeout_us = G_USEC_PER_SEC;
      status = backend.settle (queue, &delivery, TRUE, &call);
    }
  release (&delivery);
  return is_fine (status);
}

/* Runs after a process that died while it held a lock and messages. */
static void
die_with_lock (const char *name)
{
  if (g_str_equal (name, "get/advanced") || g_str_equal (name, "put/committed"))
    raise (SIGKILL);
}

static gboolean
act_recover (void)
{
  void (*hook) (const char *name) = mp_step_hook;
  pid_t pid;

  mp_step_hook = NULL;
  backend.attach (queue, NULL);
  pid = fork ();
  if (pid == 0)
    {
      mp_step_hook = die_with_lock;
      act_put ();
      _exit (0);
    }
  waitpid (pid, NULL, 0);
  mp_step_hook = hook;
  mp_recovery_run (&((MpSharedQueue *) queue)->memory);
  return TRUE;
}

/* Also drops what is queued. */
static gboolean
act_shut_down (void)
{
  MpQueueCall call = { .timeout_us = G_USEC_PER_SEC };

  return is_fine (backend.shutdown (queue, TRUE, &call));
}

static gboolean
act_clear (void)
{
  MpQueueCall call = { .timeout_us = G_USEC_PER_SEC };
  guint64     n_dropped;

  return is_fine (backend.clear (queue, &n_dropped, &call));
}

static void
stop_at_step (const char *name)
{
  if (--n_steps_left > 0)
    return;

  if (g_getenv ("MP_STRESS_VERBOSE") != NULL)
    fprintf (stderr, "# stopped at %s\n", name);
  mp_step_hook = NULL;
  raise (SIGSTOP);
}

static pid_t
start (const Case *test,
       guint       step)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  n_steps_left = step;
  mp_step_hook = stop_at_step;
  _exit (test->act () ? 0 : 1);
}

static void
check_time (gint64 since,
            gint64 allowed_us)
{
  n_overdue += g_get_monotonic_time () - since >= allowed_us + OVERDUE_US;
}

/* The result of a call that may have been blocked by the stopped process. */
static void
check (MpQueueStatus      status,
       const MpQueueCall *call,
       pid_t              stopped,
       gint64             since,
       gint64             allowed_us)
{
  check_time (since, allowed_us);
  if (status != MP_QUEUE_BUSY)
    return;
  n_busy++;
  if (stopped != 0)
    g_assert_cmpint (call->busy_pid, ==, stopped);
}

static gboolean
is_closed (void)
{
  return mp_load (&((MpSharedQueue *) queue)->memory.state->shutdown) != 0;
}

static void
try_by_deadline (pid_t  stopped,
                 gint64 timeout_us)
{
  MpQueueCall     call = { .timeout_us = timeout_us };
  MpQueueDelivery delivery = { 0 };
  MpQueueCounts   counts;
  gint64          begin = g_get_monotonic_time ();
  MpQueueStatus   status = put (data, size, &call);

  check (status, &call, stopped, begin, timeout_us);
  g_assert_true (status == MP_QUEUE_OK || status == MP_QUEUE_BUSY ||
                 (status == MP_QUEUE_CLOSED && is_closed ()));

  call = (MpQueueCall){ .timeout_us = timeout_us };
  begin = g_get_monotonic_time ();
  status = get (&delivery, &call);
  check (status, &call, stopped, begin, timeout_us);
  g_assert_true (status == MP_QUEUE_OK || status == MP_QUEUE_EMPTY || status == MP_QUEUE_BUSY ||
                 (status == MP_QUEUE_CLOSED && is_closed ()));
  release (&delivery);
  if (status == MP_QUEUE_OK && delivery.token.lease != 0)
    {
      begin = g_get_monotonic_time ();
      status = finish_one (&delivery.token, MP_QUEUE_FINISH_DONE, &call);
      check (status, &call, stopped, begin, timeout_us);
      g_assert_true (status == MP_QUEUE_OK || status == MP_QUEUE_BUSY);
    }

  begin = g_get_monotonic_time ();
  backend.count (queue, &counts, &call);
  check (MP_QUEUE_OK, &call, stopped, begin, 0);
}

typedef struct
{
  GCancellable *cancellable;
  pthread_t     thread; /* gets a signal */
  guint32       done;
} Disturber;

static gpointer
disturb (gpointer user_data)
{
  Disturber *self = user_data;

  while (!mp_load (&self->done))
    {
      g_usleep (DISTURB_US);
      if (self->cancellable != NULL)
        g_cancellable_cancel (self->cancellable);
      else if (!mp_load (&self->done))
        pthread_kill (self->thread, SIGUSR1);
    }
  return NULL;
}

/* Gets until there is nothing more, and for ever. */
static void
get_disturbed (pid_t         stopped,
               GCancellable *cancellable)
{
  Disturber     disturber = { cancellable, pthread_self (), 0 };
  GThread      *thread = g_thread_new ("disturber", disturb, &disturber);
  gint64        begin = g_get_monotonic_time ();
  MpQueueStatus status;

  do
    {
      MpQueueCall     call = { .timeout_us = -1, .interruptible = TRUE };
      MpQueueDelivery delivery = { 0 };

      call.cancellable = cancellable;
      status = get (&delivery, &call);
      release (&delivery);
      if (status == MP_QUEUE_OK && delivery.token.lease != 0)
        {
          call.timeout_us = DISTURB_US;
          finish_one (&delivery.token, MP_QUEUE_FINISH_DONE, &call);
        }
    }
  while (status == MP_QUEUE_OK);
  if (status != MP_QUEUE_CLOSED || !is_closed ())
    g_assert_cmpint (status, ==, cancellable != NULL ? MP_QUEUE_CANCELLED : MP_QUEUE_INTERRUPTED);
  check_time (begin, DISTURB_US);
  mp_store (&disturber.done, 1);
  g_thread_join (thread);
}

static void
try_all (pid_t stopped)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  try_by_deadline (stopped, 0);
  try_by_deadline (stopped, 30000);
  get_disturbed (stopped, cancellable);
  get_disturbed (stopped, NULL);
}

static void
signal_cb (int signal_number)
{
}

/* After the shutdown of the queue is complete. */
static void
open_again (const Case *test)
{
  MpQueueCall call = { .timeout_us = 0 };

  g_assert_cmpint (put (data, size, &call), ==, MP_QUEUE_CLOSED);
  backend.free (queue);
  open_queue (test->mode, 0);
}

static void
stop_at_steps (const Case *test)
{
  guint n_stops = 0;

  open_queue (test->mode, 0);
  size = test->size;
  n_busy = n_overdue = 0;
  for (guint step = 1;; step++)
    {
      pid_t pid;
      int   status;

      alarm (HANG_SECONDS);
      try_by_deadline (0, G_USEC_PER_SEC);
      act_put ();
      pid = start (test, step);
      g_assert_cmpint (waitpid (pid, &status, WUNTRACED), ==, pid);
      if (!WIFSTOPPED (status))
        {
          g_assert_true (WIFEXITED (status));
          break;
        }

      n_stops++;
      /* Who recovers holds what recoverers hold, also without a lock of its own. */
      try_all (test->act == act_recover ? 0 : pid);
      kill (pid, SIGCONT);
      g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
      g_assert_true (WIFEXITED (status));
      g_assert_cmpint (WEXITSTATUS (status), ==, 0);
      if (test->shuts_down)
        open_again (test);
    }
  g_test_message ("stopped at %u steps, %u calls found a lock held, %u took too long", n_stops,
                  n_busy, n_overdue);
  g_assert_cmpuint (n_stops, >, 0);
  g_assert_cmpuint (n_busy, >, 0);
  alarm (0);
  backend.free (queue);
}

static void
test_at_steps (gconstpointer test)
{
  guint n = 0;

  do
    stop_at_steps (test);
  while (n_overdue > 0 && ++n < N_TRIES);
  g_assert_cmpuint (n_overdue, ==, 0);
}

/* --- At random -------------------------------------------------------------------------------- */

#define N_WORKERS     6       /* half of them put */
#define MAX_RATE      1500000 /* messages of a producer in a second, more than is possible */
#define SHORT_SECONDS 2
#define LONG_SECONDS  300
#define LIMIT_US      50000 /* what is counted as late */
#define MAX_LATE_US   (2 * G_USEC_PER_SEC)

typedef struct
{
  guint32 n_stops; /* odd while it is stopped, or about to be */
  guint32 n_put;   /* messages of a producer whose puts returned */
  guint32 n_calls;
  guint32 n_busy;
  guint32 n_late; /* calls that took too long although they were not stopped themselves */
  gint64  latest_us;
} Worker;

/* Memory that all processes have. */
typedef struct
{
  guint32 stop;
  guint32 n_failed;
  Worker  workers[N_WORKERS];
  guint8 *got; /* how often each message was got: max_messages_ of each producer */
} Log;

static Log    *log_;
static guint32 max_messages_;

static gpointer
share_memory (gsize n_bytes)
{
  gpointer memory = mmap (NULL, n_bytes, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  g_assert_true (memory != MAP_FAILED);
  return memory;
}

static gint64
choose_timeout (void)
{
  static const gint64 timeouts[] = { 0, 0, 1000, 10000, 50000 };

  return timeouts[g_random_int_range (0, G_N_ELEMENTS (timeouts))];
}

/* After a call that began at @begin, when it had been stopped @n_stops times. */
static void
note (Worker       *self,
      MpQueueStatus status,
      gint64        timeout_us,
      gint64        begin,
      guint32       n_stops)
{
  gint64 late = g_get_monotonic_time () - begin - timeout_us;

  self->n_calls++;
  self->n_busy += status == MP_QUEUE_BUSY;
  if (late < LIMIT_US || (n_stops & 1) != 0 || mp_load (&self->n_stops) != n_stops)
    return;
  self->n_late++;
  self->latest_us = MAX (self->latest_us, late);
}

static void
fail (const char   *what,
      MpQueueStatus status)
{
  fprintf (stderr, "# %s: status %d\n", what, status);
  __atomic_fetch_add (&log_->n_failed, 1, __ATOMIC_SEQ_CST);
}

typedef struct
{
  guint32 producer;
  guint32 number;
} Stamp;

static int
produce (guint index)
{
  Worker *self = &log_->workers[index];

  while (!mp_load (&log_->stop) && self->n_put < max_messages_)
    {
      const Stamp   stamp = { index / 2, self->n_put };
      MpQueueCall   call = { .timeout_us = choose_timeout () };
      guint32       n_stops = mp_load (&self->n_stops);
      gint64        begin = g_get_monotonic_time ();
      MpQueueStatus status;

      memcpy (data, &stamp, sizeof stamp);
      status = put (data, stamp.number % 7 == 0 ? LARGE : sizeof stamp, &call);
      note (self, status, call.timeout_us, begin, n_stops);
      if (status == MP_QUEUE_OK)
        mp_store (&self->n_put, self->n_put + 1);
      else if (status != MP_QUEUE_BUSY && status != MP_QUEUE_FULL &&
               status != MP_QUEUE_TIMED_OUT)
        fail ("put", status);
    }
  return 0;
}

static void
finish (Worker       *self,
        MpQueueToken *token)
{
  MpQueueStatus status;

  do
    {
      MpQueueCall call = { .timeout_us = 10000 };
      guint32     n_stops = mp_load (&self->n_stops);
      gint64      begin = g_get_monotonic_time ();

      status = finish_one (token, MP_QUEUE_FINISH_DONE, &call);
      note (self, status, call.timeout_us, begin, n_stops);
    }
  while (status == MP_QUEUE_BUSY);
  if (status != MP_QUEUE_OK)
    fail ("finish", status);
}

static int
consume (guint index)
{
  Worker *self = &log_->workers[index];

  for (;;)
    {
      MpQueueCall     call = { .timeout_us = choose_timeout () };
      MpQueueDelivery delivery = { 0 };
      guint32         n_stops = mp_load (&self->n_stops);
      gint64          begin = g_get_monotonic_time ();
      MpQueueStatus   status = get (&delivery, &call);
      Stamp           stamp;

      note (self, status, call.timeout_us, begin, n_stops);
      if (status == MP_QUEUE_CLOSED)
        return 0;
      if (status == MP_QUEUE_BUSY || status == MP_QUEUE_EMPTY)
        continue;
      if (status != MP_QUEUE_OK)
        {
          fail ("get", status);
          return 1;
        }
      memcpy (&stamp, delivery.data, sizeof stamp);
      release (&delivery);
      __atomic_fetch_add (&log_->got[(gsize) stamp.producer * max_messages_ + stamp.number], 1,
                          __ATOMIC_SEQ_CST);
      if (delivery.token.lease != 0)
        finish (self, &delivery.token);
    }
}

static pid_t
start_worker (guint index)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, !=, -1);
  if (pid != 0)
    return pid;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  g_random_set_seed (index);
  _exit (index % 2 == 0 ? produce (index) : consume (index));
}

static void
pause_for (gint64 us)
{
  const struct timespec duration = { us / G_USEC_PER_SEC, us % G_USEC_PER_SEC * 1000 };

  ppoll (NULL, 0, &duration, NULL);
}

/* A participant that attaches, checks, and is killed, so that there is always one to be recovered.
 */
static void
visit (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      MpQueueCall   call = { .timeout_us = 1000 };
      MpQueueCounts counts;

      backend.attach (queue, NULL);
      backend.count (queue, &counts, &call);
      raise (SIGKILL);
    }
  waitpid (pid, NULL, 0);
}

static void
stop_one (pid_t *pids)
{
  guint    index = (guint) g_random_int_range (0, N_WORKERS);
  guint32 *n_stops = &log_->workers[index].n_stops;

  __atomic_fetch_add (n_stops, 1, __ATOMIC_SEQ_CST);
  kill (pids[index], SIGSTOP);
  /* Seldom for long: so that all do some work, too. */
  pause_for (g_random_int_range (0, 20) == 0 ? 200000 : g_random_int_range (0, 5000));
  kill (pids[index], SIGCONT);
  /* Another one: what was begun before this is not counted either. */
  __atomic_fetch_add (n_stops, 1, __ATOMIC_SEQ_CST);
  pause_for (g_random_int_range (0, 3000));
}

/* Returns the longest time that a call took beyond its timeout. */
static gint64
account (void)
{
  guint64 n_calls = 0, n_busy_calls = 0, n_put = 0, n_missing = 0, n_twice = 0, n_phantoms = 0;
  guint   n_late = 0;
  gint64  latest_us = 0;

  for (guint i = 0; i < N_WORKERS; i++)
    {
      Worker *worker = &log_->workers[i];
      guint8 *got = &log_->got[(gsize) (i / 2) * max_messages_];

      n_calls += worker->n_calls;
      n_busy_calls += worker->n_busy;
      n_late += worker->n_late;
      latest_us = MAX (latest_us, worker->latest_us);
      n_put += worker->n_put;
      for (guint32 j = 0; i % 2 == 0 && j < worker->n_put; j++)
        {
          n_missing += got[j] == 0;
          n_twice += got[j] > 1;
        }
      if (i % 2 == 0 && worker->n_put < max_messages_)
        n_phantoms += got[worker->n_put] != 0;
    }
  g_test_message ("%" G_GUINT64_FORMAT " calls, %" G_GUINT64_FORMAT " BUSY; %" G_GUINT64_FORMAT
                  " messages, %" G_GUINT64_FORMAT " missing, %" G_GUINT64_FORMAT
                  " twice, %" G_GUINT64_FORMAT
                  " that were not put; %u calls more than 50 ms late, the latest %.0f ms",
                  n_calls, n_busy_calls, n_put, n_missing, n_twice, n_phantoms, n_late,
                  (double) latest_us / 1000);
  g_assert_cmpuint (n_missing, ==, 0);
  g_assert_cmpuint (n_twice, ==, 0);
  g_assert_cmpuint (n_phantoms, ==, 0);
  g_assert_cmpuint (log_->n_failed, ==, 0);
  return latest_us;
}

static gint64
stop_at_random (MpQueueMode mode)
{
  const guint seconds = g_getenv ("MP_TEST_LONG") != NULL ? LONG_SECONDS : SHORT_SECONDS;
  const gsize n_bytes = (gsize) seconds * MAX_RATE * N_WORKERS / 2;
  gint64      end = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
  MpQueueCall call = { .timeout_us = 10 * G_USEC_PER_SEC };
  pid_t       pids[N_WORKERS];
  guint       n_stops = 0;
  gint64      latest_us;

  max_messages_ = seconds * MAX_RATE;
  log_ = share_memory (sizeof *log_);
  log_->got = share_memory (n_bytes);
  open_queue (mode, 64);
  alarm (HANG_SECONDS + 2 * seconds);
  for (guint i = 0; i < N_WORKERS; i++)
    pids[i] = start_worker (i);
  for (; g_get_monotonic_time () < end; n_stops++)
    {
      stop_one (pids);
      if (n_stops % 16 == 0)
        visit ();
    }

  mp_store (&log_->stop, 1);
  for (guint i = 0; i < N_WORKERS; i += 2)
    waitpid (pids[i], NULL, 0);
  g_assert_cmpint (backend.shutdown (queue, FALSE, &call), ==, MP_QUEUE_OK);
  for (guint i = 1; i < N_WORKERS; i += 2)
    waitpid (pids[i], NULL, 0);
  alarm (0);
  g_test_message ("%u stops in %u s", n_stops, seconds);
  latest_us = account ();

  backend.free (queue);
  munmap (log_->got, n_bytes);
  munmap (log_, sizeof *log_);
  return latest_us;
}

static void
test_at_random (gconstpointer mode)
{
  gint64 latest_us;
  guint  n = 0;

  do
    latest_us = stop_at_random (GPOINTER_TO_UINT (mode));
  while (latest_us >= MAX_LATE_US && ++n < N_TRIES);
  g_assert_cmpint (latest_us, <, MAX_LATE_US);
}

int
main (int    argc,
      char **argv)
{
  static const Case cases[] = {
    { "put/small", MP_QUEUE_MODE_PLAIN, 8, act_put },
    { "put/large", MP_QUEUE_MODE_PLAIN, LARGE, act_put },
    { "get/small", MP_QUEUE_MODE_PLAIN, 8, act_get },
    { "get/large", MP_QUEUE_MODE_PLAIN, LARGE, act_get },
    { "get/finish", MP_QUEUE_MODE_ACKNOWLEDGED, 8, act_get },
    { "get/retry", MP_QUEUE_MODE_ACKNOWLEDGED, LARGE, act_retry },
    { "try-get", MP_QUEUE_MODE_PLAIN, LARGE, act_try_get },
    { "recover", MP_QUEUE_MODE_PLAIN, 8, act_recover },
    { "clear", MP_QUEUE_MODE_PLAIN, LARGE, act_clear },
    { "shutdown", MP_QUEUE_MODE_ACKNOWLEDGED, LARGE, act_shut_down, TRUE },
  };

  g_test_init (&argc, &argv, NULL);
  setpgid (0, 0);
  signal (SIGALRM, hang_cb);
  sigaction (SIGUSR1, &(struct sigaction){ .sa_handler = signal_cb }, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/stop-queue/at-steps/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_at_steps);
    }
  g_test_add_data_func ("/stop-queue/at-random/plain", GUINT_TO_POINTER (MP_QUEUE_MODE_PLAIN),
                        test_at_random);
  g_test_add_data_func ("/stop-queue/at-random/acknowledged",
                        GUINT_TO_POINTER (MP_QUEUE_MODE_ACKNOWLEDGED), test_at_random);
  return g_test_run ();
}
