/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "mp-pool-task-private.h"

#include "pool-protocol.h"

#include "base/mp-mark.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>

/**
 * MpPoolTask:
 *
 * A task that a worker of a [class@Pool] has got from [class@PoolWorker], and answers.
 *
 * A task that is dropped without an answer, or whose worker dies, is given to another worker.
 *
 * All functions may be called from any thread.
 *
 * Since: 1.0
 */
struct _MpPoolTask
{
  GObject   parent_instance;
  MpTask   *task;
  MpQueue  *reports;
  guint32   worker; /* the id of the worker */
  guint64   number; /* identifies the task in reports */
  char     *function;
  GVariant *argument;
  gint64    mark; /* when it was begun, for Sysprof; see mp_mark_begin () */
};

G_DEFINE_FINAL_TYPE (MpPoolTask, mp_pool_task, G_TYPE_OBJECT)

typedef enum
{
  PROP_FUNCTION = 1,
  PROP_ARGUMENT,
  PROP_DELIVERY_COUNT,
} MpPoolTaskProperty;

static GParamSpec *properties[PROP_DELIVERY_COUNT + 1];

static void
mp_pool_task_finalize (GObject *object)
{
  MpPoolTask *self = MP_POOL_TASK (object);

  g_clear_object (&self->task);
  g_clear_object (&self->reports);
  g_clear_pointer (&self->argument, g_variant_unref);
  g_free (self->function);

  G_OBJECT_CLASS (mp_pool_task_parent_class)->finalize (object);
}

static void
mp_pool_task_get_property (GObject    *object,
                           guint       property_id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  MpPoolTask *self = MP_POOL_TASK (object);

  switch ((MpPoolTaskProperty) property_id)
    {
    case PROP_FUNCTION:
      g_value_set_string (value, self->function);
      break;
    case PROP_ARGUMENT:
      g_value_set_variant (value, self->argument);
      break;
    case PROP_DELIVERY_COUNT:
      g_value_set_uint (value, mp_pool_task_get_delivery_count (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
mp_pool_task_class_init (MpPoolTaskClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  GObjectClass     *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = mp_pool_task_finalize;
  object_class->get_property = mp_pool_task_get_property;

  /**
   * MpPoolTask:function: (getter get_function)
   *
   * What is to be done.
   *
   * Since: 1.0
   */
  properties[PROP_FUNCTION] = g_param_spec_string ("function", NULL, NULL, NULL, flags);

  /**
   * MpPoolTask:argument: (getter get_argument)
   *
   * The argument that was submitted.
   *
   * Since: 1.0
   */
  properties[PROP_ARGUMENT] =
    g_param_spec_variant ("argument", NULL, NULL, G_VARIANT_TYPE_ANY, NULL, flags);

  /**
   * MpPoolTask:delivery-count: (getter get_delivery_count)
   *
   * How many workers were given the task, including this one.
   *
   * Since: 1.0
   */
  properties[PROP_DELIVERY_COUNT] =
    g_param_spec_uint ("delivery-count", NULL, NULL, 0, G_MAXUINT, 0, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
mp_pool_task_init (MpPoolTask *self)
{
}

MpPoolTask *
mp_pool_task_new (MpTask  *task,
                  MpQueue *reports,
                  guint32  worker,
                  GError **error)
{
  g_autoptr (MpPoolTask) self = g_object_new (MP_TYPE_POOL_TASK, NULL);
  g_autoptr (GVariant) packed = NULL;

  self->task = task;
  self->reports = g_object_ref (reports);
  self->worker = worker;
  self->mark = mp_mark_begin ();
  packed = mp_message_get_variant (mp_task_get_message (task), error);
  if (packed == NULL)
    return NULL;
  if (!mp_pool_task_unpack (packed, &self->number, &self->function, &self->argument))
    {
      g_set_error_literal (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                           _ ("A message in the queue of the pool is no task"));
      return NULL;
    }
  return g_steal_pointer (&self);
}

guint64
mp_pool_task_get_number (MpPoolTask *self)
{
  return self->number;
}

void
mp_pool_task_drop (MpPoolTask *self)
{
  mp_task_done (self->task, NULL);
}

/**
 * mp_pool_task_get_function: (get-property function)
 * @self: a task
 *
 * Gets what is to be done.
 *
 * Returns: (transfer none) (nullable): the name that was submitted; %NULL if the task was created
 *   by other code
 *
 * Since: 1.0
 */
const char *
mp_pool_task_get_function (MpPoolTask *self)
{
  g_return_val_if_fail (MP_IS_POOL_TASK (self), NULL);

  return self->function;
}

/**
 * mp_pool_task_get_argument: (get-property argument)
 * @self: a task
 *
 * Gets the argument that was submitted.
 *
 * Returns: (transfer none) (nullable): the argument; %NULL if the task was created by other code
 *
 * Since: 1.0
 */
GVariant *
mp_pool_task_get_argument (MpPoolTask *self)
{
  g_return_val_if_fail (MP_IS_POOL_TASK (self), NULL);

  return self->argument;
}

/**
 * mp_pool_task_get_delivery_count: (get-property delivery-count)
 * @self: a task
 *
 * Gets how many workers were given the task, including this one.
 *
 * Returns: the number of deliveries
 *
 * Since: 1.0
 */
guint
mp_pool_task_get_delivery_count (MpPoolTask *self)
{
  g_return_val_if_fail (MP_IS_POOL_TASK (self), 0);

  return self->task != NULL ? mp_task_get_delivery_count (self->task) : 0;
}

/* Only one that a worker has got belongs to a pool. */
static gboolean
check_task (MpPoolTask *self,
            GError    **error)
{
  if (self->task == NULL)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_STALE, _ ("The task belongs to no pool"));
  return self->task != NULL;
}

/* First the result, and then the end of the task: if the worker dies in between, the task is done
 * twice, and the second result is ignored. */
static gboolean
answer (MpPoolTask      *self,
        MpPoolReportKind kind,
        GVariant        *value,
        GError         **error)
{
  mp_mark_end (self->mark, "task", self->function);
  self->mark = 0;
  return mp_queue_put (self->reports,
                       mp_pool_report_pack (kind, self->worker, self->number, value), -1, NULL,
                       error) &&
         mp_task_done (self->task, error);
}

/**
 * mp_pool_task_return_value:
 * @self: a task
 * @value: the result; a floating reference is taken
 * @error: return location for an error
 *
 * Answers the task with its result.
 *
 * Fails with `MP_ERROR_STALE` if the task was answered, or given to another worker meanwhile; as
 * [method@Queue.put] does, for example with `MP_ERROR_TOO_LARGE`, and with `MP_ERROR_CLOSED` if the
 * pool is gone.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_pool_task_return_value (MpPoolTask *self,
                           GVariant   *value,
                           GError    **error)
{
  g_return_val_if_fail (MP_IS_POOL_TASK (self), FALSE);
  g_return_val_if_fail (value != NULL, FALSE);

  return check_task (self, error) && answer (self, MP_POOL_REPORT_VALUE, value, error);
}

/**
 * mp_pool_task_return_error:
 * @self: a task
 * @failure: the error
 * @error: return location for an error
 *
 * Makes the task fail.
 *
 * Domain, code and message are sent to the pool. If the domain exists there, the same error is
 * returned, otherwise `MP_ERROR_REMOTE` with the domain's name prepended to the message. Fails as
 * [method@PoolTask.return_value] does.
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_pool_task_return_error (MpPoolTask   *self,
                           const GError *failure,
                           GError      **error)
{
  g_return_val_if_fail (MP_IS_POOL_TASK (self), FALSE);
  g_return_val_if_fail (failure != NULL, FALSE);

  return check_task (self, error) &&
         answer (self, MP_POOL_REPORT_ERROR, mp_pool_error_pack (failure), error);
}

/**
 * mp_pool_task_return_error_literal:
 * @self: a task
 * @domain: the name of the domain of the error
 * @code: its code
 * @message: what happened
 * @error: return location for an error
 *
 * Makes the task fail; see [method@PoolTask.return_error].
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_pool_task_return_error_literal (MpPoolTask *self,
                                   const char *domain,
                                   int         code,
                                   const char *message,
                                   GError    **error)
{
  g_autoptr (GError) failure = NULL;

  g_return_val_if_fail (MP_IS_POOL_TASK (self), FALSE);
  g_return_val_if_fail (domain != NULL && *domain != '\0', FALSE);
  g_return_val_if_fail (message != NULL, FALSE);

  failure = g_error_new_literal (g_quark_from_string (domain), code, message);
  return mp_pool_task_return_error (self, failure, error);
}

/**
 * mp_pool_task_set_progress:
 * @self: a task
 * @fraction: how much is done, from 0 to 1
 * @text: (nullable): a description of the current step
 * @error: return location for an error
 *
 * Sets how far the work has progressed, which tools show. See [method@Task.set_progress].
 *
 * Returns: %TRUE; %FALSE with @error set
 *
 * Since: 1.0
 */
gboolean
mp_pool_task_set_progress (MpPoolTask *self,
                           double      fraction,
                           const char *text,
                           GError    **error)
{
  g_return_val_if_fail (MP_IS_POOL_TASK (self), FALSE);
  g_return_val_if_fail (fraction >= 0 && fraction <= 1, FALSE);

  return check_task (self, error) && mp_task_set_progress (self->task, fraction, text, error);
}
