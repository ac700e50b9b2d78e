/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

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
  MpQueueMonitor *monitor;
  guint           sizes[N_BARS]; /* the latest is last */
} Watched;

typedef struct
{
  GMainLoop *loop;
  GPtrArray *watched; /* Watched */
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
  g_object_unref (((Watched *) data)->monitor);
  g_free (data);
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
  watched->monitor = g_object_ref (monitor);
  g_ptr_array_add (top->watched, watched);
}

static gboolean
search (Top     *top,
        GError **error)
{
  g_autoptr (GPtrArray) monitors = NULL;

  top->searched_at = g_get_monotonic_time ();
  for (guint i = 0; i < top->n_selectors; i++)
    {
      g_autoptr (MpQueueMonitor) monitor = mp_queues_select (top->selectors[i], error);

      if (monitor == NULL)
        {
          g_prefix_error (error, "%s: ", top->selectors[i]);
          return FALSE;
        }
      watch (top, monitor);
    }
  if (top->n_selectors > 0)
    return TRUE;

  monitors = mp_queue_monitor_find (NULL, error);
  for (guint i = 0; monitors != NULL && i < monitors->len; i++)
    watch (top, g_ptr_array_index (monitors, i));
  return monitors != NULL;
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

static void
refresh (Top *top)
{
  for (guint i = top->watched->len; i > 0; i--)
    {
      Watched *watched = g_ptr_array_index (top->watched, i - 1);

      memmove (watched->sizes, watched->sizes + 1, (N_BARS - 1) * sizeof watched->sizes[0]);
      if (mp_queue_monitor_refresh (watched->monitor, NULL))
        g_object_get (watched->monitor, "size", &watched->sizes[N_BARS - 1], NULL);
      else
        g_ptr_array_remove_index (top->watched, i - 1);
    }
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
  mp_table_take (table, g_strdup_printf ("%.1f", facts.get_byte_rate / 1e6));
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
      g_autoptr (GVariant) processes = mp_queue_monitor_list_processes (monitor, NULL);
      g_autoptr (JsonBuilder) builder = json_builder_new ();

      if (processes == NULL)
        continue;
      json_builder_begin_object (builder);
      mp_queue_add_json (builder, monitor, processes);
      mp_queue_add_processes (builder, processes);
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

static gboolean
go_on (gpointer user_data)
{
  Top *top = user_data;
  g_autoptr (GError) error = NULL;

  if (top->paused)
    return G_SOURCE_CONTINUE;
  refresh (top);
  if (top->n_selectors == 0 && g_get_monotonic_time () - top->searched_at >= SEARCH_EVERY_US &&
      !search (top, &error))
    top->status = mp_command_fail ("top", error);
  draw (top);
  if (error != NULL || ++top->n_printed == n_rounds ||
      (top->n_selectors > 0 && top->watched->len == 0))
    g_main_loop_quit (top->loop);
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
