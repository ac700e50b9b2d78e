/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "redis-uri.h"

#include "base/public-uri.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define DEFAULT_PORT       6379
#define DEFAULT_TIMEOUT_US (10 * G_USEC_PER_SEC)
#define MAX_NAME           128
#define MAX_SECONDS        86400
#define MAX_DATABASE       65535

/* Largest file with a password. */
#define MAX_AUTH_FILE 4096

static gboolean
refuse (const char *why,
        GError    **error)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               _ ("The URI of a queue on a server is not valid: %s"), why);
  return FALSE;
}

void
mp_redis_uri_free (MpRedisUri *self)
{
  g_free (self->host);
  g_free (self->name);
  g_free (self->secrets.user);
  g_free (self->secrets.password);
  g_free (self->auth_file);
  g_free (self->tls_ca_file);
  g_free (self->tls_cert_file);
  g_free (self->tls_key_file);
  g_free (self->public_uri);
  g_free (self);
}

/* --- Parameters ---------------------------------------------------------------------- */

/* The name becomes the hash tag of the keys, which is in braces. */
gboolean
mp_redis_uri_is_name (const char *name)
{
  const gsize length = strlen (name);

  if (length < 1 || length > MAX_NAME || !g_utf8_validate (name, -1, NULL))
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if ((guchar) name[i] < ' ' || name[i] == 0x7f || name[i] == '{' || name[i] == '}')
      return FALSE;
  return TRUE;
}

/* A number of seconds, such as 10 or 0.5. */
static gboolean
parse_seconds (const char *value,
               gint64      unit,
               gint64     *result)
{
  char  *end;
  double seconds = g_ascii_strtod (value, &end);

  if (!g_ascii_isdigit (value[0]) || *end != '\0' || !(seconds > 0 && seconds <= MAX_SECONDS))
    return FALSE;
  *result = MAX ((gint64) (seconds * (double) unit), 1);
  return TRUE;
}

static gboolean
parse_number (const char *value,
              guint64     most,
              guint      *result)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (value, 10, 0, most, &number, NULL))
    return FALSE;
  *result = (guint) number;
  return TRUE;
}

static gboolean
set_file (const char *value,
          char      **place)
{
  g_free (*place);
  *place = g_strdup (value);
  return *value != '\0';
}

static gboolean
parse_parameter (const char *name,
                 const char *value,
                 gpointer    user_data)
{
  MpRedisUri *self = user_data;

  if (g_str_equal (name, "name"))
    {
      g_free (self->name);
      self->name = g_strdup (value);
      return mp_redis_uri_is_name (value);
    }
  if (g_str_equal (name, "db"))
    return parse_number (value, MAX_DATABASE, &self->database);
  if (g_str_equal (name, "grace"))
    return parse_seconds (value, 1000, &self->grace_ms);
  if (g_str_equal (name, "timeout"))
    return parse_seconds (value, G_USEC_PER_SEC, &self->timeout_us);
  if (g_str_equal (name, "replicas"))
    return parse_number (value, 1000, &self->replicas);
  if (g_str_equal (name, "auth-file"))
    return set_file (value, &self->auth_file);
  if (g_str_equal (name, "tls-ca-file"))
    return set_file (value, &self->tls_ca_file);
  if (g_str_equal (name, "tls-cert-file"))
    return set_file (value, &self->tls_cert_file);
  return g_str_equal (name, "tls-key-file") && set_file (value, &self->tls_key_file);
}

/* --- The rest ------------------------------------------------------------------------ */

static gboolean
parse_scheme (MpRedisUri *self,
              const char *scheme)
{
  if (g_strcmp0 (scheme, MP_REDIS_SCHEME) == 0)
    self->kind = MP_ADDRESS_TCP;
  else if (g_strcmp0 (scheme, MP_REDIS_TLS_SCHEME) == 0)
    self->kind = MP_ADDRESS_TLS;
  else if (g_strcmp0 (scheme, MP_REDIS_UNIX_SCHEME) == 0)
    self->kind = MP_ADDRESS_UNIX;
  else
    return FALSE;
  return TRUE;
}

static gboolean
parse_place (MpRedisUri *self,
             const char *host,
             int         port,
             const char *path,
             GError    **error)
{
  MpSocketAddress ignored;

  if (self->kind == MP_ADDRESS_UNIX)
    {
      self->host = g_strdup (path);
      if (*path != '/')
        return refuse (_ ("it contains no path of a socket"), error);
      return mp_address_fill_unix (self->kind, path, &ignored, error);
    }

  self->host = g_strdup (host);
  self->port = port == -1 ? DEFAULT_PORT : (guint16) port;
  if (host == NULL || *host == '\0')
    return refuse (_ ("it contains no host"), error);
  return g_str_equal (path, "") || g_str_equal (path, "/") ||
         parse_number (path + 1, MAX_DATABASE, &self->database) ||
         refuse (_ ("what follows the host has to be the number of a database"), error);
}

/* The file contains the password, or the user, a colon and the password. */
static gboolean
read_auth_file (MpRedisUri *self,
                GError    **error)
{
  g_autofree char *text = NULL;
  gsize            length;
  char            *colon;

  if (self->auth_file == NULL)
    return TRUE;
  if (!g_file_get_contents (self->auth_file, &text, &length, error))
    return FALSE;
  if (length > MAX_AUTH_FILE || strlen (text) != length)
    return refuse (_ ("the file with the password is too long"), error);

  g_strchomp (text);
  colon = strchr (text, ':');
  g_clear_pointer (&self->secrets.user, g_free);
  g_clear_pointer (&self->secrets.password, g_free);
  self->secrets.user = colon != NULL ? g_strndup (text, (gsize) (colon - text)) : NULL;
  self->secrets.password = g_strdup (colon != NULL ? colon + 1 : text);
  return TRUE;
}

MpRedisUri *
mp_redis_uri_parse_server (const char *text,
                           GError    **error)
{
  g_autoptr (MpRedisUri) self = g_new0 (MpRedisUri, 1);
  g_autofree char *scheme = NULL;
  g_autofree char *host = NULL;
  g_autofree char *path = NULL;
  g_autofree char *query = NULL;
  int              port;

  /* An error of GLib could contain a part of the password. */
  if (!g_uri_split_with_user (text, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_ENCODED_QUERY, &scheme,
                              &self->secrets.user, &self->secrets.password, NULL, &host, &port,
                              &path, &query, NULL, NULL) ||
      !parse_scheme (self, scheme))
    {
      refuse (_ ("it has to be redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]?name=NAME, the "
                 "same with rediss, or redis+unix:///PATH?name=NAME"),
              error);
      return NULL;
    }
  if (self->secrets.user != NULL && *self->secrets.user == '\0')
    g_clear_pointer (&self->secrets.user, g_free);

  self->grace_ms = -1;
  self->timeout_us = DEFAULT_TIMEOUT_US;
  if (!mp_queue_parameters_parse (&self->parameters, query, parse_parameter, self, error) ||
      !parse_place (self, host, port, path, error) || !read_auth_file (self, error))
    return NULL;

  self->public_uri = mp_public_uri (text);
  return g_steal_pointer (&self);
}

MpRedisUri *
mp_redis_uri_parse (const char *text,
                    GError    **error)
{
  g_autoptr (MpRedisUri) self = mp_redis_uri_parse_server (text, error);

  if (self != NULL && self->name == NULL)
    {
      refuse (_ ("it contains no name=NAME"), error);
      return NULL;
    }
  return g_steal_pointer (&self);
}

char *
mp_redis_uri_add_name (const char *text,
                       const char *name)
{
  g_autofree char *escaped = g_uri_escape_string (name, NULL, FALSE);

  return g_strdup_printf ("%s%cname=%s", text, strchr (text, '?') != NULL ? '&' : '?', escaped);
}

MpAddress *
mp_redis_uri_make_address (const MpRedisUri *self)
{
  MpAddress *address = g_new0 (MpAddress, 1);

  address->kind = self->kind;
  address->name = g_strdup (self->host);
  address->port = self->port;
  return address;
}
