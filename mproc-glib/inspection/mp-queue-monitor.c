/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-monitor-private.h"

#include "base/mp-errno.h"
#include "memory/observer.h"
#include "mp-error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n-lib.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * MpQueueMonitor:
 *
 * Observes a queue from outside: how much is queued, which processes put and get, and which
 * messages each of them holds.
 *
 * A monitor takes no messages and no locks and wakes no waiters, so it never slows down the
 * processes that use the queue. It can observe queues of processes that this process may inspect
 * through `/proc`: in general those of the same user. Its properties are a sample, made by
 * [method@QueueMonitor.refresh]; a queue whose memory is damaged is reported as such.
 *
 * ```c
 * g_autoptr (GPtrArray) monitors = mp_queue_monitor_find (NULL, &error);
 *
 * for (guint i = 0; monitors != NULL && i < monitors->len; i++)
 *   {
 *     g_autofree char *name = NULL;
 *     guint            size;
 *
 *     g_object_get (g_ptr_array_index (monitors, i), "name", &name, "size", &size, NULL);
 *     g_print ("%s: %u messages\n", name != NULL ? name : "(no name)", size);
 *   }
 * ```
 *
 * A monitor is to be used by one thread at a time.
 *
 * Since: 1.0
 */

G_DEFINE_TYPE (MpQueueMonitor, mp_queue_monitor, G_TYPE_OBJECT)

typedef enum
{
  PROP_ID = 1,
  PROP_NAME,
  PROP_KIND,
  PROP_CREATED_AT,
  PROP_CREATOR,
  PROP_MAX_SIZE,
  PROP_MAX_BYTES,
  PROP_SIZE,
  PROP_N_BYTES,
  PROP_MEMORY,
  PROP_N_PUT,
  PROP_N_GOT,
  PROP_N_UNFINISHED,
  PROP_N_HELD,
  PROP_N_AGAIN,
  PROP_N_DEAD,
  PROP_N_REDELIVERED,
  PROP_N_PROCESSES,
  PROP_N_WAITING,
  PROP_SHUT_DOWN,
  PROP_DAMAGED,
  PROP_PUT_RATE,
  PROP_GET_RATE,
  PROP_PUT_BYTE_RATE,
  PROP_GET_BYTE_RATE,
  PROP_INTERVAL_US,
  PROP_OLDEST_US,
} MpQueueMonitorProperty;

static GParamSpec *properties[PROP_OLDEST_US + 1];

/* The properties that are plain numbers of the sample. */
static const struct
{
  MpQueueMonitorProperty property;
  const char            *name;
  GType                  type;
  gsize                  offset;
} numbers[] = {
  { PROP_SIZE, "size", G_TYPE_UINT, G_STRUCT_OFFSET (MpQueueSample, size) },
  { PROP_N_BYTES, "n-bytes", G_TYPE_UINT64, G_STRUCT_OFFSET (MpQueueSample, n_bytes) },
  { PROP_MEMORY, "memory", G_TYPE_UINT64, G_STRUCT_OFFSET (MpQueueSample, memory) },
  { PROP_N_PUT, "n-put", G_TYPE_UINT64, G_STRUCT_OFFSET (MpQueueSample, n_put) },
  { PROP_N_GOT, "n-got", G_TYPE_UINT64, G_STRUCT_OFFSET (MpQueueSample, n_got) },
  { PROP_N_UNFINISHED, "n-unfinished", G_TYPE_UINT,
    G_STRUCT_OFFSET (MpQueueSample, n_unfinished) },
  { PROP_N_HELD, "n-held", G_TYPE_UINT, G_STRUCT_OFFSET (MpQueueSample, n_held) },
  { PROP_N_AGAIN, "n-again", G_TYPE_UINT, G_STRUCT_OFFSET (MpQueueSample, n_again) },
  { PROP_N_DEAD, "n-dead", G_TYPE_UINT, G_STRUCT_OFFSET (MpQueueSample, n_dead) },
  { PROP_N_REDELIVERED, "n-redelivered", G_TYPE_UINT64,
    G_STRUCT_OFFSET (MpQueueSample, n_redelivered) },
  { PROP_N_PROCESSES, "n-processes", G_TYPE_UINT, G_STRUCT_OFFSET (MpQueueSample, n_processes) },
  { PROP_SHUT_DOWN, "shut-down", G_TYPE_BOOLEAN, G_STRUCT_OFFSET (MpQueueSample, shut_down) },
  { PROP_DAMAGED, "damaged", G_TYPE_BOOLEAN, G_STRUCT_OFFSET (MpQueueSample, damaged) },
};

static const struct
{
  MpQueueMonitorProperty property;
  const char            *name;
} rates[MP_N_COUNTERS] = {
  [MP_COUNTER_PUT] = { PROP_PUT_RATE, "put-rate" },
  [MP_COUNTER_GOT] = { PROP_GET_RATE, "get-rate" },
  [MP_COUNTER_BYTES_PUT] = { PROP_PUT_BYTE_RATE, "put-byte-rate" },
  [MP_COUNTER_BYTES_GOT] = { PROP_GET_BYTE_RATE, "get-byte-rate" },
};

static guint
count_waiting (const MpQueueSample *sample)
{
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS (sample->n_sleeping); i++)
    n += sample->n_sleeping[i] + sample->n_armed[i];
  return n;
}

static void
get_number (MpQueueMonitor *self,
            guint           property_id,
            GValue         *value)
{
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      gconstpointer place = (const guint8 *) &self->sample + numbers[i].offset;

      if ((guint) numbers[i].property != property_id)
        continue;
      if (numbers[i].type == G_TYPE_UINT64)
        g_value_set_uint64 (value, *(const guint64 *) place);
      else if (numbers[i].type == G_TYPE_UINT)
        g_value_set_uint (value, *(const guint32 *) place);
      else
        g_value_set_boolean (value, *(const gboolean *) place);
    }
}

static double
get_rate (MpQueueMonitor *self,
          guint           property_id)
{
  for (guint i = 0; i < G_N_ELEMENTS (rates); i++)
    if ((guint) rates[i].property == property_id)
      return mp_sample_history_rate (&self->history, (MpSampleCounter) i);
  return 0;
}

static void
mp_queue_monitor_get_property (GObject    *object,
                               guint       property_id,
                               GValue     *value,
                               GParamSpec *pspec)
{
  MpQueueMonitor        *self = MP_QUEUE_MONITOR (object);
  const MpQueueSettings *settings = &self->identity.settings;

  switch ((MpQueueMonitorProperty) property_id)
    {
    case PROP_ID:
      g_value_set_uint64 (value, self->identity.id);
      break;
    case PROP_NAME:
      g_value_set_string (value, self->identity.name);
      break;
    case PROP_KIND:
      g_value_set_string (value, settings->kind);
      break;
    case PROP_CREATED_AT:
      g_value_set_int64 (value, self->identity.created_at);
      break;
    case PROP_CREATOR:
      g_value_set_int64 (value, self->identity.creator);
      break;
    case PROP_MAX_SIZE:
      g_value_set_uint (value, settings->max_size);
      break;
    case PROP_MAX_BYTES:
      g_value_set_uint64 (value, settings->max_bytes);
      break;
    case PROP_N_WAITING:
      g_value_set_uint (value, count_waiting (&self->sample));
      break;
    case PROP_PUT_RATE:
    case PROP_GET_RATE:
    case PROP_PUT_BYTE_RATE:
    case PROP_GET_BYTE_RATE:
      g_value_set_double (value, get_rate (self, property_id));
      break;
    case PROP_INTERVAL_US:
      g_value_set_int64 (value, mp_sample_history_interval (&self->history));
      break;
    case PROP_OLDEST_US:
      g_value_set_int64 (value, mp_sample_history_oldest (&self->history));
      break;
    case PROP_SIZE:
    case PROP_N_BYTES:
    case PROP_MEMORY:
    case PROP_N_PUT:
    case PROP_N_GOT:
    case PROP_N_UNFINISHED:
    case PROP_N_HELD:
    case PROP_N_AGAIN:
    case PROP_N_DEAD:
    case PROP_N_REDELIVERED:
    case PROP_N_PROCESSES:
    case PROP_SHUT_DOWN:
    case PROP_DAMAGED:
      get_number (self, property_id, value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
mp_queue_monitor_finalize (GObject *object)
{
  MpQueueMonitor *self = MP_QUEUE_MONITOR (object);

  if (self->observed != NULL)
    self->observer->free (self->observed);
  mp_queue_processes_clear (&self->processes);

  G_OBJECT_CLASS (mp_queue_monitor_parent_class)->finalize (object);
}

static void
install_numbers (void)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      const char *name = numbers[i].name;

      if (numbers[i].type == G_TYPE_UINT64)
        properties[numbers[i].property] =
          g_param_spec_uint64 (name, NULL, NULL, 0, G_MAXUINT64, 0, flags);
      else if (numbers[i].type == G_TYPE_UINT)
        properties[numbers[i].property] =
          g_param_spec_uint (name, NULL, NULL, 0, G_MAXUINT, 0, flags);
      else
        properties[numbers[i].property] = g_param_spec_boolean (name, NULL, NULL, FALSE, flags);
    }
  for (guint i = 0; i < G_N_ELEMENTS (rates); i++)
    properties[rates[i].property] =
      g_param_spec_double (rates[i].name, NULL, NULL, 0, G_MAXDOUBLE, 0, flags);
}

/**
 * MpQueueMonitor:size:
 *
 * How many messages are queued.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-bytes:
 *
 * How many bytes the queued messages have together.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:memory:
 *
 * How many bytes of memory the system has given to the queue.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-put:
 *
 * How many messages were ever put.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-got:
 *
 * How many messages were ever taken, each counted once however often it was delivered.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-unfinished:
 *
 * How many tasks are not done; 0 for queues that do not track tasks.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-held:
 *
 * How many tasks consumers hold.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-again:
 *
 * How many of the queued messages were delivered before, and wait for another consumer.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-dead:
 *
 * How many messages were set aside because they had been delivered too often.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-redelivered:
 *
 * How many deliveries there were of messages that had been delivered before.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:n-processes:
 *
 * How many handles on the queue are in use; a process may have several.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:put-rate:
 *
 * How many messages were put a second between the last two samples.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:get-rate:
 *
 * How many messages were taken a second between the last two samples.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:put-byte-rate:
 *
 * How many bytes the messages had together that were put in a second between the last two samples.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:get-byte-rate:
 *
 * How many bytes the messages had together that were taken in a second between the last two
 * samples.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:shut-down:
 *
 * Whether the queue was shut down.
 *
 * Since: 1.0
 */
/**
 * MpQueueMonitor:damaged:
 *
 * Whether the memory of the queue is damaged.
 *
 * Since: 1.0
 */
static void
mp_queue_monitor_class_init (MpQueueMonitorClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass     *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = mp_queue_monitor_finalize;
  object_class->get_property = mp_queue_monitor_get_property;

  /**
   * MpQueueMonitor:id:
   *
   * A number that no other queue on this machine has while this one exists.
   *
   * Since: 1.0
   */
  properties[PROP_ID] = g_param_spec_uint64 ("id", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * MpQueueMonitor:name:
   *
   * The name of the queue; %NULL when it has none.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] = g_param_spec_string ("name", NULL, NULL, NULL, flags);
  /**
   * MpQueueMonitor:kind:
   *
   * The class of the queue: `Queue`, `JoinableQueue` or `SimpleQueue`.
   *
   * Since: 1.0
   */
  properties[PROP_KIND] = g_param_spec_string ("kind", NULL, NULL, NULL, flags);
  /**
   * MpQueueMonitor:created-at:
   *
   * When the queue was made, in microseconds since 1970.
   *
   * Since: 1.0
   */
  properties[PROP_CREATED_AT] =
    g_param_spec_int64 ("created-at", NULL, NULL, G_MININT64, G_MAXINT64, 0, flags);
  /**
   * MpQueueMonitor:creator:
   *
   * The process that made the queue, by the id that it had in its own pid namespace.
   *
   * Since: 1.0
   */
  properties[PROP_CREATOR] =
    g_param_spec_int64 ("creator", NULL, NULL, G_MININT64, G_MAXINT64, 0, flags);
  /**
   * MpQueueMonitor:max-size:
   *
   * How many messages may be queued; 0 is no limit.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_SIZE] =
    g_param_spec_uint ("max-size", NULL, NULL, 0, G_MAXUINT, 0, flags);
  /**
   * MpQueueMonitor:max-bytes:
   *
   * How many bytes all queued messages may have together.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_BYTES] =
    g_param_spec_uint64 ("max-bytes", NULL, NULL, 0, G_MAXUINT64, 0, flags);
  /**
   * MpQueueMonitor:n-waiting:
   *
   * How many blocked calls and main loops wait for something of the queue.
   *
   * Since: 1.0
   */
  properties[PROP_N_WAITING] =
    g_param_spec_uint ("n-waiting", NULL, NULL, 0, G_MAXUINT, 0, flags);
  /**
   * MpQueueMonitor:interval-us:
   *
   * How many microseconds are between the last two samples, from which the rates are computed; 0
   * when there is only one. It changes with each sample, and is not notified.
   *
   * Since: 1.0
   */
  properties[PROP_INTERVAL_US] =
    g_param_spec_int64 ("interval-us", NULL, NULL, 0, G_MAXINT64, 0, flags);
  /**
   * MpQueueMonitor:oldest-us:
   *
   * For how many microseconds the next message has been queued, at least: the monitor knows it
   * from its own samples.
   *
   * Since: 1.0
   */
  properties[PROP_OLDEST_US] =
    g_param_spec_int64 ("oldest-us", NULL, NULL, 0, G_MAXINT64, 0, flags);

  install_numbers ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
mp_queue_monitor_init (MpQueueMonitor *self)
{
  self->observer = &mp_memory_observer;
  self->pid = self->fd = -1;
}

/* --- Making ------------------------------------------------------------------------------- */

MpQueueMonitor *
mp_queue_monitor_new_for_descriptor (int      fd,
                                     gboolean also_broken,
                                     GError **error)
{
  g_autoptr (MpQueueMonitor) self = g_object_new (MP_TYPE_QUEUE_MONITOR, NULL);
  struct stat status;

  if (fstat (fd, &status) == -1)
    {
      mp_set_error_from_errno (error, errno, _ ("Cannot examine the memory of the queue"));
      close (fd);
      return NULL;
    }
  self->observed = mp_memory_observer_new (fd, also_broken, error);
  if (self->observed == NULL)
    return NULL;
  self->device = status.st_dev;
  self->inode = status.st_ino;
  return mp_queue_monitor_refresh (self, error) ? g_steal_pointer (&self) : NULL;
}

MpQueueMonitor *
mp_queue_monitor_new_for_observed (const MpQueueObserver *observer,
                                   gpointer               observed)
{
  MpQueueMonitor *self = g_object_new (MP_TYPE_QUEUE_MONITOR, NULL);

  self->observer = observer;
  self->observed = observed;
  observer->identify (observed, &self->identity);
  return self;
}

/* O_NONBLOCK and O_NOCTTY, since what is not a queue may be a FIFO or a terminal. */
MpQueueMonitor *
mp_queue_monitor_new_for_path (const char *path,
                               gboolean    also_broken,
                               GError    **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd != -1)
    return mp_queue_monitor_new_for_descriptor (fd, also_broken, error);
  if (mp_check_proc (error))
    mp_set_error_from_errno (error, errno, _ ("Cannot open the memory of the queue through %s"),
                             path);
  return NULL;
}

MpQueueMonitor *
mp_queue_monitor_new_for_use (int      pid,
                              int      fd,
                              gboolean also_broken,
                              GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd/%d", pid, fd);
  MpQueueMonitor  *self = mp_queue_monitor_new_for_path (path, also_broken, error);

  if (self != NULL)
    {
      self->pid = pid;
      self->fd = fd;
    }
  return self;
}

/**
 * mp_queue_monitor_new_for_process:
 * @pid: a process
 * @fd: the number of a descriptor of that process, which is that of a queue's memory
 * @error: return location for an error
 *
 * Creates a monitor for a queue that another process has open.
 *
 * Fails with `G_IO_ERROR_NOT_FOUND` if there is no such process or descriptor, with
 * `G_IO_ERROR_PERMISSION_DENIED` if this process may not look at it, with `MP_ERROR_DAMAGED` if it
 * is not the memory of a queue, and with `MP_ERROR_CLOSED` if no process uses the queue any more.
 *
 * Returns: (transfer full): a monitor; %NULL with @error set
 *
 * Since: 1.0
 */
MpQueueMonitor *
mp_queue_monitor_new_for_process (int      pid,
                                  int      fd,
                                  GError **error)
{
  g_return_val_if_fail (pid > 0, NULL);
  g_return_val_if_fail (fd >= 0, NULL);

  return mp_queue_monitor_new_for_use (pid, fd, FALSE, error);
}

/* --- Looking ------------------------------------------------------------------------------- */

static void
notify_numbers (MpQueueMonitor      *self,
                const MpQueueSample *before)
{
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      gsize size = numbers[i].type == G_TYPE_UINT64 ? sizeof (guint64) : sizeof (guint32);

      if (memcmp ((const guint8 *) before + numbers[i].offset,
                  (const guint8 *) &self->sample + numbers[i].offset, size) != 0)
        g_object_notify_by_pspec (G_OBJECT (self), properties[numbers[i].property]);
    }
  if (count_waiting (before) != count_waiting (&self->sample))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_WAITING]);
}

/* What is computed from the last samples. */
typedef struct
{
  double rates[MP_N_COUNTERS];
  gint64 oldest;
} Derived;

static Derived
derive (const MpSampleHistory *history)
{
  Derived derived = { .oldest = mp_sample_history_oldest (history) };

  for (guint i = 0; i < MP_N_COUNTERS; i++)
    derived.rates[i] = mp_sample_history_rate (history, (MpSampleCounter) i);
  return derived;
}

static void
notify_derived (MpQueueMonitor *self,
                const Derived  *before)
{
  const Derived now = derive (&self->history);

  for (guint i = 0; i < MP_N_COUNTERS; i++)
    if (now.rates[i] != before->rates[i])
      g_object_notify_by_pspec (G_OBJECT (self), properties[rates[i].property]);
  if (now.oldest != before->oldest)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_OLDEST_US]);
}

/* Adds what was sampled now to the history. */
static void
note_sample (MpQueueMonitor *self)
{
  const guint64 counters[MP_N_COUNTERS] = {
    [MP_COUNTER_PUT] = self->sample.n_put,
    [MP_COUNTER_GOT] = self->sample.n_got,
    [MP_COUNTER_BYTES_PUT] = self->sample.n_bytes_put,
    [MP_COUNTER_BYTES_GOT] = self->sample.n_bytes_got,
  };

  mp_sample_history_add (&self->history, g_get_monotonic_time (), counters);
}

/* What is known only since there is a sample. */
static void
notify_identity (MpQueueMonitor        *self,
                 const MpQueueIdentity *before)
{
  static const MpQueueMonitorProperty constants[] = { PROP_ID, PROP_KIND, PROP_CREATED_AT,
                                                      PROP_MAX_SIZE, PROP_MAX_BYTES };

  for (guint i = 0; before->id != self->identity.id && i < G_N_ELEMENTS (constants); i++)
    g_object_notify_by_pspec (G_OBJECT (self), properties[constants[i]]);
}

gboolean
mp_queue_monitor_take_sample (MpQueueMonitor *self,
                              GError        **error)
{
  const MpQueueSample   before = self->sample;
  const MpQueueIdentity former = self->identity;
  const Derived         derived = derive (&self->history);
  MpQueueSample         sample;

  if (!self->observer->sample (self->observed, &sample, error))
    return FALSE;
  if (sample.n_processes == 0 && !sample.is_named)
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED,
                           _ ("No process uses the queue any more"));
      return FALSE;
    }

  if (!self->is_sampled)
    self->observer->identify (self->observed, &self->identity);
  self->is_sampled = TRUE;
  self->sample = sample;
  note_sample (self);

  g_object_freeze_notify (G_OBJECT (self));
  notify_identity (self, &former);
  notify_numbers (self, &before);
  notify_derived (self, &derived);
  g_object_thaw_notify (G_OBJECT (self));
  return TRUE;
}

/**
 * mp_queue_monitor_refresh:
 * @self: a monitor
 * @error: return location for an error
 *
 * Takes a new sample of the queue, and notifies the properties that have changed.
 *
 * For a queue in shared memory that takes some microseconds. For a queue on a server it is a round
 * trip, for which this call waits as long as the `timeout` of the URI: a program with a main loop
 * uses [method@QueueMonitor.refresh_async]. If the server cannot be reached, the monitor connects
 * again with the next call.
 *
 * Fails with `MP_ERROR_CLOSED` if no process uses the queue any more, unless it has a name and
 * keeps its messages, or if it was removed; the properties then keep their last values. Fails with
 * `G_IO_ERROR_PENDING` while an asynchronous call of this monitor is under way. For a queue on a
 * server it also fails with `G_IO_ERROR_NOT_FOUND` if there was none by that name so far, with
 * `G_IO_ERROR_TIMED_OUT` if the server does not answer, with the error of the connection, with
 * `MP_ERROR_AUTHENTICATION_FAILED` and `G_IO_ERROR_PERMISSION_DENIED`, and with `MP_ERROR_DAMAGED`
 * if the server has something else under that name.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_queue_monitor_refresh (MpQueueMonitor *self,
                          GError        **error)
{
  const MpQueueQuestion question = { .kind = MP_QUEUE_QUESTION_SAMPLE };

  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), FALSE);
  g_return_val_if_fail (self->observed != NULL, FALSE);

  return mp_queue_monitor_ask (self, &question, error) &&
         mp_queue_monitor_take_sample (self, error);
}

/* What is not recorded everywhere. */
static const struct
{
  const char *property;
  MpQueueFact fact;
} facts[] = {
  { "memory", MP_QUEUE_FACT_MEMORY },
  { "n-redelivered", MP_QUEUE_FACT_REDELIVERED },
  { "put-byte-rate", MP_QUEUE_FACT_BYTES_MOVED },
  { "get-byte-rate", MP_QUEUE_FACT_BYTES_MOVED },
  { "creator", MP_QUEUE_FACT_CREATOR },
};

/**
 * mp_queue_monitor_knows:
 * @self: a monitor
 * @property: the name of a property, such as `memory`
 *
 * Tells whether a property has a value that was observed.
 *
 * A server does not record all that the memory of a queue does: there `memory`, `n-redelivered`,
 * `put-byte-rate`, `get-byte-rate` and `creator` are not known, and have the value 0. Nothing but
 * the name is known before the first sample.
 *
 * Returns: whether it is known
 *
 * Since: 1.0
 */
gboolean
mp_queue_monitor_knows (MpQueueMonitor *self,
                        const char     *property)
{
  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), FALSE);
  g_return_val_if_fail (property != NULL, FALSE);
  g_return_val_if_fail (self->observed != NULL, FALSE);

  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    if (g_str_equal (facts[i].property, property) &&
        (self->observer->unknown & facts[i].fact) != 0)
      return FALSE;
  return self->is_sampled || g_str_equal (property, "name");
}

/**
 * mp_queue_monitor_dup_uri:
 * @self: a monitor
 *
 * Gets the URI by which [func@Queue.open] opens the queue.
 *
 * It is `local:NAME` for a queue that this user can open by its name, the URI without user and
 * password for one on a server, else `process:PID/FD`.
 *
 * Returns: (transfer full) (nullable): a URI; %NULL for a queue of this process without a name
 *
 * Since: 1.0
 */
char *
mp_queue_monitor_dup_uri (MpQueueMonitor *self)
{
  char *uri;

  g_return_val_if_fail (MP_IS_QUEUE_MONITOR (self), NULL);
  g_return_val_if_fail (self->observed != NULL, NULL);

  uri = self->observer->dup_uri (self->observed);
  if (uri == NULL && self->pid != -1)
    uri = g_strdup_printf ("process:%d/%d", self->pid, self->fd);
  return uri;
}
