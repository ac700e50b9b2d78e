/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include "base/mp-process-command.h"
#include "mp-error.h"
#include "mp1-resource.h"

#include <gio/gio.h>
#include <glib/gi18n-lib.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* The beginning of the session on each link, and the callbacks of the link. */

#define REVISION   3
#define MP1        "/mproc-glib/mp1.lua"
#define MAX_STRING (G_GINT64_CONSTANT (512) << 20)

/* Compares the messages that the server records as held by this session with those that the session
 * knows.  Unknown ones are given back; those that the server does not record any more are
 * forgotten, since other sessions may have them.  Those being finished are given back after
 * that, too: usually the server does not have them any more then, but one that was killed may have
 * recorded the answer and kept them. */
static void
reconcile (MpRedisQueue  *self,
           const MpReply *reply,
           guint          first)
{
  g_autoptr (GHashTable) listed = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer       value;

  for (guint i = first; i + 1 < reply->n_elements; i += 2)
    {
      const gint64  id = mp_reply_get_integer (mp_reply_get (reply, i), 0);
      const guint32 n = (guint32) mp_reply_get_integer (mp_reply_get (reply, i + 1), 1);
      MpRedisHeld  *held = g_hash_table_lookup (self->held, &id);
      const char    how = mp_redis_finish_find (self, id);

      g_hash_table_add (listed, g_memdup2 (&id, sizeof id));
      if (how == 0 ? held == NULL || held->n_deliveries != n : how != 'u')
        mp_redis_finish_add (self, 'u', id, n, NULL, 0);
    }
  g_hash_table_iter_init (&iter, self->held);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const MpRedisHeld *held = value;

      if (!g_hash_table_contains (listed, &held->id) && mp_redis_finish_find (self, held->id) == 0)
        g_hash_table_iter_remove (&iter);
    }
}

/* --- Hello --------------------------------------------------------------------------- */

static void send_hello (MpRedisQueue *self,
                        MpReplyFunc   func);

static void hello_reply (gpointer owner,
                         MpReply *reply);

static void hello_again_reply (gpointer owner,
                               MpReply *reply);

static void
load_reply (gpointer owner,
            MpReply *reply)
{
  MpRedisQueue *self = owner;

  if (reply->type != MP_REPLY_ERROR)
    return;
  if (!g_str_has_prefix (mp_reply_get_string (reply), "NOPERM"))
    mp_redis_link_judge (&self->link, reply);
  else if (self->link.state == MP_REDIS_LINK_GREETING)
    mp_redis_link_fail (&self->link,
                        g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                                             _ ("The server does not have the functions of "
                                                "mproc-glib, and does not allow to load them; its "
                                                "administrator can do so: redis-cli -x FUNCTION "
                                                "LOAD REPLACE < mp1.lua")));
}

static void
send_functions (MpRedisQueue *self)
{
  g_autoptr (GBytes) code = g_resource_lookup_data (mp1_get_resource (), MP1, 0, NULL);
  GByteArray   *out = mp_redis_link_get_out (&self->link);
  gsize         length;
  gconstpointer text = g_bytes_get_data (code, &length);

  mp_command_begin (out, 4);
  mp_command_add_string (out, "FUNCTION");
  mp_command_add_string (out, "LOAD");
  mp_command_add_string (out, "REPLACE");
  mp_command_add (out, text, length);
  mp_redis_link_expect (&self->link, load_reply, TRUE);
}

static void
fail_different (MpRedisQueue  *self,
                const MpReply *reply)
{
  static const char *const names[][2] = { { "mode", "mode" },
                                          { "size", "max-size" },
                                          { "cap", "max-bytes" },
                                          { "limit", "max-deliveries" },
                                          { "grace", "grace" } };
  const char              *field = mp_reply_get_string (mp_reply_get (reply, 2));
  const char              *given = mp_reply_get_string (mp_reply_get (reply, 3));
  g_autofree char         *value = g_utf8_make_valid (given, -1);
  const char              *name = "?";

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_str_equal (field, names[i][0]))
      name = names[i][1];
  mp_redis_link_fail (&self->link, g_error_new (G_IO_ERROR, G_IO_ERROR_EXISTS,
                                                _ ("The queue “%s” has another %s: %s"),
                                                self->uri->name, name, value));
}

static void
refuse_hello (MpRedisQueue  *self,
              gint64         status,
              const MpReply *reply)
{
  if (status == MP_REDIS_OTHER)
    fail_different (self, reply);
  else if (status == MP_REDIS_OLD)
    mp_redis_link_fail (&self->link,
                        g_error_new (MP_ERROR, MP_ERROR_UNSUPPORTED,
                                     _ ("The queue “%s” has a layout that this version does not "
                                        "know"),
                                     self->uri->name));
  else if (status == MP_REDIS_GONE && self->incarnation == NULL)
    mp_redis_link_fail (&self->link, g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                                                  _ ("There is no queue “%s”"), self->uri->name));
  else if (status == MP_REDIS_LATE)
    mp_redis_link_drop (&self->link, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY,
                                                          _ ("The session was used elsewhere")));
  else
    mp_redis_judge_gone (self, status);
}

/* Stores the settings of the queue.  They never change, so they can be read without the mutex. */
static gboolean
read_settings (MpRedisQueue  *self,
               const MpReply *reply)
{
  const char  *incarnation = mp_reply_get_string (mp_reply_get (reply, 2));
  const char  *mode = mp_reply_get_string (mp_reply_get (reply, 5));
  const gint64 max_size = mp_reply_get_integer (mp_reply_get (reply, 6), -1);
  const gint64 max_bytes = mp_reply_get_integer (mp_reply_get (reply, 7), -1);
  const gint64 max_deliveries = mp_reply_get_integer (mp_reply_get (reply, 8), -1);

  if (max_size < 0 || max_bytes < 0 || max_deliveries < 0 || *incarnation == '\0')
    return FALSE;
  if (self->incarnation != NULL)
    return g_str_equal (self->incarnation, incarnation);

  self->incarnation = g_strdup (incarnation);
  self->mode = g_str_equal (mode, "joinable") ? MP_QUEUE_MODE_ACKNOWLEDGED : MP_QUEUE_MODE_PLAIN;
  self->max_size = max_size;
  self->max_bytes = max_bytes;
  self->max_deliveries = max_deliveries;
  return TRUE;
}

static void
hello_answered (MpRedisQueue *self,
                MpReply      *reply)
{
  const gint64 status = mp_reply_get_integer (mp_reply_get (reply, 0), -1);
  const gint64 last = mp_reply_get_integer (mp_reply_get (reply, 4), -1);

  if (status != MP_REDIS_OK)
    {
      refuse_hello (self, status, reply);
      return;
    }
  if (last < 0 || !read_settings (self, reply))
    {
      mp_redis_link_refuse (&self->link);
      return;
    }

  reconcile (self, reply, 10);
  mp_redis_link_set_up (&self->link, (gsize) MIN (self->max_bytes, MAX_STRING));
  self->watch.state.is_closed = g_str_equal (mp_reply_get_string (mp_reply_get (reply, 3)), "1");
  self->has_opened = TRUE;
  mp_redis_put_resume (self, last);
  if (mp_reply_get_integer (mp_reply_get (reply, 1), REVISION) < REVISION)
    send_functions (self);
}

static void
hello_again_reply (gpointer owner,
                   MpReply *reply)
{
  MpRedisQueue *self = owner;

  if (reply->type == MP_REPLY_ERROR)
    mp_redis_link_judge (&self->link, reply);
  else
    hello_answered (self, reply);
}

static void
hello_reply (gpointer owner,
             MpReply *reply)
{
  MpRedisQueue *self = owner;

  if (reply->type != MP_REPLY_ERROR)
    {
      hello_answered (self, reply);
      return;
    }
  if (!g_str_has_prefix (mp_reply_get_string (reply), "ERR Function not found"))
    {
      mp_redis_link_judge (&self->link, reply);
      return;
    }
  send_functions (self);
  send_hello (self, hello_again_reply);
}

static void
add_optional (GByteArray *out,
              gboolean    is_given,
              guint64     value)
{
  if (is_given)
    mp_command_add_integer (out, (gint64) MIN (value, G_MAXINT64));
  else
    mp_command_add (out, "", 0);
}

static const char *
get_mode (const MpQueueParameters *parameters)
{
  return parameters->settings.mode == MP_QUEUE_MODE_PLAIN ? "plain" : "joinable";
}

/* What the server stores for observers. */
static char *
dup_who (void)
{
  g_autofree char *program = mp_process_dup_command (getpid ());

  return g_strdup_printf ("%s %d%s%.64s", g_get_host_name (), (int) getpid (),
                          program != NULL ? " " : "", program != NULL ? program : "");
}

static void
send_hello (MpRedisQueue *self,
            MpReplyFunc   func)
{
  const MpQueueParameters *parameters = &self->uri->parameters;
  const gboolean           is_new = self->incarnation == NULL;
  const guint              given = is_new ? parameters->given : 0;
  GByteArray              *out = mp_redis_begin_call (self, "mp1_hello", 8);
  g_autofree char         *who = dup_who ();
  const char              *mode = get_mode (parameters);

  mp_command_add_integer (out, ++self->epoch);
  mp_command_add_string (out, who);
  mp_command_add_string (out, is_new && parameters->create ? "1" : "0");
  mp_command_add_string (out, (given & MP_QUEUE_GIVEN_MODE) != 0 ? mode : "");
  add_optional (out, (given & MP_QUEUE_GIVEN_MAX_SIZE) != 0, parameters->settings.max_size);
  add_optional (out, (given & MP_QUEUE_GIVEN_MAX_BYTES) != 0, parameters->settings.max_bytes);
  add_optional (out, (given & MP_QUEUE_GIVEN_MAX_DELIVERIES) != 0,
                parameters->settings.max_deliveries);
  add_optional (out, is_new && self->uri->grace_ms >= 0, (guint64) self->uri->grace_ms);
  mp_redis_link_expect (&self->link, func, TRUE);
}

/* A server that evicts any key when it has no memory would lose messages without an error.  If
 * this user may not read the setting, it is not checked. */
static void
memory_reply (gpointer owner,
              MpReply *reply)
{
  MpRedisQueue    *self = owner;
  const char      *policy = strstr (mp_reply_get_string (reply), "\nmaxmemory_policy:allkeys-");
  g_autofree char *shown = NULL;

  if (policy == NULL)
    return;
  policy = strchr (policy, ':') + 1;
  shown = g_strndup (policy, MIN (strcspn (policy, "\r\n"), 32));
  g_strcanon (shown, "abcdefghijklmnopqrstuvwxyz-", '?');
  mp_redis_link_fail (&self->link,
                      g_error_new (MP_ERROR, MP_ERROR_UNSUPPORTED,
                                   _ ("The server may drop messages: its maxmemory-policy is %s, and "
                                      "should be noeviction"),
                                   shown));
}

static void
greet (gpointer owner)
{
  MpRedisQueue *self = owner;
  GByteArray   *out = mp_redis_link_get_out (&self->link);

  mp_command_begin (out, 2);
  mp_command_add_string (out, "INFO");
  mp_command_add_string (out, "memory");
  mp_redis_link_expect (&self->link, memory_reply, TRUE);
  send_hello (self, hello_reply);
}

/* The server announces conditions for which the session waits, or offers a message. */
static void
push (gpointer owner,
      MpReply *reply)
{
  const MpReply *announced = mp_reply_get (reply, 2);

  if (mp_reply_get_string (announced)[0] == 'm')
    mp_redis_get_take_offer (owner, reply->elements[2]);
  else
    mp_redis_watch_push (owner, (guint) mp_reply_get_integer (announced, 0));
}

static void
down (gpointer owner)
{
  MpRedisQueue *self = owner;

  if (self->link.state == MP_REDIS_LINK_FAILED)
    mp_redis_end_all (self);
  mp_redis_put_down (self);
  mp_redis_get_down (self);
  mp_redis_finish_down (self);
  mp_redis_watch_down (self);
  mp_redis_ask_down (self);
}

const MpRedisLinkFuncs mp_redis_session_funcs = {
  .greet = greet,
  .push = push,
  .down = down,
};
