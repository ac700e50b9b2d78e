/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "command.h"
#include "output.h"

G_BEGIN_DECLS

/* Functions that describe a queue and its processes. */

/* Free these with g_free (). */
char *mp_queue_dup_name (MpQueueMonitor *monitor);
/* The name, or the id of a queue that has none. */
char *mp_queue_dup_label (MpQueueMonitor *monitor);
/* COMMAND[PID] of a row of mp_queue_monitor_list_processes (), or COMMAND@HOST[PID]. */
char *mp_queue_dup_process (GVariant *process);
/* How many messages a process has taken, or "-" if that is not known. */
char *mp_queue_dup_got (GVariant *process);
/* For how long a task has been held; "≥" if that is only known at least. */
char *mp_queue_dup_held (GVariant *task);
char *mp_queue_dup_owner (GVariant *processes);
/* COMMAND[PID] of the process that created the queue, or "process PID" if it has ended or is not
 * visible.  @creator is its pid in its own pid namespace. */
char *mp_queue_dup_creator (GVariant *processes,
                            gint64    creator);
/* What a process waits for, for people to read; @none if it does not wait. */
char *mp_queue_dup_waits (GVariant   *process,
                          const char *none);
/* Whether the error of a refresh means that the queue does not exist any more; otherwise it only
 * cannot be reached now. */
gboolean mp_queue_is_gone (const GError *error);

/* The row of the process that created the queue, or NULL. */
GVariant *mp_queue_find_creator (GVariant *processes,
                                 gint64    creator);

/* Whether the process is in the list of mp_queue_monitor_list_processes (). */
gboolean mp_queue_has_process (GVariant *processes,
                               int       wanted);

/* The object that describes a queue in JSON, without the braces. */
void mp_queue_add_json (JsonBuilder    *builder,
                        MpQueueMonitor *monitor,
                        GVariant       *processes);
void mp_queue_add_processes (JsonBuilder *builder,
                             GVariant    *processes);
/* Adds @tasks.  The slot of a holder refers to one of @processes. */
void mp_queue_add_tasks (JsonBuilder *builder,
                         GVariant    *processes,
                         GVariant    *tasks);

/* The first process or task of @rows that has the slot, or NULL. */
GVariant *mp_queue_find_by_slot (GVariant *rows,
                                 guint32   slot);

/* What tables show of a queue. */
typedef struct
{
  guint64  id, n_bytes, n_put, n_got, max_bytes, memory, n_redelivered;
  guint    size, max_size, n_unfinished, n_held, n_again, n_dead, n_processes, n_waiting;
  gboolean shut_down, damaged;
  gboolean knows_memory, knows_redelivered, knows_byte_rates, knows_creator;
  double   put_rate, get_rate, put_byte_rate, get_byte_rate;
  gint64   interval_us, oldest_us, created_at, creator;
  char    *kind;
} MpQueueFacts;

void mp_queue_get_facts (MpQueueMonitor *monitor,
                         MpQueueFacts   *facts);
void mp_queue_facts_clear (MpQueueFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpQueueFacts, mp_queue_facts_clear)

G_END_DECLS
