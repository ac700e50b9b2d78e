/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "measure.h"

#include "command.h"
#include "output.h"

#include <string.h>

/* The times of so many round trips are kept, those of further ones are dropped. */
#define MAX_TRIPS 1000000

/* The clock is read once for so many messages. */
#define CLOCK_EVERY 64

typedef struct
{
  MpQueue  *there, *back, *results;
  guint8   *buffer;
  gsize     size;
  gint64    end;
  MpMeasure measure;
} Role;

static void
note (Role   *role,
      guint64 number)
{
  role->measure.n++;
  role->measure.checksum += number;
}

static gboolean
put_number (Role    *role,
            MpQueue *queue,
            guint64  number,
            GError **error)
{
  memcpy (role->buffer, &number, sizeof number);
  return mp_queue_put_data (queue, role->buffer, role->size, -1, NULL, error);
}

static gboolean
get_number (Role    *role,
            MpQueue *queue,
            guint64 *number,
            GError **error)
{
  if (mp_queue_get_into (queue, role->buffer, role->size, -1, NULL, error) < 0 ||
      (MP_IS_JOINABLE_QUEUE (queue) &&
       !mp_joinable_queue_task_done (MP_JOINABLE_QUEUE (queue), error)))
    return FALSE;
  memcpy (number, role->buffer, sizeof *number);
  return TRUE;
}

static gboolean
run_put (Role    *role,
         GError **error)
{
  role->measure.first = g_get_monotonic_time ();
  for (guint64 i = 0; i % CLOCK_EVERY != 0 || g_get_monotonic_time () < role->end; i++)
    {
      if (!put_number (role, role->there, i, error))
        return FALSE;
      note (role, i);
    }
  return TRUE;
}

static gboolean
run_get (Role    *role,
         GError **error)
{
  g_autoptr (GError) reason = NULL;
  guint64 number;

  while (get_number (role, role->there, &number, &reason))
    {
      if (role->measure.n == 0)
        role->measure.first = g_get_monotonic_time ();
      note (role, number);
    }
  if (g_error_matches (reason, MP_ERROR, MP_ERROR_CLOSED))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&reason));
  return FALSE;
}

/* Measures round trips.  The first one is not counted, since it includes the start of the other
 * process. */
static gboolean
run_ask (Role    *role,
         GError **error)
{
  guint64 number;

  role->measure.trips = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint64 i = 0; g_get_monotonic_time () < role->end; i++)
    {
      const gint64 start = g_get_monotonic_time ();
      gint64       now;
      guint32      trip;

      if (!put_number (role, role->there, i, error) ||
          !get_number (role, role->back, &number, error))
        return FALSE;
      if (i == 0)
        {
          role->measure.first = g_get_monotonic_time ();
          role->end += role->measure.first - start;
          continue;
        }
      now = g_get_monotonic_time ();
      trip = (guint32) MIN (now - start, G_MAXUINT32);
      note (role, number);
      if (role->measure.trips->len < MAX_TRIPS)
        g_array_append_val (role->measure.trips, trip);
    }
  return mp_queue_shutdown (role->there, FALSE, error);
}

static gboolean
run_echo (Role    *role,
          GError **error)
{
  g_autoptr (GError) reason = NULL;
  guint64 number;

  while (get_number (role, role->there, &number, &reason))
    if (!put_number (role, role->back, number, error))
      return FALSE;
  return TRUE;
}

static const struct
{
  const char *name;
  gboolean (*run) (Role    *role,
                   GError **error);
  gboolean has_result;
} roles[] = {
  { "put", run_put, TRUE },
  { "get", run_get, TRUE },
  { "ask", run_ask, TRUE },
  { "echo", run_echo, FALSE },
};

static gboolean
report (Role    *role,
        GError **error)
{
  const GArray *trips = role->measure.trips;

  return mp_queue_put (
    role->results,
    g_variant_new ("(ttxx@au)", role->measure.n, role->measure.checksum, role->measure.first,
                   g_get_monotonic_time (),
                   g_variant_new_fixed_array (G_VARIANT_TYPE_UINT32,
                                              trips != NULL ? trips->data : NULL,
                                              trips != NULL ? trips->len : 0, sizeof (guint32))),
    -1, NULL, error);
}

static gboolean
inherit (Role    *role,
         GError **error)
{
  role->there = (MpQueue *) mp_inherit ("there", error);
  role->back = role->there != NULL ? (MpQueue *) mp_inherit ("back", error) : NULL;
  role->results = role->back != NULL ? (MpQueue *) mp_inherit ("results", error) : NULL;
  return role->results != NULL;
}

int
mp_measure_run (const char *name,
                gsize       size,
                gint64      duration_us)
{
  g_autoptr (GError) error = NULL;
  Role     role = { .size = size, .buffer = g_malloc0 (size) };
  gboolean is_done = FALSE;

  if (inherit (&role, &error))
    {
      role.end = g_get_monotonic_time () + duration_us;
      for (guint i = 0; i < G_N_ELEMENTS (roles); i++)
        if (strcmp (roles[i].name, name) == 0)
          is_done = roles[i].run (&role, &error) &&
                    (!roles[i].has_result || report (&role, &error));
    }
  g_clear_object (&role.there);
  g_clear_object (&role.back);
  g_clear_object (&role.results);
  mp_measure_clear (&role.measure);
  g_free (role.buffer);
  if (error != NULL)
    return mp_command_fail ("bench", error);
  return is_done ? MP_EXIT_DONE : MP_EXIT_USAGE;
}

/* --- Results ---------------------------------------------------------------------------------- */

gboolean
mp_measure_add (MpMeasure *self,
                GVariant  *result,
                GError   **error)
{
  g_autoptr (GVariant) list = NULL;
  guint64        n, checksum;
  gint64         first, last;
  const guint32 *trips;
  gsize          n_trips;

  if (!g_variant_is_of_type (result, G_VARIANT_TYPE ("(ttxxau)")))
    {
      g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE, "a process reports nonsense");
      return FALSE;
    }
  g_variant_get (result, "(ttxx@au)", &n, &checksum, &first, &last, &list);
  self->n += n;
  self->checksum += checksum;
  if (n > 0)
    self->first = self->first == 0 ? first : MIN (self->first, first);
  self->last = MAX (self->last, last);
  trips = g_variant_get_fixed_array (list, &n_trips, sizeof (guint32));
  if (self->trips == NULL)
    self->trips = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_append_vals (self->trips, trips, (guint) n_trips);
  return TRUE;
}

static int
compare_trips (gconstpointer a,
               gconstpointer b)
{
  guint32 first = *(const guint32 *) a, second = *(const guint32 *) b;

  return (first > second) - (first < second);
}

static const struct
{
  const char *name;
  double      part;
} percentiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p99_9", 0.999 } };

static guint32
percentile (MpMeasure *self,
            double     part)
{
  if (self->trips->len == 0)
    return 0;
  return g_array_index (self->trips, guint32, (guint) (part * (self->trips->len - 1)));
}

static void
print_json (MpMeasure *self,
            guint64    size,
            double     seconds)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "messages");
  json_builder_add_int_value (builder, (gint64) self->n);
  json_builder_set_member_name (builder, "size");
  json_builder_add_int_value (builder, (gint64) size);
  json_builder_set_member_name (builder, "seconds");
  json_builder_add_double_value (builder, seconds);
  for (guint i = 0; self->trips->len > 0 && i < G_N_ELEMENTS (percentiles); i++)
    {
      g_autofree char *name = g_strconcat (percentiles[i].name, "_us", NULL);

      json_builder_set_member_name (builder, name);
      json_builder_add_int_value (builder, percentile (self, percentiles[i].part));
    }
  json_builder_end_object (builder);
  mp_output_json (builder);
}

void
mp_measure_print (MpMeasure *self,
                  guint64    size,
                  gboolean   is_round_trip)
{
  const double seconds = MAX ((double) (self->last - self->first) / G_USEC_PER_SEC, 1e-6);
  const double rate = (double) self->n / seconds;

  g_array_sort (self->trips, compare_trips);
  if (mp_output.json != MP_OUTPUT_TABLE)
    {
      print_json (self, size, seconds);
      return;
    }
  g_print ("%" G_GUINT64_FORMAT " messages of %" G_GUINT64_FORMAT " bytes in %.2f s:"
           " %.3f M/s, %.1f MB/s\n",
           self->n, size, seconds, rate / 1e6, rate * (double) size / 1e6);
  if (is_round_trip)
    g_print ("there and back: 50 %% within %u µs, 90 %% %u, 99 %% %u, 99.9 %% %u\n",
             percentile (self, 0.5), percentile (self, 0.9), percentile (self, 0.99),
             percentile (self, 0.999));
}

void
mp_measure_clear (MpMeasure *self)
{
  g_clear_pointer (&self->trips, g_array_unref);
}
