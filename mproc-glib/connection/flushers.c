/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "flushers.h"

typedef struct
{
  MpFlushers *flushers;
  MpChannel  *channel;
  GObject    *owner;
  GSource    *source;
} Flush;

static void
in_child (MpForkHook *hook)
{
  MpFlushers *self = MP_FORK_HOOK_OWNER (hook, MpFlushers);

  /* Another thread of the parent was changing the list. */
  if (mp_fork_reset_mutex (&self->lock))
    self->sources = NULL;
}

void
mp_flushers_init (MpFlushers *self)
{
  g_mutex_init (&self->lock);
  mp_fork_hook_add (&self->fork_hook, in_child);
}

void
mp_flushers_clear (MpFlushers *self)
{
  mp_fork_hook_remove (&self->fork_hook);
  g_mutex_clear (&self->lock);
}

static void
flush_free (gpointer data)
{
  Flush *flush = data;

  /* The main context may be destroyed before everything is sent. */
  g_mutex_lock (&flush->flushers->lock);
  flush->flushers->sources = g_slist_remove (flush->flushers->sources, flush->source);
  g_mutex_unlock (&flush->flushers->lock);

  mp_channel_unref (flush->channel);
  g_object_unref (flush->owner);
  g_free (flush);
}

/* Whether there is already a source for this main context; if not, @source is attached to it,
 * unless it is NULL. */
static gboolean
find_or_attach (MpFlushers   *self,
                GMainContext *context,
                GSource      *source)
{
  gboolean found = FALSE;

  g_mutex_lock (&self->lock);
  for (GSList *l = self->sources; l != NULL && !found; l = l->next)
    found = g_source_get_context (l->data) == context;
  if (!found && source != NULL)
    {
      g_source_attach (source, context);
      self->sources = g_slist_prepend (self->sources, source);
    }
  g_mutex_unlock (&self->lock);
  return found;
}

static gboolean
flush_ready_cb (gpointer user_data)
{
  Flush      *flush = user_data;
  MpFlushers *self = flush->flushers;
  GSource    *source = g_main_current_source ();
  gboolean    more;

  mp_channel_flush (flush->channel);

  g_mutex_lock (&self->lock);
  more = mp_channel_has_outgoing (flush->channel);
  if (!more)
    self->sources = g_slist_remove (self->sources, source);
  g_mutex_unlock (&self->lock);

  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* Called without the lock: the channel may use a stream class of the program, whose code runs
 * here. */
static GSource *
create_source (MpFlushers *self,
               MpChannel  *channel,
               gpointer    owner,
               int         io_priority)
{
  GSource *source = mp_channel_create_source (channel, G_IO_OUT, NULL);
  Flush   *flush = g_new0 (Flush, 1);

  flush->flushers = self;
  flush->channel = mp_channel_ref (channel);
  flush->owner = g_object_ref (owner);
  flush->source = source;
  g_source_set_priority (source, io_priority);

  /* It calls the callbacks of sends, which may iterate the main context until another send ends. */
  g_source_set_can_recurse (source, TRUE);
  g_source_set_callback (source, flush_ready_cb, flush, flush_free);
  return source;
}

void
mp_flushers_ensure (MpFlushers   *self,
                    MpChannel    *channel,
                    gpointer      owner,
                    GMainContext *context,
                    int           io_priority)
{
  g_autoptr (GSource) source = NULL;

  if (context == NULL)
    context = g_main_context_default ();
  if (find_or_attach (self, context, NULL))
    return;

  source = create_source (self, channel, owner, io_priority);
  if (find_or_attach (self, context, source))
    g_source_destroy (source);
}
