/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "channel-private.h"

#include "base/mp-async.h"
#include "base/mp-deadline.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>

static gboolean
is_source_ready (MpChannelSource *source)
{
  if (mp_channel_is_closed (source->channel))
    return TRUE;

  if (source->pumps)
    return mp_channel_has_unfiltered (source->channel);
  return (source->condition & G_IO_IN) != 0 && mp_channel_has_message (source->channel);
}

static gboolean
mp_channel_source_prepare (GSource *base,
                           int     *timeout)
{
  *timeout = -1;
  return is_source_ready ((MpChannelSource *) base);
}

static gboolean
mp_channel_source_check (GSource *base)
{
  return is_source_ready ((MpChannelSource *) base);
}

static gboolean
mp_channel_source_dispatch (GSource    *base,
                            GSourceFunc callback,
                            gpointer    user_data)
{
  return callback == NULL ? G_SOURCE_REMOVE : callback (user_data);
}

static void
mp_channel_source_finalize (GSource *base)
{
  MpChannelSource *source = (MpChannelSource *) base;
  MpChannel       *channel = source->channel;

  mp_channel_remove_source (channel, source);
  mp_channel_unref (channel);
}

static GSourceFuncs channel_source_funcs = {
  mp_channel_source_prepare,
  mp_channel_source_check,
  mp_channel_source_dispatch,
  mp_channel_source_finalize,
};

GSource *
mp_channel_create_source (MpChannel    *self,
                          GIOCondition  condition,
                          GCancellable *cancellable)
{
  GSource         *base = g_source_new (&channel_source_funcs, sizeof (MpChannelSource));
  MpChannelSource *source = (MpChannelSource *) base;
  gboolean         entered;

  g_source_set_static_name (base, "MpChannel");
  source->channel = mp_channel_ref (self);
  source->condition = condition;
  source->link.data = source;
  source->fork_count = mp_fork_count;

  entered = mp_channel_enter (self, NULL);
  if (entered)
    source->watch = self->transport->funcs->watch (self->transport, base, condition);

  mp_async_add_cancellable (base, cancellable);

  mp_channel_add_source (self, source);
  if (entered)
    mp_channel_leave (self);
  return base;
}

GSource *
mp_channel_create_pump_source (MpChannel *self)
{
  GSource *base = mp_channel_create_source (self, G_IO_IN, NULL);

  ((MpChannelSource *) base)->pumps = TRUE;
  return base;
}

/* Whether @condition holds although the descriptor may not show it.  With a socket, that can be
 * only data read ahead; a stream may have buffered more, so it is asked. */
gboolean
mp_channel_has_pending (MpChannel   *self,
                        GIOCondition condition,
                        GError     **error)
{
  MpWaitStatus status;

  if ((condition & G_IO_IN) != 0 && mp_channel_has_message (self))
    return TRUE;
  if (self->transport->funcs->can_share (self->transport))
    return FALSE;

  status = mp_channel_wait (self, condition, 0, NULL, error);
  if (status != MP_WAIT_ERROR && status != MP_WAIT_READY &&
      self->transport->funcs->get_fd (self->transport) < 0)
    g_set_error_literal (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
                         _ ("The stream of the connection has no descriptor to wait for"));
  return status == MP_WAIT_READY;
}

/* Registers the sleeper unless a message is available. */
static gboolean
begin_wait (MpChannel        *self,
            GIOCondition      condition,
            MpChannelSleeper *sleeper)
{
  gboolean there;

  g_mutex_lock (&self->receive_lock);
  there =
    (condition & G_IO_IN) != 0 && self->occupant == NULL &&
    (self->kept.length > 0 || mp_frame_reader_peek (&self->reader, mp_channel_get_limit (self),
                                                    NULL) != MP_FRAME_INCOMPLETE);
  if (!there)
    mp_channel_begin_sleep (self, sleeper);
  g_mutex_unlock (&self->receive_lock);
  return !there;
}

static MpWaitStatus
wait_inside (MpChannel    *self,
             GIOCondition  condition,
             gint64        deadline,
             GCancellable *cancellable,
             GError      **error)
{
  MpChannelSleeper sleeper = {
    0,
  };
  MpWaitStatus status;

  while (begin_wait (self, condition, &sleeper))
    {
      status = mp_channel_sleep (self, &sleeper, condition, deadline, cancellable, error);
      if (mp_channel_is_closed (self) && status != MP_WAIT_ERROR)
        {
          g_set_error_literal (error, MP_ERROR, MP_ERROR_CLOSED,
                               _ ("The connection was closed while waiting"));
          return MP_WAIT_ERROR;
        }

      /* The thread was woken for a message that is available now, or for another reason. */
      if (status != MP_WAIT_WOKEN)
        return status;
    }

  return MP_WAIT_READY;
}

MpWaitStatus
mp_channel_wait (MpChannel    *self,
                 GIOCondition  condition,
                 gint64        timeout_us,
                 GCancellable *cancellable,
                 GError      **error)
{
  MpWaitStatus status = MP_WAIT_ERROR;

  if (!mp_channel_enter (self, error))
    return MP_WAIT_ERROR;

  if (((condition & G_IO_IN) == 0 || mp_channel_check_receiving (self, error)) &&
      ((condition & G_IO_OUT) == 0 || mp_channel_check_sending (self, error)) &&
      !g_cancellable_set_error_if_cancelled (cancellable, error))
    status =
      wait_inside (self, condition, timeout_us == 0 ? 0 : mp_deadline_for_timeout (timeout_us),
                   cancellable, error);

  mp_channel_leave (self);
  return status;
}
