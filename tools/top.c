/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "base/public-uri.h"
#include "holders.h"
#include "queues.h"
#include "screen.h"
#include "select.h"
#include "show.h"
#include "terminal.h"

#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* So many values of the size are shown as bars. */
#define N_BARS 12

/* The most processes that are shown if the output is not a screen. */
#define MAX_PROCESSES 100

/* The most tasks of a queue that is shown alone. */
#define MAX_TASKS 100

/* How often to search for new queues. */
#define SEARCH_EVERY_US (2 * G_USEC_PER_SEC)

static double   n_seconds = 1;
static int      n_rounds = -1;
static gboolean plain;
static char    *sort_column;

static const GOptionEntry options[] = {
  { "delay", 'd', 0, G_OPTION_ARG_DOUBLE, &n_seconds, "The time between two pictures (1)",
    "SECONDS" },
  { "number", 'n', 0, G_OPTION_ARG_INT, &n_rounds, "Ends after so many pictures", "N" },
  { "batch", 'b', 0, G_OPTION_ARG_NONE, &plain, "Writes one picture behind the other", NULL },
  { "sort", 's', 0, G_OPTION_ARG_STRING, &sort_column, "By name, size, put, got, open or dead",
    "COLUMN" },
  { NULL },
};

typedef struct
{
  struct _Top    *top;
  MpQueueMonitor *monitor;
  guint           sizes[N_BARS]; /* the latest is last */
  gboolean        is_refreshing;
  char           *problem; /* why the last refresh failed, or NULL */
} Watched;

typedef struct _Top
{
  GMainLoop *loop;
  GPtrArray *watched; /* Watched */
  guint      n_refreshing;
  gboolean   is_round; /* a picture is to be drawn when all have answered */
  char     **selectors;
  guint      n_selectors;
  gint64     searched_at;
  int        n_printed;
  guint64    chosen;   /* the id of the queue that is selected on the screen; 0 is none */
  gboolean   is_alone; /* that queue is shown alone */
  gboolean   paused;
  gboolean   on_screen;
  int        status;
} Top;

static void
watched_free (gpointer data)
{
  Watched *self = data;

  g_object_unref (self->monitor);
  g_free (self->problem);
  g_free (self);
}

/* --- Which queues ----------------------------------------------------------------------------- */

static guint64
id_of (MpQueueMonitor *monitor)
{
  guint64 id;

  g_object_get (monitor, "id", &id, NULL);
  return id;
}

static void
watch (Top            *top,
       MpQueueMonitor *monitor)
{
  Watched *watched;

  for (guint i = 0; i < top->watched->len; i++)
    if (id_of (((Watched *) g_ptr_array_index (top->watched, i))->monitor) == id_of (monitor))
      return;
  watched = g_new0 (Watched, 1);
  watched->top = top;
  watched->monitor = g_object_ref (monitor);
  g_ptr_array_add (top->watched, watched);
}

static void
watch_all (Top       *top,
           GPtrArray *monitors)
{
  for (guint i = 0; i < monitors->len; i++)
    watch (top, g_ptr_array_index (monitors, i));
}

static gboolean
search (Top     *top,
        GError **error)
{
  g_autoptr (GPtrArray) found = NULL;

  top->searched_at = g_get_monotonic_time ();
  for (guint i = 0; i < top->n_selectors; i++)
    {
      g_autoptr (GPtrArray) monitors = mp_queues_select_all (top->selectors[i], error);

      if (monitors == NULL)
        {
          g_autofree char *shown = mp_public_uri (top->selectors[i]);

          g_prefix_error (error, "%s: ", shown);
          return FALSE;
        }
      watch_all (top, monitors);
    }
  if (top->n_selectors > 0)
    return TRUE;

  found = mp_queue_monitor_find (NULL, error);
  if (found != NULL)
    watch_all (top, found);
  return found != NULL;
}

static void
found_on_server (GObject      *object,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autoptr (GPtrArray) monitors = mp_queue_monitor_find_on_server_finish (result, NULL);

  if (monitors != NULL)
    watch_all (user_data, monitors);
}

/* Searches for new queues of this machine, unless queues were named, and of servers. */
static gboolean
search_again (Top     *top,
              GError **error)
{
  if (g_get_monotonic_time () - top->searched_at < SEARCH_EVERY_US)
    return TRUE;
  if (top->n_selectors == 0)
    return search (top, error);
  top->searched_at = g_get_monotonic_time ();
  for (guint i = 0; i < top->n_selectors; i++)
    if (mp_queues_is_server (top->selectors[i]))
      mp_queue_monitor_find_on_server_async (top->selectors[i], G_PRIORITY_DEFAULT, NULL,
                                             found_on_server, top);
  return TRUE;
}

static Watched *
find_chosen (Top   *top,
             guint *index)
{
  for (guint i = 0; i < top->watched->len; i++)
    {
      Watched *watched = g_ptr_array_index (top->watched, i);

      *index = i;
      if (id_of (watched->monitor) == top->chosen)
        return watched;
    }
  *index = 0;
  return NULL;
}

/* Selects the queue @n_rows below the selected one. */
static void
move (Top *top,
      int  n_rows)
{
  const int n = (int) top->watched->len;
  guint     index;

  if (n == 0)
    return;
  if (find_chosen (top, &index) == NULL)
    n_rows = 0;
  index = (guint) CLAMP ((int) index + n_rows, 0, n - 1);
  top->chosen = id_of (((Watched *) g_ptr_array_index (top->watched, index))->monitor);
}

/* --- Order ------------------------------------------------------------------------------------ */

static const char *const columns[] = { "name", "size", "put", "got", "open", "dead" };

static double
key_of (const MpQueueFacts *facts)
{
  switch (sort_column != NULL ? sort_column[0] : 's')
    {
    case 'p':
      return facts->put_rate;
    case 'g':
      return facts->get_rate;
    case 'o':
      return facts->n_unfinished;
    case 'd':
      return facts->n_dead;
    default:
      return facts->size;
    }
}

static int
compare (gconstpointer a,
         gconstpointer b)
{
  MpQueueMonitor *first = (*(Watched **) a)->monitor, *second = (*(Watched **) b)->monitor;
  g_auto (MpQueueFacts) facts = { 0 };
  g_auto (MpQueueFacts) others = { 0 };
  g_autofree char *name = mp_queue_dup_name (first);
  g_autofree char *other = mp_queue_dup_name (second);

  if (sort_column != NULL && sort_column[0] == 'n')
    return g_strcmp0 (name, other);
  mp_queue_get_facts (first, &facts);
  mp_queue_get_facts (second, &others);
  return (key_of (&facts) < key_of (&others)) - (key_of (&facts) > key_of (&others));
}

static void
sort_by_next (void)
{
  guint next = 0;

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    if (g_strcmp0 (columns[i], sort_column != NULL ? sort_column : "size") == 0)
      next = (i + 1) % G_N_ELEMENTS (columns);
  g_free (sort_column);
  sort_column = g_strdup (columns[next]);
}

/* --- A picture ------------------------------------------------------------------------------ */

static char *
dup_bars (const Watched *watched)
{
  static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
  g_autoptr (GString) text = g_string_new (NULL);
  guint most = 1;

  for (guint i = 0; i < N_BARS; i++)
    most = MAX (most, watched->sizes[i]);
  for (guint i = 0; i < N_BARS; i++)
    g_string_append (text, bars[(guint64) watched->sizes[i] * (G_N_ELEMENTS (bars) - 1) / most]);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
add_row (MpTable       *table,
         const Watched *watched)
{
  g_auto (MpQueueFacts) facts = { 0 };

  mp_queue_get_facts (watched->monitor, &facts);
  mp_table_take (table, mp_queue_dup_label (watched->monitor));
  mp_table_take (table, g_strdup_printf ("%u", facts.size));
  mp_table_take (table, dup_bars (watched));
  mp_table_take (table, g_strdup_printf ("%.1f", facts.put_rate));
  mp_table_take (table, g_strdup_printf ("%.1f", facts.get_rate));
  mp_table_take (table, facts.knows_byte_rates
                          ? g_strdup_printf ("%.1f", facts.get_byte_rate / 1e6)
                          : g_strdup ("-"));
  mp_table_take (table, g_strdup_printf ("%u", facts.n_unfinished));
  mp_table_take (table, g_strdup_printf ("%u", facts.n_held));
  mp_table_take (table, g_strdup_printf ("%u", facts.n_dead));
  mp_table_color (table, facts.n_dead > 0 ? MP_COLOR_ALARM : MP_COLOR_NONE);
  mp_table_take (table, facts.oldest_us > 0 ? mp_output_duration (facts.oldest_us)
                                            : g_strdup ("-"));
  mp_table_take (table, g_strdup_printf ("%u", facts.n_processes));
}

/* Prints the processes below the queues, at most @n_rows. */
static void
print_processes (Top  *top,
                 guint first,
                 guint n_shown,
                 guint n_rows,
                 guint width)
{
  g_autoptr (GPtrArray) monitors = g_ptr_array_new ();

  for (guint i = first; i < first + n_shown; i++)
    g_ptr_array_add (monitors, ((Watched *) g_ptr_array_index (top->watched, i))->monitor);
  if (n_shown > 0 && n_rows > 0)
    {
      g_print ("\n");
      mp_holders_print (monitors, n_rows, width);
    }
}

/* Of those shown, says why what is shown is old. */
static void
print_problems (Top  *top,
                guint first,
                guint n_shown)
{
  for (guint i = first; i < first + n_shown; i++)
    {
      const Watched   *watched = g_ptr_array_index (top->watched, i);
      g_autofree char *label = mp_queue_dup_label (watched->monitor);
      g_autofree char *text = NULL, *safe = NULL;
      g_autoptr (GString) line = g_string_new (NULL);

      if (watched->problem == NULL)
        continue;
      text = g_strdup_printf ("%s: %s", label, watched->problem);
      safe = mp_terminal_escape (text);
      mp_output_append (line, safe, MP_COLOR_ALARM);
      g_print ("%s\n", line->str);
    }
}

static void
print_title (Top *top)
{
  const char *keys = !top->on_screen ? ""
                     : top->is_alone ? "  [q]uit [Enter] back [p]ause"
                                     : "  [q]uit [s]ort [Enter] show [p]ause";

  if (!mp_output.quiet)
    g_print ("mproc top  %u %s  every %.1f s%s%s\n", top->watched->len,
             top->watched->len == 1 ? "queue" : "queues", n_seconds, keys,
             top->paused ? "  paused" : "");
}

/* On a screen, three lines are not for queues: the title, the headings, and the last, which stays
 * empty.  The processes follow if at least three lines are left: an empty one, the headings, and a
 * process. */
static void
print_table (Top *top)
{
  static const char *const headings[] = { "NAME", ">SIZE", "LAST", ">PUT/S", ">GOT/S", ">MB/S",
                                          ">OPEN", ">HELD", ">DEAD", ">OLDEST", ">HANDLES",
                                          NULL };
  MpTable                 *table = mp_table_new (headings);
  guint                    width, height, n, first = 0, index;

  mp_terminal_size (&width, &height);
  n = top->on_screen ? MIN (top->watched->len, height > 3 ? height - 3 : 1) : top->watched->len;
  g_ptr_array_sort (top->watched, compare);
  if (top->on_screen && find_chosen (top, &index) != NULL)
    {
      first = index < n ? 0 : index - n + 1;
      mp_table_select (table, index - first);
    }
  for (guint i = first; i < first + n; i++)
    add_row (table, g_ptr_array_index (top->watched, i));
  print_title (top);
  mp_table_print (table, top->on_screen ? width : 0);
  print_problems (top, first, n);
  print_processes (top, first, n, top->on_screen ? height - MIN (height, n + 5) : MAX_PROCESSES,
                   top->on_screen ? width : 0);
}

/* Shows only the selected queue.  Returns FALSE if it is gone. */
static gboolean
print_alone (Top *top)
{
  guint    index;
  Watched *watched = find_chosen (top, &index);

  if (watched == NULL)
    return FALSE;
  print_title (top);
  g_print ("\n");
  return mp_show_print (watched->monitor, MAX_TASKS, NULL);
}

static void
print_json (Top *top)
{
  for (guint i = 0; i < top->watched->len; i++)
    {
      MpQueueMonitor *monitor = ((Watched *) g_ptr_array_index (top->watched, i))->monitor;
      const char     *problem = ((Watched *) g_ptr_array_index (top->watched, i))->problem;
      g_autoptr (GVariant) processes = mp_queue_monitor_list_processes (monitor, NULL);
      g_autoptr (JsonBuilder) builder = json_builder_new ();

      if (processes == NULL)
        continue;
      json_builder_begin_object (builder);
      mp_queue_add_json (builder, monitor, processes);
      mp_queue_add_processes (builder, processes);
      if (problem != NULL)
        {
          json_builder_set_member_name (builder, "problem");
          json_builder_add_string_value (builder, problem);
        }
      json_builder_end_object (builder);
      mp_output_json (builder);
    }
}

static void
draw (Top *top)
{
  if (mp_output.json != MP_OUTPUT_TABLE)
    {
      print_json (top);
      return;
    }
  if (top->on_screen)
    mp_screen_begin ();
  top->is_alone = top->is_alone && print_alone (top);
  if (!top->is_alone)
    print_table (top);
  if (top->on_screen)
    mp_screen_end ();
  else
    g_print ("\n");
}

/* --- The program ---------------------------------------------------------------------------- */

/* Draws a picture of what is known, and ends the program if it was the last one. */
static void
end_round (Top *top)
{
  g_autoptr (GError) error = NULL;

  top->is_round = FALSE;
  if (!search_again (top, &error))
    top->status = mp_command_fail ("top", error);
  draw (top);
  if (error != NULL || ++top->n_printed == n_rounds ||
      (top->n_selectors > 0 && top->watched->len == 0))
    g_main_loop_quit (top->loop);
}

/* A queue that is gone is not shown any more; one whose server cannot be reached is. */
static void
refreshed (GObject      *object,
           GAsyncResult *result,
           gpointer      user_data)
{
  MpQueueMonitor *monitor = MP_QUEUE_MONITOR (object);
  Watched        *watched = user_data;
  Top            *top = watched->top;
  g_autoptr (GError) error = NULL;
  g_autofree char *uri = NULL;

  watched->is_refreshing = FALSE;
  top->n_refreshing--;
  g_clear_pointer (&watched->problem, g_free);
  if (mp_queue_monitor_refresh_finish (monitor, result, &error))
    {
      memmove (watched->sizes, watched->sizes + 1, (N_BARS - 1) * sizeof watched->sizes[0]);
      g_object_get (monitor, "size", &watched->sizes[N_BARS - 1], NULL);
    }
  else
    {
      uri = mp_queue_monitor_dup_uri (monitor);
      if (mp_queue_is_gone (error) || uri == NULL || !mp_queues_is_on_server (uri))
        g_ptr_array_remove (top->watched, watched);
      else
        watched->problem = g_strdup (error->message);
    }
  if (top->is_round && top->n_refreshing == 0)
    end_round (top);
}

/* Begins a round.  If the last one has not ended since a server does not answer, what is known by
 * now is shown. */
static gboolean
go_on (gpointer user_data)
{
  Top *top = user_data;

  if (top->paused)
    return G_SOURCE_CONTINUE;
  if (top->is_round)
    end_round (top);
  top->is_round = TRUE;
  for (guint i = 0; i < top->watched->len; i++)
    {
      Watched *watched = g_ptr_array_index (top->watched, i);

      if (watched->is_refreshing)
        continue;
      watched->is_refreshing = TRUE;
      top->n_refreshing++;
      mp_queue_monitor_refresh_async (watched->monitor, G_PRIORITY_DEFAULT, NULL, refreshed,
                                      watched);
    }
  if (top->watched->len == 0)
    end_round (top);
  return G_SOURCE_CONTINUE;
}

static gboolean
end (gpointer user_data)
{
  g_main_loop_quit (((Top *) user_data)->loop);
  return G_SOURCE_CONTINUE;
}

/* --- Keys ----------------------------------------------------------------------------------- */

static void
quit (Top *top)
{
  g_main_loop_quit (top->loop);
}

static void
toggle_pause (Top *top)
{
  top->paused = !top->paused;
}

static void
sort_next (Top *top)
{
  sort_by_next ();
}

static void
move_up (Top *top)
{
  move (top, -1);
}

static void
move_down (Top *top)
{
  move (top, 1);
}

static void
back (Top *top)
{
  top->is_alone = FALSE;
}

static gboolean
redraw (gpointer user_data)
{
  draw (user_data);
  return G_SOURCE_CONTINUE;
}

static void
choose_or_back (Top *top)
{
  if (!top->is_alone)
    move (top, 0);
  top->is_alone = !top->is_alone;
}

static const struct
{
  const char *keys; /* what a terminal sends */
  void (*act) (Top *top);
} actions[] = {
  { "q", quit },
  { "p", toggle_pause },
  { "s", sort_next },
  { "\n", choose_or_back },
  { "\r", choose_or_back },
  { "\033[A", move_up },
  { "\033OA", move_up },
  { "k", move_up },
  { "\033[B", move_down },
  { "\033OB", move_down },
  { "j", move_down },
  { "\033", back },
};

/* Handles the key at the beginning of @text.  Returns its length in bytes. */
static gsize
act_on (Top        *top,
        const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++)
    if (g_str_has_prefix (text, actions[i].keys))
      {
        actions[i].act (top);
        return strlen (actions[i].keys);
      }
  return 1;
}

static gboolean
read_key (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  char   text[64];
  gssize n = read (fd, text, sizeof text - 1);

  /* The terminal is gone. */
  if (n <= 0 && (condition & G_IO_HUP) != 0)
    {
      quit (user_data);
      return G_SOURCE_REMOVE;
    }
  text[MAX (n, 0)] = '\0';
  for (const char *rest = text; *rest != '\0';)
    rest += act_on (user_data, rest);
  draw (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
check_options (void)
{
  gboolean is_column = sort_column == NULL;

  for (guint i = 0; i < G_N_ELEMENTS (columns) && !is_column; i++)
    is_column = g_str_equal (columns[i], sort_column);
  if (is_column && n_seconds >= 0.01)
    return TRUE;
  g_printerr ("mproc: top: -d takes at least 0.01 seconds, and -s one of name, size, put, got,"
              " open and dead\n");
  return FALSE;
}

static int
run (int    argc,
     char **argv)
{
  g_autoptr (GError) error = NULL;
  Top top = { 0 };
  int status;

  if (!mp_command_parse (&mp_command_top, &argc, &argv, 0, G_MAXINT, &status))
    return status;
  if (!check_options ())
    return MP_EXIT_USAGE;

  top.selectors = argv + 1;
  top.n_selectors = (guint) argc - 1;
  top.watched = g_ptr_array_new_with_free_func (watched_free);
  if (!search (&top, &error))
    return mp_command_fail ("top", error);

  top.loop = g_main_loop_new (NULL, FALSE);
  top.on_screen = !plain && mp_output.json == MP_OUTPUT_TABLE && mp_screen_open ();
  if (top.on_screen)
    {
      g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, read_key, &top);
      g_unix_signal_add (SIGWINCH, redraw, &top);
    }
  g_unix_signal_add (SIGINT, end, &top);
  g_unix_signal_add (SIGTERM, end, &top);
  g_timeout_add ((guint) (n_seconds * 1000), go_on, &top);
  draw (&top);
  if (++top.n_printed != n_rounds)
    g_main_loop_run (top.loop);

  mp_screen_close ();
  g_ptr_array_unref (top.watched);
  g_main_loop_unref (top.loop);
  return top.status;
}

const MpCommand mp_command_top = {
  .name = "top",
  .arguments = "[QUEUE…]",
  .summary = "Shows queues again and again",
  .options = options,
  .run = run,
};
