/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "command.h"
#include "output.h"

G_BEGIN_DECLS

/* Finds queues, and tells what is known of one. */

/* The queue that @selector means: NAME, NAME@PID, an id or PID/FD.  NOT_FOUND if there is none, and
 * EXISTS if there are several, with the list of them. */
MpQueueMonitor *mp_queues_select (const char *selector,
                                  GError    **error);

/* Free these with g_free (). */
char *mp_queue_dup_name (MpQueueMonitor *monitor);
/* COMMAND[PID] of a row of mp_queue_monitor_list_processes (). */
char *mp_queue_dup_process (GVariant *process);
char *mp_queue_dup_owner (GVariant *processes);

/* Whether the process is in the list of mp_queue_monitor_list_processes (). */
gboolean mp_queue_has_process (GVariant *processes,
                               int       wanted);

/* The object that describes a queue in JSON, without the braces. */
void mp_queue_add_json (MpQueueMonitor *monitor,
                        JsonBuilder    *builder);
/* A list of dictionaries as an array. */
void mp_queue_add_list (JsonBuilder *builder,
                        const char  *name,
                        GVariant    *list);

/* What tables show of a queue. */
typedef struct
{
  guint64  id, n_bytes, n_put, n_got, max_bytes, memory, n_redelivered;
  guint    size, max_size, n_unfinished, n_held, n_again, n_dead, n_processes, n_waiting;
  gboolean shut_down, damaged;
  double   put_rate, get_rate;
  gint64   oldest_us, created_at, creator;
  char    *kind;
} MpQueueFacts;

void mp_queue_get_facts (MpQueueMonitor *monitor,
                         MpQueueFacts   *facts);
void mp_queue_facts_clear (MpQueueFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MpQueueFacts, mp_queue_facts_clear)

G_END_DECLS
