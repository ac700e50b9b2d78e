/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-interrupts-private.h"

#include "mp-deadline.h"
#include "mp-fd-identity.h"
#include "mp-fork.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A signal handler of an interpreter only sets a flag, and can write a byte to a descriptor.  Here
 * that descriptor is a file of which the first word is mapped: so the handler changes memory, and a
 * sleep on a futex that compares this word does not begin.  A thread could not wait for a
 * descriptor and a futex together. */

typedef struct
{
  MpForkHook   fork_hook;
  int          fd;
  MpFdIdentity identity;
  guint32     *word;
  gboolean     is_armed; /* between mp_interrupts_begin () and mp_interrupts_end () */
} Interrupts;

static gboolean
has_file (Interrupts *self)
{
  return self->word != NULL && mp_fd_identity_is_of (&self->identity, self->fd);
}

static void
clear (Interrupts *self)
{
  if (has_file (self))
    close (self->fd);
  if (self->word != NULL)
    munmap (self->word, sizeof *self->word);
  self->fd = -1;
  self->word = NULL;
  self->is_armed = FALSE;
}

/* A forked child must not use the file of its parent.  It is closed at once: the child may be a
 * daemon, which closes all descriptors and opens other files. */
static void
in_child (MpForkHook *hook)
{
  clear (MP_FORK_HOOK_OWNER (hook, Interrupts));
}

static void
interrupts_free (gpointer data)
{
  Interrupts *self = data;

  mp_fork_hook_remove (&self->fork_hook);
  clear (self);
  g_free (self);
}

static GPrivate thread_interrupts = G_PRIVATE_INIT (interrupts_free);

/* Whether the system can sleep on two futexes, which was added in Linux 5.16. */
static gboolean
is_supported (void)
{
#ifdef FUTEX_32
  return syscall (SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == EINVAL;
#else
  return FALSE;
#endif
}

/* Makes the file and maps its first word. */
static gboolean
open_file (Interrupts *self)
{
  gpointer word;
  int      fd = memfd_create ("mproc-glib-interrupts", MFD_CLOEXEC);

  if (fd < 0)
    return FALSE;

  /* set_wakeup_fd () of Python demands O_NONBLOCK. */
  word = ftruncate (fd, sizeof *self->word) == 0 && fcntl (fd, F_SETFL, O_NONBLOCK) == 0
           ? mmap (NULL, sizeof *self->word, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
           : MAP_FAILED;
  if (word == MAP_FAILED || !mp_fd_identity_take (&self->identity, fd))
    {
      close (fd);
      return FALSE;
    }

  self->fd = fd;
  self->word = word;
  return TRUE;
}

static gboolean
create (Interrupts *self)
{
  gboolean opened;

  if (!is_supported ())
    return FALSE;

  mp_fork_block ();
  opened = open_file (self);
  mp_fork_unblock ();
  return opened;
}

/* Also makes the next byte go to the word again. */
static void
reset (Interrupts *self)
{
  lseek (self->fd, 0, SEEK_SET);
  __atomic_store_n (self->word, 0, __ATOMIC_SEQ_CST);
}

static Interrupts *
get_armed (void)
{
  Interrupts *self = g_private_get (&thread_interrupts);

  return self != NULL && self->is_armed ? self : NULL;
}

guint32 *
mp_interrupts_get_word (void)
{
  Interrupts *self = get_armed ();

  return self != NULL ? self->word : NULL;
}

static gboolean
take (Interrupts *self)
{
  if (__atomic_load_n (self->word, __ATOMIC_SEQ_CST) == 0)
    return FALSE;
  reset (self);
  return TRUE;
}

gboolean
mp_interrupts_take (void)
{
  Interrupts *self = get_armed ();

  return self != NULL && take (self);
}

int
mp_interrupts_poll (struct pollfd         *fds,
                    guint                  n_fds,
                    const struct timespec *timeout)
{
  Interrupts *self = get_armed ();
  sigset_t    all, before;
  int         n_fired = -1, code = EINTR;

  if (self == NULL)
    return ppoll (fds, n_fds, timeout, NULL);

  /* From the check on, a signal is delivered only when ppoll () sleeps. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  if (!take (self))
    {
      n_fired = ppoll (fds, n_fds, timeout, &before);
      code = errno;
    }
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  errno = code;
  return n_fired;
}

/**
 * mp_interrupts_begin:
 *
 * Makes signals that arrive before a wait of this thread end it, too.
 *
 * The signal handler of an interpreter only takes a note, and the interpreter does the rest between
 * two calls. If a signal arrives after the interpreter has looked, and before a wait with
 * `MP_WAIT_FLAGS_INTERRUPTIBLE` sleeps, it would be noticed only when the wait is over. To avoid
 * this, call this function, have the signal handler write a byte to the descriptor, look for
 * signals, and then wait:
 *
 * ```python
 * before = signal.set_wakeup_fd(Mp.interrupts_begin(), warn_on_full_buffer=False)
 * try:
 *     queue.wait(Mp.Condition.READABLE, Mp.WaitFlags.INTERRUPTIBLE, -1, None)
 * finally:
 *     signal.set_wakeup_fd(before)
 *     Mp.interrupts_end()
 * ```
 *
 * What is written ends one wait of the thread that called this function, or keeps the next one from
 * sleeping. Another call forgets what was written before.
 *
 * Returns: a descriptor that belongs to the library and to this thread of this process, and that
 *   can be written from any thread; -1 if the system does not support this, or the process has run
 *   out of descriptors
 *
 * Since: 1.0
 */
int
mp_interrupts_begin (void)
{
  Interrupts *self = g_private_get (&thread_interrupts);

  if (self == NULL)
    {
      self = g_new0 (Interrupts, 1);
      self->fd = -1;
      mp_fork_hook_add (&self->fork_hook, in_child);
      g_private_set (&thread_interrupts, self);
    }
  if (!has_file (self))
    clear (self);
  if (self->word == NULL && !create (self))
    return -1;
  reset (self);
  self->is_armed = TRUE;
  return self->fd;
}

/**
 * mp_interrupts_end:
 *
 * Ends what [func@interrupts_begin] began.
 *
 * Nothing happens if that was not called, or has failed.
 *
 * Since: 1.0
 */
void
mp_interrupts_end (void)
{
  Interrupts *self = g_private_get (&thread_interrupts);

  if (self != NULL)
    self->is_armed = FALSE;
}

G_STATIC_ASSERT (sizeof (GPollFD) == sizeof (struct pollfd));

/* A GPollFD has the layout of a struct pollfd. */
static gint
poll_interruptibly (GPollFD *fds,
                    guint    n_fds,
                    gint     timeout_ms)
{
  struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };

  return mp_interrupts_poll ((struct pollfd *) fds, n_fds, timeout_ms < 0 ? NULL : &timeout);
}

static gboolean
continue_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static GSource *
attach_timeout (GMainContext *context,
                gint64        timeout_us)
{
  GSource *source = g_timeout_source_new (0);

  g_source_set_callback (source, continue_cb, NULL, NULL);
  g_source_set_ready_time (source, mp_deadline_for_timeout (timeout_us));
  g_source_attach (source, context);
  return source;
}

/**
 * mp_interrupts_iterate:
 * @context: a main context that this thread owns, or that has no owner
 * @timeout_us: how long to sleep, in microseconds; -1 for ever, 0 not at all
 *
 * Runs one iteration of a main context, which a signal ends.
 *
 * Like [method@GLib.MainContext.iteration], but it also returns if a signal arrives while it sleeps
 * or, after [func@interrupts_begin], before. This is for an interpreter that waits for the result
 * of an asynchronous call in a main context of its own.
 *
 * Since: 1.0
 */
void
mp_interrupts_iterate (GMainContext *context,
                       gint64        timeout_us)
{
  g_autoptr (GSource) timeout = NULL;
  GPollFunc before;

  g_return_if_fail (context != NULL);

  before = g_main_context_get_poll_func (context);
  g_main_context_set_poll_func (context, poll_interruptibly);
  if (timeout_us > 0)
    timeout = attach_timeout (context, timeout_us);

  g_main_context_iteration (context, timeout_us != 0);

  if (timeout != NULL)
    g_source_destroy (timeout);
  g_main_context_set_poll_func (context, before);
}
