/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-observer-private.h"

#include <stdlib.h>
#include <string.h>

/* Finding the queues on a server. */

/* The most queues that are found, and the most keys that are looked through. */
#define MAX_QUEUES 1000
#define MAX_KEYS   1000000
#define SCAN_COUNT 1000

/* Asks one question that belongs to no queue.  NULL with @error set. */
static MpReply *
ask_server (MpRedisServer *server,
            GByteArray    *command,
            GCancellable  *cancellable,
            GError       **error)
{
  MpRedisQuestion question;
  MpReply        *reply = NULL;

  mp_redis_question_init (&question);
  mp_redis_server_ask (server, &question, command);
  if (mp_redis_server_wait (server, &question, cancellable, error))
    reply = g_steal_pointer (&question.reply);
  mp_redis_server_forget (server, &question);
  return reply;
}

/* Adds the name of the queue that a key belongs to, which is mp1:{NAME}:c. */
static void
note_key (const MpReply *key,
          GHashTable    *names)
{
  const char      *text = mp_reply_get_string (key);
  g_autofree char *name = NULL;

  if (!g_str_has_prefix (text, "mp1:{") || !g_str_has_suffix (text, "}:c") ||
      strlen (text) != key->length)
    return;
  name = g_strndup (text + strlen ("mp1:{"), key->length - strlen ("mp1:{}:c"));
  if (mp_redis_uri_is_name (name) && g_hash_table_size (names) < MAX_QUEUES)
    g_hash_table_add (names, g_steal_pointer (&name));
}

static gboolean
scan (MpRedisServer *server,
      GHashTable    *names,
      GCancellable  *cancellable,
      GError       **error)
{
  g_autofree char *cursor = g_strdup ("0");
  guint            n_rounds = 0;

  do
    {
      GByteArray *command = g_byte_array_new ();
      g_autoptr (MpReply) reply = NULL;
      const MpReply *keys;

      mp_command_begin (command, 6);
      mp_command_add_string (command, "SCAN");
      mp_command_add_string (command, cursor);
      mp_command_add_string (command, "MATCH");
      mp_command_add_string (command, "mp1:{*}:c");
      mp_command_add_string (command, "COUNT");
      mp_command_add_integer (command, SCAN_COUNT);
      reply = ask_server (server, command, cancellable, error);
      if (reply == NULL)
        return FALSE;
      keys = mp_reply_get (reply, 1);
      for (guint i = 0; i < keys->n_elements; i++)
        note_key (mp_reply_get (keys, i), names);
      g_free (cursor);
      cursor = g_strdup (mp_reply_get_string (mp_reply_get (reply, 0)));
    }
  while (!g_str_equal (cursor, "0") && *cursor != '\0' && ++n_rounds < MAX_KEYS / SCAN_COUNT &&
         g_hash_table_size (names) < MAX_QUEUES);
  return TRUE;
}

/* Those that this user may not read are left out, unless these are all. */
static gboolean
sample_all (GPtrArray    *observers,
            GCancellable *cancellable,
            GError      **error)
{
  const MpQueueQuestion question = { .kind = MP_QUEUE_QUESTION_SAMPLE };
  GError               *failure = NULL;

  for (guint i = 0; i < observers->len; i++)
    mp_redis_observer.begin (g_ptr_array_index (observers, i), &question);
  for (guint i = 0; i < observers->len;)
    {
      MpRedisObserver *observer = g_ptr_array_index (observers, i);

      if (mp_redis_server_wait (observer->server, &observer->question, cancellable, NULL) &&
          mp_redis_observer.step (observer, NULL) == MP_QUEUE_ANSWER_READY)
        {
          i++;
          continue;
        }
      if (g_cancellable_set_error_if_cancelled (cancellable, failure == NULL ? &failure : NULL))
        break;
      if (failure == NULL &&
          !g_error_matches (observer->question.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        failure = g_error_copy (observer->question.error);
      g_ptr_array_remove_index (observers, i);
    }
  if (failure == NULL || (observers->len > 0 && !g_cancellable_is_cancelled (cancellable)))
    {
      g_clear_error (&failure);
      return TRUE;
    }
  g_propagate_error (error, failure);
  return FALSE;
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char *
dup_uri (const MpRedisUri *place,
         const char       *name)
{
  return place->name != NULL ? g_strdup (place->public_uri)
                             : mp_redis_uri_add_name (place->public_uri, name);
}

GPtrArray *
mp_redis_observer_find (const char   *uri,
                        GCancellable *cancellable,
                        GError      **error)
{
  g_autoptr (GPtrArray) observers = g_ptr_array_new_with_free_func (mp_redis_observer.free);
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (MpRedisUri) parsed = mp_redis_uri_parse_server (uri, error);
  g_autoptr (MpRedisServer) server =
    parsed != NULL ? mp_redis_server_new (g_steal_pointer (&parsed), error) : NULL;
  g_autofree gpointer *sorted = NULL;
  const MpRedisUri    *place;

  if (server == NULL)
    return NULL;
  place = mp_redis_server_get_uri (server);
  if (place->name != NULL)
    g_hash_table_add (names, g_strdup (place->name));
  else if (!scan (server, names, cancellable, error))
    return NULL;

  sorted = g_hash_table_get_keys_as_array (names, NULL);
  qsort (sorted, g_hash_table_size (names), sizeof *sorted, compare_names);
  for (guint i = 0; i < g_hash_table_size (names); i++)
    {
      MpRedisObserver *observer = mp_redis_observer_make (server, sorted[i],
                                                          dup_uri (place, sorted[i]));

      observer->also_broken = TRUE;
      g_ptr_array_add (observers, observer);
    }
  if (!sample_all (observers, cancellable, error))
    return NULL;
  g_ptr_array_set_free_func (observers, NULL);
  return g_steal_pointer (&observers);
}
