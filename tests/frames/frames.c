/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts the frames of a window beside a queue or connection that always has another message:
 * frames MODE. Ends after so many frames; a stream that leaves no time to draw never does. */

#include <gtk/gtk.h>
#include <mproc-glib/mproc-glib.h>

#define N_FRAMES 60
#define N_QUEUED 20

typedef struct
{
  GApplication *app;
  GtkLabel     *label;
  guint         n_frames;
  guint         n_messages;

  MpQueue      *queue;
  MpConnection *sender;
  MpConnection *receiver;
} Counter;

typedef struct
{
  const char *name;
  void (*begin) (Counter *self);
} Mode;

static gboolean
frame_cb (GtkWidget     *widget,
          GdkFrameClock *clock,
          gpointer       user_data)
{
  Counter         *self = user_data;
  g_autofree char *text = g_strdup_printf ("%u frames", ++self->n_frames);

  gtk_label_set_label (self->label, text);
  if (self->n_frames < N_FRAMES)
    return G_SOURCE_CONTINUE;

  g_print ("%u frames beside %u messages\n", self->n_frames, self->n_messages);
  g_application_quit (self->app);
  return G_SOURCE_REMOVE;
}

static void
put_again (Counter *self)
{
  self->n_messages++;
  mp_queue_put (self->queue, g_variant_new_uint32 (self->n_messages), -1, NULL, NULL);
}

static void
send_again (Counter *self)
{
  self->n_messages++;
  mp_connection_send (self->sender, g_variant_new_uint32 (self->n_messages), -1, NULL, NULL);
}

static void
begin_message (Counter *self)
{
  g_signal_connect_swapped (self->queue, "message", G_CALLBACK (put_again), self);
  mp_queue_start (self->queue, G_PRIORITY_DEFAULT_IDLE);
}

static void
got_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  Counter  *self = user_data;
  GVariant *value = mp_queue_get_finish (self->queue, result, NULL);

  g_clear_pointer (&value, g_variant_unref);
  put_again (self);
  mp_queue_get_async (self->queue, G_PRIORITY_DEFAULT_IDLE, NULL, got_cb, self);
}

static void
begin_get (Counter *self)
{
  mp_queue_get_async (self->queue, G_PRIORITY_DEFAULT_IDLE, NULL, got_cb, self);
}

static void
begin_connection_message (Counter *self)
{
  g_signal_connect_swapped (self->receiver, "message", G_CALLBACK (send_again), self);
  mp_connection_start (self->receiver, G_PRIORITY_DEFAULT_IDLE);
}

static const Mode modes[] = {
  { "message", begin_message },
  { "get", begin_get },
  { "connection-message", begin_connection_message },
};

static void
activate_cb (GtkApplication *app,
             gpointer        user_data)
{
  Counter   *self = user_data;
  GtkWidget *window = gtk_application_window_new (app);

  self->label = GTK_LABEL (gtk_label_new (NULL));
  gtk_window_set_child (GTK_WINDOW (window), GTK_WIDGET (self->label));
  gtk_widget_add_tick_callback (window, frame_cb, self, NULL);
  gtk_window_present (GTK_WINDOW (window));
}

static void
fill (Counter *self)
{
  for (guint i = 0; i < N_QUEUED; i++)
    {
      put_again (self);
      send_again (self);
    }
}

int
main (int    argc,
      char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";
  g_autoptr (GtkApplication) app = gtk_application_new (NULL, G_APPLICATION_NON_UNIQUE);
  Counter self = { .app = G_APPLICATION (app) };

  self.queue = mp_queue_new (0, NULL);
  if (self.queue == NULL || !mp_pipe (FALSE, &self.receiver, &self.sender, NULL))
    return 1;

  fill (&self);
  self.n_messages = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      if (g_str_equal (modes[i].name, name))
        modes[i].begin (&self);
    }

  g_signal_connect (app, "activate", G_CALLBACK (activate_cb), &self);
  return g_application_run (self.app, 0, NULL);
}
