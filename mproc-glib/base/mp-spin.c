/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-spin.h"

#include "mp-processors.h"

#include <unistd.h>

/* Limits of probe_every and lag_ns, and the wake-up cost that is assumed first: see MpSpin. */
#define PROBE_MIN      16u
#define PROBE_MAX      4096u
#define FIRST_GUESS_NS 25000u
#define LAG_MIN_NS     200u
#define LAG_MAX_NS     4000u
#define LAG_TRY_EVERY  16u
#define MAX_PAUSES     8

/* If more time than this passes between two readings of the clock, the thread was preempted. */
#define PREEMPTED_NS      (500 * 1000)
#define PREEMPTED_PROBE   1024u
#define PREEMPTED_WAIT_NS (4 * MP_SPIN_MAX_US * 1000u)

static inline guint32
load (const guint32 *number)
{
  return __atomic_load_n (number, __ATOMIC_RELAXED);
}

static inline void
store (guint32 *number,
       guint32  value)
{
  __atomic_store_n (number, value, __ATOMIC_RELAXED);
}

/* Returns the value from the environment, or the default; 0 disables spinning.  It is always 0 on
 * a machine with a single processor, and by default if this process may use only one, on which the
 * other side could not run meanwhile. */
guint
mp_spin_choose_us (void)
{
  const char *setting = g_getenv ("MPROC_GLIB_SPIN_US");
  guint64     spin_us;

  if (sysconf (_SC_NPROCESSORS_ONLN) == 1)
    return 0;
  if (setting != NULL &&
      g_ascii_string_to_unsigned (setting, 10, 0, MP_SPIN_MAX_US, &spin_us, NULL))
    return (guint) spin_us;
  return mp_processors_count () == 1 ? 0 : MP_SPIN_DEFAULT_US;
}

/* The thread was preempted, so spinning may keep another program from running.  The scheduler
 * resumes a thread that sleeps sooner than one that used up its time slice by spinning, so spin
 * rarely for a while. */
static void
note_preempted (MpSpin *self)
{
  store (&self->probe_every, PREEMPTED_PROBE);
  store (&self->n_skipped, 0);
  store (&self->wait_ns, PREEMPTED_WAIT_NS);
}

static guint32
load_probe_every (MpSpin *self)
{
  guint32 probe_every = load (&self->probe_every);

  return MAX (probe_every, PROBE_MIN);
}

/* Returns how long to spin now, at most @max_ns. */
static guint32
choose_limit (MpSpin *self,
              guint32 max_ns)
{
  guint32 waking_ns = load (&self->waking_ns);
  guint32 probe_every = load_probe_every (self);
  guint32 limit_ns = MIN (max_ns, 2 * (waking_ns != 0 ? waking_ns : FIRST_GUESS_NS));

  if (limit_ns == 0 || load (&self->wait_ns) < limit_ns)
    return limit_ns;
  if ((__atomic_add_fetch (&self->n_skipped, 1, __ATOMIC_RELAXED) & (probe_every - 1)) == 0)
    return limit_ns;
  return 0;
}

static void
note_success (MpSpin *self,
              guint32 waited_ns)
{
  guint32 wait_ns = load (&self->wait_ns);

  store (&self->probe_every, PROBE_MIN);
  store (&self->wait_ns, MIN (wait_ns, waited_ns * 4) / 4 * 3 + waited_ns / 4);
}

static void
note_failure (MpSpin *self,
              guint32 limit_ns)
{
  guint32 wait_ns = load (&self->wait_ns);
  guint32 probe_every = load_probe_every (self);

  if (wait_ns >= limit_ns)
    store (&self->probe_every, MIN (probe_every * 2, PROBE_MAX));
  store (&self->wait_ns, wait_ns / 2 + limit_ns);
}

/* If a consumer takes each message while its producer writes the next one, both wait for the same
 * cache lines.  A consumer that found several messages after its last wait therefore pauses before
 * the next check, and then takes several at once; one that found a single message checks at once.
 */
static guint32
get_lag (MpSpin *self)
{
  guint32 lag_ns = load (&self->lag_ns);

  if (lag_ns != 0)
    return lag_ns;
  return __atomic_add_fetch (&self->n_prompt, 1, __ATOMIC_RELAXED) % LAG_TRY_EVERY == 0 ? LAG_MIN_NS
                                                                                        : 0;
}

/* To be called after a successful spin with whether several messages were found. */
void
mp_spin_set_lag (MpSpin  *self,
                 gboolean found_several)
{
  guint32 lag_ns = load (&self->lag_ns);

  if (found_several)
    store (&self->lag_ns, CLAMP (lag_ns * 2, LAG_MIN_NS, LAG_MAX_NS));
  else
    store (&self->lag_ns, lag_ns > LAG_MIN_NS ? lag_ns / 2 : 0);
}

/* Pauses for @duration_ns, or until the deadline.  Returns the time afterwards. */
static gint64
look_away (gint64  start,
           guint32 duration_ns,
           gint64  deadline)
{
  gint64 now = start;

  while (now - start < duration_ns && (deadline < 0 || now / 1000 < deadline))
    {
      mp_pause ();
      now = mp_spin_now ();
    }
  return now;
}

/* Checks the condition with growing pauses, since each check takes the cache line away from the
 * processor that is about to write it.  Returns TRUE if @look returned TRUE; FALSE if sleeping is
 * better, or if @deadline, on the monotonic clock, has passed. */
gboolean
mp_spin_until (MpSpin    *self,
               guint32    max_ns,
               gint64     deadline,
               MpSpinLook look,
               gpointer   data)
{
  guint32 limit_ns = choose_limit (self, max_ns);
  gint64  start, now, before;

  if (limit_ns == 0)
    return FALSE;

  start = mp_spin_now ();
  /* Leave at least half of the time for checks. */
  now = look_away (start, MIN (get_lag (self), limit_ns / 2), deadline);
  while (now - start < limit_ns && (deadline < 0 || now / 1000 < deadline))
    {
      before = now;
      for (guint n_pauses = 1; n_pauses <= MAX_PAUSES; n_pauses++)
        {
          if (look (data))
            {
              now = mp_spin_now ();
              if (G_UNLIKELY (now - before > PREEMPTED_NS))
                note_preempted (self);
              else
                note_success (self, (guint32) (now - start));
              return TRUE;
            }
          for (guint i = 0; i < n_pauses; i++)
            mp_pause ();
        }
      now = mp_spin_now ();
      if (G_UNLIKELY (now - before > PREEMPTED_NS))
        {
          note_preempted (self);
          return FALSE;
        }
    }
  note_failure (self, limit_ns);
  return FALSE;
}

/* To be called after a sleep from @start to @now, which a waker ended at @woken_at. */
void
mp_spin_slept (MpSpin *self,
               gint64  start,
               gint64  woken_at,
               gint64  now)
{
  const gint64 longest = 1000 * 1000;
  guint32      wait_ns = load (&self->wait_ns);
  guint32      waking_ns = load (&self->waking_ns);
  guint32      latest_wait, latest_waking;

  if (woken_at < start || woken_at > now)
    return;

  latest_wait = (guint32) MIN (woken_at - start, longest);
  latest_waking = (guint32) MIN (now - woken_at, longest);
  store (&self->wait_ns, wait_ns / 4 * 3 + latest_wait / 4);
  store (&self->waking_ns,
         waking_ns == 0 ? latest_waking : waking_ns / 8 * 7 + latest_waking / 8);
}
