/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-queue-private.h"

#include "base/mp-spin.h"
#include "memory/queue-name.h"

/**
 * MpQueue:
 *
 * A queue of messages between processes, in shared memory.
 *
 * Any number of producers and consumers, in all processes that have opened the queue, put and get
 * in one total order: first in, first out. If a process is killed, at any instant, no message that
 * was put is lost and no other process hangs.
 *
 * ```c
 * g_autoptr (MpQueue) queue = mp_queue_new (0, &error);
 * g_autoptr (GVariant) answer = NULL;
 *
 * mp_queue_put (queue, g_variant_new_int64 (42), -1, NULL, &error);
 * answer = mp_queue_get (queue, G_USEC_PER_SEC, NULL, &error);
 * ```
 *
 * A message keeps the format in which it was put, and is converted for a reader that asks for
 * another one. If that is impossible, the message stays queued.
 *
 * `max-size` bounds how many messages are queued, `max-bytes` how many bytes they have together;
 * messages that consumers hold count for neither. A timeout is in microseconds: -1 means no
 * timeout, 0 does not wait. Waiting never iterates a main context; for programs with a main loop
 * there are the asynchronous calls, [method@Queue.create_source] and [signal@Queue::message].
 *
 * To hand a queue to another process see [class@Process] and
 * [method@Connection.send_shareable]; a forked child can use it as it is.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */

G_DEFINE_TYPE_WITH_CODE (MpQueue,
                         mp_queue,
                         G_TYPE_OBJECT,
                         G_ADD_PRIVATE (MpQueue)
                           G_IMPLEMENT_INTERFACE (MP_TYPE_SHAREABLE, mp_queue_shareable_init)
                             G_IMPLEMENT_INTERFACE (MP_TYPE_WAITABLE, mp_queue_waitable_init))

typedef enum
{
  PROP_NAME = 1,
  PROP_MAX_SIZE,
  PROP_MAX_BYTES,
  PROP_SIZE,
  PROP_N_BYTES,
  PROP_SPIN,
  PROP_CODEC,
  PROP_CLOSED,
  PROP_URI,
  PROP_OPENED,
} MpQueueProperty;

static GParamSpec *properties[PROP_OPENED + 1];

/* Opens a new queue, unless the object was created for one that is already open. */
static void
mp_queue_constructed (GObject *object)
{
  MpQueuePrivate *priv = mp_queue_get_private (MP_QUEUE (object));

  G_OBJECT_CLASS (mp_queue_parent_class)->constructed (object);

  if (priv->store.home == NULL && priv->store.error == NULL)
    mp_queue_store_make (&priv->store);
  else if (priv->store.home != NULL)
    priv->store.backend->get_settings (priv->store.home, &priv->store.settings);
}

static void
mp_queue_dispose (GObject *object)
{
  MpQueuePrivate *priv = mp_queue_get_private (MP_QUEUE (object));

  mp_queue_bells_drop (&priv->bells);

  G_OBJECT_CLASS (mp_queue_parent_class)->dispose (object);
}

static void
mp_queue_finalize (GObject *object)
{
  MpQueuePrivate *priv = mp_queue_get_private (MP_QUEUE (object));

  mp_queue_store_clear (&priv->store);
  mp_queue_bells_clear (&priv->bells);

  G_OBJECT_CLASS (mp_queue_parent_class)->finalize (object);
}

static void
mp_queue_get_property (GObject    *object,
                       guint       property_id,
                       GValue     *value,
                       GParamSpec *pspec)
{
  MpQueue        *self = MP_QUEUE (object);
  MpQueuePrivate *priv = mp_queue_get_private (self);

  switch ((MpQueueProperty) property_id)
    {
    case PROP_NAME:
      g_value_set_string (value, mp_queue_get_name (self));
      break;
    case PROP_MAX_SIZE:
      g_value_set_uint (value, mp_queue_get_max_size (self));
      break;
    case PROP_MAX_BYTES:
      g_value_set_uint64 (value, mp_queue_get_max_bytes (self));
      break;
    case PROP_SIZE:
      g_value_set_uint (value, mp_queue_get_size (self));
      break;
    case PROP_N_BYTES:
      g_value_set_uint64 (value, mp_queue_get_n_bytes (self));
      break;
    case PROP_SPIN:
      g_value_set_uint (value, priv->spin_us);
      break;
    case PROP_CODEC:
      g_value_set_string (value, mp_queue_get_codec (self));
      break;
    case PROP_CLOSED:
      g_value_set_boolean (value, mp_queue_get_closed (self));
      break;
    case PROP_URI:
      g_value_set_string (value, mp_queue_get_uri (self));
      break;
    case PROP_OPENED:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
set_spin (MpQueue *self,
          guint    spin_us)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  if (priv->spin_us == spin_us)
    return;

  priv->spin_us = spin_us;
  if (priv->store.home != NULL)
    priv->store.backend->set_spin (priv->store.home, spin_us);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SPIN]);
}

static void
mp_queue_set_property (GObject      *object,
                       guint         property_id,
                       const GValue *value,
                       GParamSpec   *pspec)
{
  MpQueue        *self = MP_QUEUE (object);
  MpQueuePrivate *priv = mp_queue_get_private (self);

  switch ((MpQueueProperty) property_id)
    {
    case PROP_NAME:
      mp_queue_settings_set_name (&priv->store.settings, g_value_get_string (value),
                                  &priv->store.error);
      break;
    case PROP_MAX_SIZE:
      priv->store.settings.max_size = g_value_get_uint (value);
      break;
    case PROP_MAX_BYTES:
      priv->store.settings.max_bytes = g_value_get_uint64 (value);
      break;
    case PROP_SPIN:
      set_spin (self, g_value_get_uint (value));
      break;
    case PROP_CODEC:
      mp_queue_set_codec (self, g_value_get_string (value));
      break;
    case PROP_OPENED:
      if (g_value_get_pointer (value) != NULL)
        priv->store = *(MpQueueStore *) g_value_get_pointer (value);
      break;
    case PROP_SIZE:
    case PROP_N_BYTES:
    case PROP_CLOSED:
    case PROP_URI:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
install_signals (MpQueueClass *klass)
{
  /**
   * MpQueue::message:
   * @self: a queue
   * @message: a message that was got
   *
   * Emitted for each message between [method@Queue.start] and [method@Queue.stop], in the
   * main context of the start.
   *
   * Since: 1.0
   */
  mp_queue_signals[MP_QUEUE_SIGNAL_MESSAGE] =
    g_signal_new ("message", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, MP_TYPE_MESSAGE);

  /**
   * MpQueue::closed:
   * @self: a queue
   * @reason: (nullable): the reason: `MP_ERROR_CLOSED` if the queue was shut down and is drained;
   *   %NULL if this object was closed by a call
   *
   * Emitted once, when [property@Queue:closed] becomes %TRUE: when this object is closed, or,
   * between [method@Queue.start] and [method@Queue.stop], when no more messages will come, which
   * closes this object. Emitted in the thread that closes it.
   *
   * Since: 1.0
   */
  mp_queue_signals[MP_QUEUE_SIGNAL_CLOSED] =
    g_signal_new ("closed", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
mp_queue_class_init (MpQueueClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  mp_queue_private_offset = g_type_class_get_instance_private_offset (klass);

  object_class->constructed = mp_queue_constructed;
  object_class->dispose = mp_queue_dispose;
  object_class->finalize = mp_queue_finalize;
  object_class->get_property = mp_queue_get_property;
  object_class->set_property = mp_queue_set_property;

  /**
   * MpQueue:name:
   *
   * The name by which tools show the queue; %NULL if it has none.
   *
   * It consists of a letter and at most 62 further letters, digits, dots, underscores and hyphens.
   * Names of queues need not be unique.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
    g_param_spec_string ("name", NULL, NULL, NULL,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:max-size:
   *
   * The maximum number of queued messages; 0 means no limit.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_SIZE] =
    g_param_spec_uint ("max-size", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:max-bytes:
   *
   * The maximum size of all queued messages together, in bytes, and thus of a single message.
   *
   * 0 in a constructor stands for 4 GiB. Memory is allocated only as messages need it.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_BYTES] =
    g_param_spec_uint64 ("max-bytes", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:size:
   *
   * The number of queued messages. Changes are not notified.
   *
   * Since: 1.0
   */
  properties[PROP_SIZE] =
    g_param_spec_uint ("size", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:n-bytes:
   *
   * The size of all queued messages together, in bytes. Changes are not notified.
   *
   * Since: 1.0
   */
  properties[PROP_N_BYTES] =
    g_param_spec_uint64 ("n-bytes", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:spin:
   *
   * The longest time, in microseconds, that a blocking call spins before it sleeps.
   *
   * It spins only as long as that has been successful lately, and never on a machine with one
   * processor. 0 disables spinning, as does the environment variable `MPROC_GLIB_SPIN_US=0` for all
   * queues of a process.
   *
   * Since: 1.0
   */
  properties[PROP_SPIN] =
    g_param_spec_uint ("spin", NULL, NULL, 0, MP_SPIN_MAX_US,
                       MP_SPIN_DEFAULT_US,
                       G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:codec:
   *
   * The name of the codec whose opaque messages [method@Queue.get_payload] can read; %NULL for
   * none.
   *
   * It belongs to this object, and is not passed on with the queue.
   *
   * Since: 1.0
   */
  properties[PROP_CODEC] =
    g_param_spec_string ("codec", NULL, NULL, NULL,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:closed:
   *
   * Whether this object is closed.
   *
   * It is closed by [method@Queue.close], and before [signal@Queue::closed] is emitted.
   *
   * Since: 1.0
   */
  properties[PROP_CLOSED] =
    g_param_spec_boolean ("closed", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:uri:
   *
   * The URI by which the queue was opened, without user and password; %NULL for a queue without a
   * name that others can open.
   *
   * Since: 1.0
   */
  properties[PROP_URI] =
    g_param_spec_string ("uri", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * MpQueue:opened: (skip)
   *
   * The backend's handle, if the object is created for a queue that is already open.
   *
   * Since: 1.0
   */
  properties[PROP_OPENED] =
    g_param_spec_pointer ("opened", NULL, NULL,
                          G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
  install_signals (klass);
}

static void
mp_queue_init (MpQueue *self)
{
  MpQueuePrivate *priv = mp_queue_get_private (self);

  priv->spin_us = mp_spin_choose_us ();
  g_strlcpy (priv->store.settings.kind, "Queue", MP_QUEUE_KIND_SIZE);
  mp_queue_bells_init (&priv->bells, &priv->store);
}

/**
 * mp_queue_new:
 * @max_size: how many messages may be queued; 0 is no limit
 * @error: return location for an error
 *
 * Creates a queue.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpQueue *
mp_queue_new (guint    max_size,
              GError **error)
{
  return mp_queue_new_full (max_size, 0, error);
}

/**
 * mp_queue_new_full:
 * @max_size: how many messages may be queued; 0 is no limit
 * @max_bytes: how many bytes all queued messages may have together; 0 is 4 GiB
 * @error: return location for an error
 *
 * Creates a queue with limits on the number and the size of messages.
 *
 * Returns: (transfer full): a queue, or %NULL with @error set
 *
 * Since: 1.0
 */
MpQueue *
mp_queue_new_full (guint    max_size,
                   guint64  max_bytes,
                   GError **error)
{
  g_autoptr (MpQueue) self = g_object_new (MP_TYPE_QUEUE,
                                           "max-size", max_size,
                                           "max-bytes", max_bytes,
                                           NULL);

  return mp_queue_check (self, error) ? g_steal_pointer (&self) : NULL;
}

/**
 * mp_queue_get_uri: (get-property uri)
 * @self: a queue
 *
 * Gets the URI by which the queue was opened, without user and password.
 *
 * Returns: (nullable): the URI; %NULL for a queue without a name that others can open
 *
 * Since: 1.0
 */
const char *
mp_queue_get_uri (MpQueue *self)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return mp_queue_get_private (self)->store.uri;
}

/**
 * mp_queue_get_name: (get-property name)
 * @self: a queue
 *
 * Gets the name by which tools show the queue.
 *
 * Returns: (nullable): the name; %NULL if it has none
 *
 * Since: 1.0
 */
const char *
mp_queue_get_name (MpQueue *self)
{
  const char *name;

  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  name = mp_queue_get_private (self)->store.settings.name;
  return name[0] != '\0' ? name : NULL;
}

/**
 * mp_queue_set_codec: (set-property codec)
 * @self: a queue
 * @codec: (nullable): the name of a codec
 *
 * Sets the codec whose opaque messages [method@Queue.get_payload] can read.
 *
 * Since: 1.0
 */
void
mp_queue_set_codec (MpQueue    *self,
                    const char *codec)
{
  MpQueuePrivate *priv;

  g_return_if_fail (MP_IS_QUEUE (self));

  /* Interned, since another thread may be getting with the former one. */
  priv = mp_queue_get_private (self);
  codec = g_intern_string (codec);
  if (g_atomic_pointer_get (&priv->codec) == codec)
    return;
  g_atomic_pointer_set (&priv->codec, (gpointer) codec);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_CODEC]);
}

/**
 * mp_queue_get_codec: (get-property codec)
 * @self: a queue
 *
 * Tells the codec whose opaque messages [method@Queue.get_payload] can read.
 *
 * Returns: (nullable): its name; %NULL if there is none
 *
 * Since: 1.0
 */
const char *
mp_queue_get_codec (MpQueue *self)
{
  g_return_val_if_fail (MP_IS_QUEUE (self), NULL);

  return g_atomic_pointer_get (&mp_queue_get_private (self)->codec);
}

/**
 * mp_queue_get_size: (get-property size)
 * @self: a queue
 *
 * Gets the exact number of queued messages at the moment of the call.
 *
 * Returns: the number of messages
 *
 * Since: 1.0
 */
guint
mp_queue_get_size (MpQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_QUEUE (self), 0);

  mp_queue_store_count (&mp_queue_get_private (self)->store, &counts);
  return counts.size;
}

/**
 * mp_queue_is_empty:
 * @self: a queue
 *
 * Checks whether no message is queued at the moment of the call.
 *
 * Returns: whether the queue is empty
 *
 * Since: 1.0
 */
gboolean
mp_queue_is_empty (MpQueue *self)
{
  return mp_queue_get_size (self) == 0;
}

/**
 * mp_queue_is_full:
 * @self: a queue
 *
 * Checks whether there is no room for another message at the moment of the call.
 *
 * Returns: whether a put would have to wait
 *
 * Since: 1.0
 */
gboolean
mp_queue_is_full (MpQueue *self)
{
  MpQueuePrivate *priv;
  MpQueueCounts   counts;

  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);

  priv = mp_queue_get_private (self);
  mp_queue_store_count (&mp_queue_get_private (self)->store, &counts);
  return priv->store.home != NULL &&
         ((priv->store.settings.max_size != 0 && counts.size >= priv->store.settings.max_size) ||
          counts.n_bytes >= priv->store.settings.max_bytes);
}

/**
 * mp_queue_get_max_size: (get-property max-size)
 * @self: a queue
 *
 * Gets the maximum number of queued messages.
 *
 * Returns: the number of messages; 0 is no limit
 *
 * Since: 1.0
 */
guint
mp_queue_get_max_size (MpQueue *self)
{
  MpQueuePrivate *priv;

  g_return_val_if_fail (MP_IS_QUEUE (self), 0);

  priv = mp_queue_get_private (self);
  return priv->store.settings.max_size;
}

/**
 * mp_queue_get_max_bytes: (get-property max-bytes)
 * @self: a queue
 *
 * Gets the maximum size of all queued messages together.
 *
 * Returns: the number of bytes
 *
 * Since: 1.0
 */
guint64
mp_queue_get_max_bytes (MpQueue *self)
{
  MpQueuePrivate *priv;

  g_return_val_if_fail (MP_IS_QUEUE (self), 0);

  priv = mp_queue_get_private (self);
  return priv->store.settings.max_bytes;
}

/**
 * mp_queue_get_n_bytes: (get-property n-bytes)
 * @self: a queue
 *
 * Gets the size of all queued messages together at the moment of the call.
 *
 * Returns: the number of bytes
 *
 * Since: 1.0
 */
guint64
mp_queue_get_n_bytes (MpQueue *self)
{
  MpQueueCounts counts;

  g_return_val_if_fail (MP_IS_QUEUE (self), 0);

  mp_queue_store_count (&mp_queue_get_private (self)->store, &counts);
  return counts.n_bytes;
}

/**
 * mp_queue_get_closed: (get-property closed)
 * @self: a queue
 *
 * Gets whether this object is closed.
 *
 * Returns: whether this object is closed
 *
 * Since: 1.0
 */
gboolean
mp_queue_get_closed (MpQueue *self)
{
  MpQueuePrivate *priv;

  g_return_val_if_fail (MP_IS_QUEUE (self), FALSE);

  priv = mp_queue_get_private (self);
  return g_atomic_int_get (&priv->store.phase) == MP_QUEUE_STORE_CLOSED;
}
