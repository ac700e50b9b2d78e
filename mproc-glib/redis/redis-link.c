/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-link.h"

#include "base/mp-deadline.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_RETRY_US   (20 * 1000)
#define LONGEST_RETRY_US (2 * G_USEC_PER_SEC)

/* How often, before it is up, the link follows a cluster to another server without a delay. */
#define MAX_MOVES 4

/* The longest string accepted in a reply before the limits of the queue are known. */
#define MIN_STRING (64 * 1024)

/* TCP keepalive: a server that is gone without closing the connection is noticed after a minute. */
#define KEEPALIVE_IDLE_S     30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES     3

gboolean
mp_redis_link_init (MpRedisLink            *self,
                    const MpRedisUri       *uri,
                    const MpRedisLinkFuncs *funcs,
                    gpointer                owner,
                    GError                **error)
{
  self->funcs = funcs;
  self->owner = owner;
  self->uri = uri;
  self->max_string = MIN_STRING;
  if (uri->tls_ca_file != NULL)
    {
      self->database = g_tls_file_database_new (uri->tls_ca_file, error);
      if (self->database == NULL)
        return FALSE;
    }
  if (uri->tls_cert_file != NULL)
    {
      self->certificate = g_tls_certificate_new_from_files (
        uri->tls_cert_file, uri->tls_key_file != NULL ? uri->tls_key_file : uri->tls_cert_file,
        error);
      return self->certificate != NULL;
    }
  return TRUE;
}

static guint
count_streams (const MpRedisLink *self)
{
  return self->channel != NULL ? MP_REDIS_N_STREAMS : 1;
}

static void
close_all (MpRedisLink *self)
{
  for (guint i = 0; i < MP_REDIS_N_STREAMS; i++)
    {
      g_clear_pointer (&self->dials[i], mp_background_dial_free);
      mp_resp_stream_close (&self->streams[i], FALSE);
    }
  self->generation++;
}

void
mp_redis_link_clear (MpRedisLink *self)
{
  close_all (self);
  g_clear_object (&self->database);
  g_clear_object (&self->certificate);
  g_clear_error (&self->error);
  g_free (self->channel);
  g_free (self->moved_to);
}

/* The thread of a dial exists only in the parent, so the dial is not freed. */
void
mp_redis_link_disown (MpRedisLink *self)
{
  for (guint i = 0; i < MP_REDIS_N_STREAMS; i++)
    {
      self->dials[i] = NULL;
      mp_resp_stream_close (&self->streams[i], TRUE);
    }
  self->generation++;
  self->state = MP_REDIS_LINK_DOWN;
  self->retry_at = self->retry_delay_us = 0;
  g_clear_error (&self->error);
}

/* --- The end ------------------------------------------------------------------------- */

static void
end (MpRedisLink     *self,
     MpRedisLinkState state,
     GError          *error)
{
  close_all (self);
  self->state = state;
  g_clear_error (&self->error);
  self->error = error;
  self->funcs->down (self->owner);
}

void
mp_redis_link_drop (MpRedisLink *self,
                    GError      *error)
{
  if (self->state == MP_REDIS_LINK_FAILED || self->state == MP_REDIS_LINK_DOWN)
    {
      g_error_free (error);
      return;
    }
  /* The place to which a cluster has sent the link may be out of date. */
  if (self->state != MP_REDIS_LINK_UP)
    g_clear_pointer (&self->moved_to, g_free);
  self->retry_at = self->retry_delay_us == 0 ? 0
                                             : g_get_monotonic_time () + self->retry_delay_us;
  self->retry_delay_us = CLAMP (2 * self->retry_delay_us, FIRST_RETRY_US, LONGEST_RETRY_US);
  end (self, MP_REDIS_LINK_DOWN, error);
}

void
mp_redis_link_fail (MpRedisLink *self,
                    GError      *error)
{
  if (self->state == MP_REDIS_LINK_FAILED)
    g_error_free (error);
  else
    end (self, MP_REDIS_LINK_FAILED, error);
}

void
mp_redis_link_refuse (MpRedisLink *self)
{
  mp_redis_link_drop (self, g_error_new_literal (MP_ERROR, MP_ERROR_INVALID_MESSAGE,
                                                 _ ("The server does not speak the protocol of "
                                                    "Redis")));
}

static gboolean
begins_with_any (const char        *text,
                 const char *const *words)
{
  for (; *words != NULL; words++)
    if (g_str_has_prefix (text, *words))
      return TRUE;
  return FALSE;
}

/* The text is MOVED SLOT HOST:PORT, and HOST may be missing. */
static void
move (MpRedisLink *self,
      const char  *text,
      GError      *error)
{
  const char *place = strrchr (text, ' ');

  mp_redis_link_drop (self, error);
  g_free (self->moved_to);
  self->moved_to = g_strdup (place != NULL ? place + 1 : "");
  if (self->n_moves++ < MAX_MOVES)
    self->retry_at = 0;
}

/* The text of an error.  Servers repeat the arguments of a command that they do not know. */
static char *
hide_secrets (MpRedisLink   *self,
              const MpReply *reply)
{
  const char      *password = self->uri->secrets.password;
  g_autofree char *text = g_utf8_make_valid (mp_reply_get_string (reply), -1);
  char            *arguments = strstr (text, ", with args");
  g_auto (GStrv) parts = NULL;

  if (arguments != NULL)
    *arguments = '\0';
  if (password == NULL || *password == '\0')
    return g_steal_pointer (&text);
  parts = g_strsplit (text, password, -1);
  return g_strjoinv ("***", parts);
}

/* @is_passing says that the server may accept the command later, or another server now. */
static GError *
explain (const char *text,
         gboolean   *is_passing)
{
  static const char *const passing[] = { "MOVED ", "READONLY", "LOADING", "MASTERDOWN",
                                         "CLUSTERDOWN", "TRYAGAIN", "BUSY", "ERR max number",
                                         "ERR Function", NULL };
  static const char *const identity[] = { "WRONGPASS", "NOAUTH", "ERR AUTH", "ERR invalid password",
                                          NULL };
  static const char *const rights[] = { "NOPERM", "ERR The user executing the script", NULL };

  *is_passing = begins_with_any (text, passing);
  if (*is_passing)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_BUSY, _ ("The server is not ready: %s"), text);
  if (begins_with_any (text, identity))
    return g_error_new (MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
                        _ ("The server refuses the user or the password: %s"), text);
  if (begins_with_any (text, rights))
    return g_error_new (G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                        _ ("The server does not allow it: %s"), text);
  if (g_str_has_prefix (text, "WRONGTYPE"))
    return g_error_new (MP_ERROR, MP_ERROR_DAMAGED,
                        _ ("The server has something else under the name of the queue: %s"), text);
  return g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, _ ("The server reports an error: %s"), text);
}

void
mp_redis_link_judge (MpRedisLink   *self,
                     const MpReply *reply)
{
  g_autofree char *text = hide_secrets (self, reply);
  gboolean         is_passing;
  GError          *error = explain (text, &is_passing);

  if (!is_passing)
    mp_redis_link_fail (self, error);
  else if (g_str_has_prefix (text, "MOVED "))
    move (self, text, error);
  else
    mp_redis_link_drop (self, error);
}

GError *
mp_redis_link_explain (MpRedisLink   *self,
                       const MpReply *reply)
{
  g_autofree char *text = hide_secrets (self, reply);
  gboolean         is_passing;
  GError          *error = explain (text, &is_passing);

  if (is_passing)
    g_clear_error (&error);
  return error;
}

void
mp_redis_link_hurry (MpRedisLink *self)
{
  if (self->state == MP_REDIS_LINK_FAILED)
    self->state = MP_REDIS_LINK_DOWN;
  self->retry_at = 0;
}

void
mp_redis_link_set_up (MpRedisLink *self,
                      gsize        max_string)
{
  self->state = MP_REDIS_LINK_UP;
  self->deadline = MP_DEADLINE_NEVER;
  self->retry_delay_us = 0;
  self->n_moves = 0;
  self->max_string = MAX (max_string, MIN_STRING);
  for (guint i = 0; i < count_streams (self); i++)
    mp_reply_reader_set_max (self->streams[i].reader, self->max_string);
  g_clear_error (&self->error);
}

/* --- The beginning ------------------------------------------------------------------- */

static MpAddress *
choose_address (MpRedisLink *self)
{
  MpAddress  *address = mp_redis_uri_make_address (self->uri);
  const char *colon = self->moved_to != NULL ? strrchr (self->moved_to, ':') : NULL;
  guint64     port;

  if (colon == NULL || !g_ascii_string_to_unsigned (colon + 1, 10, 1, G_MAXUINT16, &port, NULL))
    return address;
  address->port = (guint16) port;
  if (colon > self->moved_to)
    {
      g_free (address->name);
      address->name = g_strndup (self->moved_to, (gsize) (colon - self->moved_to));
    }
  return address;
}

static void
start_dialing (MpRedisLink *self)
{
  const MpTlsSettings settings = { self->database, self->certificate, self->uri->timeout_us };

  self->state = MP_REDIS_LINK_DIALING;
  self->deadline = g_get_monotonic_time () + self->uri->timeout_us;
  for (guint i = 0; i < count_streams (self); i++)
    self->dials[i] = mp_background_dial_new (choose_address (self), &settings, self->deadline);
}

static void
set_keepalive (int fd)
{
  const int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S,
            probes = KEEPALIVE_PROBES;

  setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

/* The only command on the second connection besides AUTH. */
static void
subscribe (MpRedisLink *self)
{
  GByteArray *out = self->streams[MP_REDIS_PUSHES].out;

  mp_command_begin (out, 2);
  mp_command_add_string (out, "SSUBSCRIBE");
  mp_command_add_string (out, self->channel);
}

static void
authenticate (MpRedisLink *self)
{
  const MpRedisSecrets *secrets = &self->uri->secrets;

  if (secrets->password == NULL)
    return;
  for (guint i = 0; i < count_streams (self); i++)
    {
      GByteArray *out = self->streams[i].out;

      mp_command_begin (out, secrets->user != NULL ? 3 : 2);
      mp_command_add_string (out, "AUTH");
      if (secrets->user != NULL)
        mp_command_add_string (out, secrets->user);
      mp_command_add_string (out, secrets->password);
      mp_resp_stream_expect (&self->streams[i], NULL, FALSE);
    }
}

static void
select_database (MpRedisLink *self)
{
  GByteArray *out = mp_redis_link_get_out (self);

  if (self->uri->database == 0)
    return;
  mp_command_begin (out, 2);
  mp_command_add_string (out, "SELECT");
  mp_command_add_integer (out, self->uri->database);
  mp_redis_link_expect (self, NULL, FALSE);
}

static void
dial (MpRedisLink *self)
{
  for (guint i = 0; i < count_streams (self); i++)
    {
      GError      *error = NULL;
      MpDialStatus status;
      MpTransport *transport;

      if (self->dials[i] == NULL)
        continue;
      status = mp_background_dial_step (self->dials[i], &error);
      if (status == MP_DIAL_FAILED)
        {
          if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED) ||
              error->domain == G_TLS_ERROR)
            mp_redis_link_fail (self, error);
          else
            mp_redis_link_drop (self, error);
          return;
        }
      if (status == MP_DIAL_RUNNING)
        continue;

      transport = mp_background_dial_take_transport (self->dials[i]);
      g_clear_pointer (&self->dials[i], mp_background_dial_free);
      if (self->uri->kind != MP_ADDRESS_UNIX)
        set_keepalive (transport->funcs->get_fd (transport));
      mp_resp_stream_open (&self->streams[i], transport, self->max_string);
      self->generation++;
    }
  if (self->dials[MP_REDIS_COMMANDS] != NULL || self->dials[MP_REDIS_PUSHES] != NULL)
    return;

  self->state = MP_REDIS_LINK_GREETING;
  authenticate (self);
  select_database (self);
  if (self->channel != NULL)
    subscribe (self);
  else
    self->funcs->greet (self->owner);
}

/* --- Reading ------------------------------------------------------------------------- */

static void
dispatch_push (MpRedisLink *self,
               MpReply     *reply)
{
  const char *kind = mp_reply_get_string (mp_reply_get (reply, 0));
  MpReplyFunc func;
  gboolean    tolerant;

  if (reply->type == MP_REPLY_ERROR)
    mp_redis_link_judge (self, reply);
  else if (reply->type != MP_REPLY_ARRAY)
    {
      if (!mp_resp_stream_pop (&self->streams[MP_REDIS_PUSHES], &func, &tolerant))
        mp_redis_link_refuse (self);
    }
  else if (g_str_equal (kind, "smessage"))
    self->funcs->push (self->owner, reply);
  else if (g_str_equal (kind, "ssubscribe"))
    {
      if (self->state == MP_REDIS_LINK_GREETING)
        self->funcs->greet (self->owner);
    }
  else
    mp_redis_link_refuse (self);
}

static void
note_round_trip (MpRedisLink *self,
                 gint64       sent_at)
{
  const gint64 us = g_get_monotonic_time () - sent_at;

  self->round_trip_us += (us - self->round_trip_us) / 8;
}

static void
dispatch_reply (MpRedisLink *self,
                MpReply     *reply)
{
  MpRespStream *stream = &self->streams[MP_REDIS_COMMANDS];
  const gint64  sent_at = mp_resp_stream_get_oldest (stream);
  MpReplyFunc   func;
  gboolean      tolerant;

  if (!mp_resp_stream_pop (stream, &func, &tolerant))
    {
      if (reply->type == MP_REPLY_ERROR)
        mp_redis_link_judge (self, reply);
      else
        mp_redis_link_refuse (self);
      return;
    }
  note_round_trip (self, sent_at);
  if (reply->type == MP_REPLY_ERROR && !tolerant)
    mp_redis_link_judge (self, reply);
  else if (func != NULL)
    func (self->owner, reply);
}

/* Returns FALSE when a reply or an error has closed or replaced the streams. */
static gboolean
read_stream (MpRedisLink *self,
             guint        index)
{
  MpRespStream *stream = &self->streams[index];
  const guint   generation = self->generation;
  GError       *error = NULL;
  gboolean      is_open = mp_resp_stream_fill (stream, &error);

  for (;;)
    {
      g_autoptr (MpReply) reply = NULL;
      GError *malformed = NULL;

      if (!mp_reply_reader_next (stream->reader, &reply, &malformed))
        {
          g_clear_error (&error);
          mp_redis_link_drop (self, malformed);
          return FALSE;
        }
      if (reply == NULL)
        break;
      if (index == MP_REDIS_COMMANDS)
        dispatch_reply (self, reply);
      else
        dispatch_push (self, reply);
      if (self->generation != generation)
        {
          g_clear_error (&error);
          return FALSE;
        }
    }
  if (is_open)
    return TRUE;
  mp_redis_link_drop (self, error);
  return FALSE;
}

/* Since when an answer is missing and no bytes were transferred; -1 if no answer is missing. */
static gint64
get_silence (MpRedisLink *self)
{
  const MpRespStream *stream = &self->streams[MP_REDIS_COMMANDS];
  const gint64        oldest = mp_resp_stream_get_oldest (stream);

  return oldest >= 0 ? MAX (oldest, stream->moved_at) : -1;
}

static void
check_time (MpRedisLink *self)
{
  const gint64 oldest = get_silence (self);

  if (mp_deadline_has_passed (self->deadline) ||
      (self->state == MP_REDIS_LINK_UP && oldest >= 0 &&
       mp_deadline_has_passed (oldest + self->uri->timeout_us)))
    mp_redis_link_drop (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                                   _ ("The server did not answer in time")));
}

static gboolean
is_open (MpRedisLink *self)
{
  return self->state == MP_REDIS_LINK_GREETING || self->state == MP_REDIS_LINK_UP;
}

/* Not with TLS, where writing may read, and what was read is not seen by a poll. */
static gboolean
writes_plainly (const MpRedisLink *self)
{
  const MpRespStream *stream = &self->streams[MP_REDIS_COMMANDS];

  return mp_resp_stream_has_output (stream) && !stream->transport->funcs->holds_back;
}

void
mp_redis_link_flush (MpRedisLink *self)
{
  for (guint i = 0; i < count_streams (self) && is_open (self); i++)
    {
      GError *error = NULL;

      /* Writing failed.  Read first: a reply that the server sent before it closed tells the
       * reason. */
      if (!mp_resp_stream_flush (&self->streams[i], &error) && read_stream (self, i))
        mp_redis_link_drop (self, g_steal_pointer (&error));
      g_clear_error (&error);
    }
}

void
mp_redis_link_step (MpRedisLink *self)
{
  if (self->state == MP_REDIS_LINK_DOWN && g_get_monotonic_time () >= self->retry_at)
    start_dialing (self);
  if (self->state == MP_REDIS_LINK_DIALING)
    dial (self);
  /* The answer to a command that is only written now has not come yet, so wait for it instead of
   * reading in vain; what else has come stays ready to be read. */
  self->skips_reading = !self->skips_reading && writes_plainly (self);
  mp_redis_link_flush (self);
  if (is_open (self) && !self->skips_reading)
    read_stream (self, MP_REDIS_COMMANDS);
  if (is_open (self) && !self->skips_reading && self->channel != NULL)
    read_stream (self, MP_REDIS_PUSHES);
  if (self->state != MP_REDIS_LINK_DOWN && self->state != MP_REDIS_LINK_FAILED)
    check_time (self);
}

void
mp_redis_link_get_poll (MpRedisLink  *self,
                        guint         index,
                        int          *fd,
                        GIOCondition *condition)
{
  MpRespStream *stream = &self->streams[index];
  gint64        ignored;

  *fd = -1;
  *condition = 0;
  if (self->dials[index] != NULL)
    {
      mp_background_dial_get_wait (self->dials[index], fd, condition, &ignored);
    }
  else if (mp_resp_stream_is_open (stream))
    {
      *fd = stream->transport->funcs->get_fd (stream->transport);
      *condition = mp_resp_stream_has_output (stream) ? G_IO_IN | G_IO_OUT : G_IO_IN;
    }
}

static gint64
get_earlier (gint64 one,
             gint64 other)
{
  return one < 0 || (other >= 0 && other < one) ? other : one;
}

gint64
mp_redis_link_get_time (MpRedisLink *self)
{
  gint64 time = MP_DEADLINE_NEVER;
  gint64 oldest;

  if (self->state == MP_REDIS_LINK_DOWN)
    return self->retry_at;
  if (self->state == MP_REDIS_LINK_FAILED)
    return MP_DEADLINE_NEVER;

  for (guint i = 0; i < count_streams (self); i++)
    {
      GIOCondition condition;
      gint64       until = MP_DEADLINE_NEVER;
      int          fd;

      if (self->dials[i] != NULL)
        mp_background_dial_get_wait (self->dials[i], &fd, &condition, &until);
      time = get_earlier (time, until);
    }
  oldest = get_silence (self);
  if (oldest >= 0)
    time = get_earlier (time, oldest + self->uri->timeout_us);
  return get_earlier (time, self->deadline);
}
