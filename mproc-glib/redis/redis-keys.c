/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-queue-private.h"

#include <inttypes.h>
#include <sys/random.h>

/* The name of the session, the keys that its commands pass, and the messages that it has in
 * hand. */

static const char *const letters[] = { "c", "m", "o:", "b", "n", "d",
                                       "i", "r", "e", "w", "h", "x" };

void
mp_redis_session_init (MpRedisQueue *self)
{
  GByteArray *arguments = g_byte_array_new ();
  guint64     random;

  /* Not by GLib's generator: a forked child has a copy of its state, and would get the same
   * number. */
  while (getrandom (&random, sizeof random, 0) != sizeof random)
    continue;
  g_snprintf (self->session, sizeof self->session, "%016" PRIx64, random);
  self->epoch = 0;
  g_free (self->link.channel);
  self->link.channel = g_strdup_printf ("mp1:{%s}:%s", self->uri->name, self->session);
  mp_command_add_integer (arguments, G_N_ELEMENTS (letters));
  for (guint i = 0; i < G_N_ELEMENTS (letters); i++)
    {
      g_autofree char *key = g_strdup_printf ("mp1:{%s}:%s%s", self->uri->name, letters[i],
                                              g_str_equal (letters[i], "o:") ? self->session : "");

      mp_command_add_string (arguments, key);
    }
  g_free (self->key_arguments);
  self->key_arguments_size = arguments->len;
  self->key_arguments = g_byte_array_free (arguments, FALSE);
  self->held = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
}

void
mp_redis_session_clear (MpRedisQueue *self)
{
  g_hash_table_unref (self->held);
  g_free (self->key_arguments);
  g_free (self->incarnation);
}

GByteArray *
mp_redis_begin_call (MpRedisQueue *self,
                     const char   *function,
                     guint         n_arguments)
{
  GByteArray *out = mp_redis_link_get_out (&self->link);

  mp_command_begin (out, 1 + 1 + 1 + G_N_ELEMENTS (letters) + 2 + n_arguments);
  mp_command_add (out, "FCALL", 5);
  mp_command_add_string (out, function);
  g_byte_array_append (out, self->key_arguments, (guint) self->key_arguments_size);
  mp_command_add_string (out, self->incarnation != NULL ? self->incarnation : "");
  mp_command_add (out, self->session, 16);
  return out;
}

char *
mp_redis_make_key (MpRedisQueue *self,
                   const char   *prefix,
                   gint64        id)
{
  return g_strdup_printf ("mp1:{%s}:%s%" PRId64, self->uri->name, prefix, id);
}

/* --- In hand ------------------------------------------------------------------------- */

/* The lease is a number that only this process uses.  It tells apart messages with the same id,
 * which a server that was restored from older data may use again. */
MpRedisHeld *
mp_redis_hold (MpRedisQueue *self,
               gint64        id,
               guint32       n_deliveries)
{
  MpRedisHeld *held = g_new0 (MpRedisHeld, 1);

  if (++self->last_lease == 0)
    self->last_lease = 1;
  *held = (MpRedisHeld){ id, n_deliveries, self->last_lease, FALSE };
  g_hash_table_replace (self->held, &held->id, held);
  return held;
}

MpRedisHeld *
mp_redis_find_held (MpRedisQueue       *self,
                    const MpQueueToken *token)
{
  const gint64 id = (gint64) token->serial;
  MpRedisHeld *held = g_hash_table_lookup (self->held, &id);

  return held != NULL && held->lease == token->lease && !held->is_finishing ? held : NULL;
}
