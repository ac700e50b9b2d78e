/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A window that stays responsive while workers work:  window [--begin]
 *
 * With --begin the first tasks are put without pressing the button. */

#include <gtk/gtk.h>
#include <unistd.h>

#include "child.h"

#define N_WORKERS 2
#define N_TASKS   12
#define TICK_MS   50

typedef struct
{
  MpJoinableQueue *tasks;
  MpQueue         *results;
  gboolean         begin;

  GtkProgressBar *bar;
  GtkLabel       *clock;
  GtkListBox     *list;
  guint           n_ticks;
  guint           timer;
} Window;

/* The work of a worker. */

static gboolean
do_task (MpTask  *task,
         MpQueue *results,
         GError **error)
{
  g_autoptr (GVariant) number = mp_message_get_variant (mp_task_get_message (task), error);
  g_autofree char *text = NULL;

  if (number == NULL)
    return FALSE;

  g_usleep (200000); /* stands for the actual work */
  text = g_strdup_printf ("Task %" G_GINT64_FORMAT " was done by process %d",
                          g_variant_get_int64 (number), getpid ());

  return mp_queue_put (results, g_variant_new_string (text), -1, NULL, error) &&
         mp_task_done (task, error);
}

static gboolean
work (GError **error)
{
  g_autoptr (MpJoinableQueue) tasks = MP_JOINABLE_QUEUE (mp_inherit ("tasks", error));
  g_autoptr (MpQueue) results = tasks != NULL ? MP_QUEUE (mp_inherit ("results", error)) : NULL;
  g_autoptr (GError) end = NULL;

  if (results == NULL)
    return FALSE;

  while (end == NULL)
    {
      g_autoptr (MpTask) task = mp_joinable_queue_get_task (tasks, -1, NULL, &end);

      if (task != NULL && !do_task (task, results, error))
        return FALSE;
    }

  if (g_error_matches (end, MP_ERROR, MP_ERROR_CLOSED))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&end));
  return FALSE;
}

/* The window, which shows the progress and the results of the workers. */

/* The queue has no bound, so put does not wait. */
static void
add_tasks (Window *self)
{
  gint64 n_total = mp_joinable_queue_get_n_total (self->tasks);
  g_autoptr (GError) error = NULL;

  for (int i = 1; i <= N_TASKS; i++)
    {
      if (!mp_queue_put (MP_QUEUE (self->tasks), g_variant_new_int64 (n_total + i), -1, NULL,
                         &error))
        {
          g_printerr ("%s\n", error->message);
          return;
        }
    }
}

static void
count_cb (Window *self)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " done",
                                           mp_joinable_queue_get_n_done (self->tasks),
                                           mp_joinable_queue_get_n_total (self->tasks));

  if (g_strcmp0 (text, gtk_progress_bar_get_text (self->bar)) == 0)
    return;

  gtk_progress_bar_set_text (self->bar, text);
  g_print ("%s at tick %u\n", text, self->n_ticks);
}

static void
result_cb (Window    *self,
           MpMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) result = mp_message_get_variant (message, &error);
  GtkWidget *label = gtk_label_new (result != NULL ? g_variant_get_string (result, NULL)
                                                   : error->message);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_list_box_append (self->list, label);
}

/* The window is responsive as long as the clock ticks. */
static gboolean
tick_cb (gpointer user_data)
{
  Window          *self = user_data;
  g_autofree char *text = g_strdup_printf ("The clock has ticked %u times", ++self->n_ticks);

  gtk_label_set_text (self->clock, text);

  return G_SOURCE_CONTINUE;
}

static GtkWidget *
make_content (Window *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12);
  GtkWidget *scrolled = gtk_scrolled_window_new ();

  self->bar = g_object_new (GTK_TYPE_PROGRESS_BAR, "show-text", TRUE, "text", "Nothing to do",
                            "margin-start", 12, "margin-end", 12, NULL);
  self->clock = GTK_LABEL (gtk_label_new (NULL));
  self->list = GTK_LIST_BOX (gtk_list_box_new ());

  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), GTK_WIDGET (self->list));
  gtk_widget_set_vexpand (scrolled, TRUE);
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->bar));
  gtk_box_append (GTK_BOX (box), GTK_WIDGET (self->clock));
  gtk_box_append (GTK_BOX (box), scrolled);

  return box;
}

static void
closed_cb (Window *self)
{
  mp_joinable_queue_set_report_progress (self->tasks, FALSE);
  mp_queue_stop (self->results);
  g_clear_handle_id (&self->timer, g_source_remove);
}

static void
show (Window         *self,
      GtkApplication *app)
{
  GtkWidget       *window = gtk_application_window_new (app);
  GtkWidget       *header = gtk_header_bar_new ();
  g_autofree char *label = g_strdup_printf ("Add %d Tasks", N_TASKS);
  GtkWidget       *button = gtk_button_new_with_label (label);

  g_signal_connect_swapped (button, "clicked", G_CALLBACK (add_tasks), self);
  gtk_header_bar_pack_start (GTK_HEADER_BAR (header), button);

  gtk_window_set_title (GTK_WINDOW (window), "Workers");
  gtk_window_set_titlebar (GTK_WINDOW (window), header);
  gtk_window_set_default_size (GTK_WINDOW (window), 420, 520);
  gtk_window_set_child (GTK_WINDOW (window), make_content (self));
  g_signal_connect_swapped (window, "destroy", G_CALLBACK (closed_cb), self);
  gtk_window_present (GTK_WINDOW (window));
}

static void
activate_cb (Window         *self,
             GtkApplication *app)
{
  show (self, app);

  g_object_bind_property (self->tasks, "progress", self->bar, "fraction", G_BINDING_DEFAULT);
  g_signal_connect_swapped (self->tasks, "notify::n-done", G_CALLBACK (count_cb), self);
  mp_joinable_queue_set_report_progress (self->tasks, TRUE);
  g_signal_connect_swapped (self->results, "message", G_CALLBACK (result_cb), self);
  mp_queue_start (self->results, G_PRIORITY_DEFAULT_IDLE);
  self->timer = g_timeout_add (TICK_MS, tick_cb, self);

  if (self->begin)
    add_tasks (self);
}

/* The main program: starts workers, shows the window, and ends after the workers. */

static GPtrArray *
start_workers (Window     *self,
               const char *program,
               GError    **error)
{
  g_autoptr (GPtrArray) workers = g_ptr_array_new_with_free_func (g_object_unref);

  for (int i = 0; i < N_WORKERS; i++)
    {
      MpProcess *worker = make_child (program, "work", NULL);

      g_ptr_array_add (workers, worker);
      mp_process_give (worker, "tasks", MP_SHAREABLE (self->tasks));
      mp_process_give (worker, "results", MP_SHAREABLE (self->results));
      if (!mp_process_start (worker, error))
        return NULL;
    }

  return g_steal_pointer (&workers);
}

/* Workers finish their current task, and take no other one. */
static gboolean
stop_workers (Window    *self,
              GPtrArray *workers,
              GError   **error)
{
  if (!mp_queue_shutdown (MP_QUEUE (self->tasks), TRUE, error))
    return FALSE;

  for (guint i = 0; i < workers->len; i++)
    {
      if (!mp_process_join (workers->pdata[i], -1, NULL, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
run (const char *program,
     gboolean    begin,
     GError    **error)
{
  g_autoptr (GtkApplication) app = gtk_application_new (NULL, G_APPLICATION_DEFAULT_FLAGS);
  g_autoptr (MpJoinableQueue) tasks = mp_joinable_queue_new (0, error);
  g_autoptr (MpQueue) results = tasks != NULL ? mp_queue_new (0, error) : NULL;
  g_autoptr (GPtrArray) workers = NULL;
  Window self = { .tasks = tasks, .results = results, .begin = begin };

  if (results == NULL)
    return FALSE;

  workers = start_workers (&self, program, error);
  if (workers == NULL)
    return FALSE;

  g_signal_connect_swapped (app, "activate", G_CALLBACK (activate_cb), &self);
  g_application_run (G_APPLICATION (app), 0, NULL);
  if (!stop_workers (&self, workers, error))
    return FALSE;

  g_print ("Closed\n");
  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  const char *word = argc > 1 ? argv[1] : "";
  g_autoptr (GError) error = NULL;
  gboolean done;

  if (g_str_equal (word, "work"))
    done = work (&error);
  else
    done = run (argv[0], g_str_equal (word, "--begin"), &error);

  if (!done)
    g_printerr ("%s: %s\n", argv[0], error->message);

  return done ? 0 : 1;
}
