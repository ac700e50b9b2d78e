/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "base/queue-parameters.h"
#include "net/address.h"

G_BEGIN_DECLS

/* The URI of a queue on a server:
 * redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]?name=NAME, rediss:// for TLS, and
 * redis+unix:///PATH?name=NAME. */

#define MP_REDIS_SCHEME      "redis"
#define MP_REDIS_TLS_SCHEME  "rediss"
#define MP_REDIS_UNIX_SCHEME "redis+unix"

/* What another process needs besides the URI.  It must never be shown, in errors for example. */
typedef struct
{
  char *user;     /* NULL: the default one */
  char *password; /* NULL: none */
} MpRedisSecrets;

typedef struct
{
  MpAddressKind     kind;
  char             *host; /* or the path of a socket */
  guint16           port;
  guint             database;
  char             *name;
  MpQueueParameters parameters;
  gint64            grace_ms; /* -1: not given */
  gint64            timeout_us;
  guint             replicas;
  MpRedisSecrets    secrets;
  char             *auth_file;
  char             *tls_ca_file;
  char             *tls_cert_file;
  char             *tls_key_file;

  char *public_uri; /* without user and password */
} MpRedisUri;

/* Neither the text nor an error contains the password.  NULL with @error set. */
MpRedisUri *mp_redis_uri_parse (const char *text,
                                GError    **error);
/* The same for the URI of a server, which contains no name, unless it is that of one queue. */
MpRedisUri *mp_redis_uri_parse_server (const char *text,
                                       GError    **error);
void        mp_redis_uri_free (MpRedisUri *self);
/* The URI of the queue with that name on the server of @text. */
char *mp_redis_uri_add_name (const char *text,
                             const char *name);
/* Whether a queue can have that name. */
gboolean mp_redis_uri_is_name (const char *name);

MpAddress *mp_redis_uri_make_address (const MpRedisUri *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MpRedisUri, mp_redis_uri_free)

G_END_DECLS
