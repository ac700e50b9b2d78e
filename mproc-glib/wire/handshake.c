/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "handshake.h"

#include "base/mp-fork.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define CHALLENGE_PREFIX "#CHALLENGE#"
#define WELCOME          "#WELCOME#"
#define FAILURE          "#FAILURE#"

#define PREFIX_LENGTH (sizeof CHALLENGE_PREFIX - 1)

/* The length of a challenge from a peer that supports only MD5. */
#define LEGACY_NONCE 20
#define NONCE        40

#define LARGEST_DIGEST 64

typedef struct
{
  const char   *name;
  GChecksumType type;
  gsize         length;
  gboolean      legacy;
} Digest;

/* Python's peers may also choose SHA-3, which GLib lacks: such an answer cannot be checked and is
 * refused. */
static const Digest digests[] = {
  { "{sha256}", G_CHECKSUM_SHA256, 32, FALSE },
  { "{sha384}", G_CHECKSUM_SHA384, 48, FALSE },
  { "{md5}", G_CHECKSUM_MD5, 16, TRUE },
};

static const Digest raw_md5 = { "", G_CHECKSUM_MD5, 16, TRUE };

typedef enum
{
  STATE_AWAIT_RESPONSE,
  STATE_AWAIT_CHALLENGE,
  STATE_AWAIT_VERDICT,
  STATE_DONE,
  STATE_FAILED
} State;

struct _MpHandshake
{
  MpHandshakeRole role;
  State           state;
  GBytes         *key;
  gboolean        legacy_digests;

  /* Our challenge without the prefix.  It is in outstanding_challenges from the time it is sent. */
  guint8  challenge[MP_HANDSHAKE_MAX_MESSAGE];
  gsize   challenge_length;
  GBytes *outstanding;

  /* The names of the two ends, or NULL. */
  char *own_end;
  char *other_end;

  GQueue output;
};

/* The challenges of this process that wait for an answer, with the handshake that sent each.  An
 * attacker who sends one of them back wants this process to compute the answer: a reflection
 * attack.  Used, like the ends of a handshake, between mp_fork_block () and mp_fork_unblock (). */
static GHashTable *outstanding_challenges;

static void
add_outstanding (MpHandshake *self)
{
  self->outstanding = g_bytes_new (self->challenge, self->challenge_length);

  mp_fork_block ();
  if (outstanding_challenges == NULL)
    outstanding_challenges = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  g_hash_table_insert (outstanding_challenges, self->outstanding, self);
  mp_fork_unblock ();
}

static void
remove_outstanding (MpHandshake *self)
{
  if (self->outstanding == NULL)
    return;

  mp_fork_block ();
  if (g_hash_table_lookup (outstanding_challenges, self->outstanding) == self)
    g_hash_table_remove (outstanding_challenges, self->outstanding);
  mp_fork_unblock ();
  g_clear_pointer (&self->outstanding, g_bytes_unref);
}

/* Whether a challenge was sent by this process and did not come directly from its sender. */
static gboolean
is_reflected (MpHandshake  *self,
              const guint8 *challenge,
              gsize         length)
{
  g_autoptr (GBytes) bytes = g_bytes_new (challenge, length);
  MpHandshake *sender = NULL;
  gboolean     reflected;

  mp_fork_block ();
  if (outstanding_challenges != NULL)
    sender = g_hash_table_lookup (outstanding_challenges, bytes);
  reflected = sender != NULL && (sender == self || sender->own_end == NULL ||
                                 g_strcmp0 (sender->own_end, self->other_end) != 0);
  mp_fork_unblock ();
  return reflected;
}

void
mp_handshake_set_ends (MpHandshake *self,
                       const char  *own,
                       const char  *other)
{
  mp_fork_block ();
  g_free (self->own_end);
  g_free (self->other_end);
  self->own_end = g_strdup (own);
  self->other_end = g_strdup (other);
  mp_fork_unblock ();
}

static void
fill_randomly (guint8 *bytes,
               gsize   length)
{
  gsize n = 0;

  while (n < length)
    {
      gssize piece = getrandom (bytes + n, length - n, 0);

      if (piece > 0)
        n += piece;
      else if (errno != EINTR)
        g_error ("The system has no random numbers: %s", g_strerror (errno));
    }
}

static void
put_output (MpHandshake *self,
            GBytes      *message)
{
  g_queue_push_tail (&self->output, message);
}

static void
send_challenge (MpHandshake *self)
{
  guint8 *message = g_malloc (PREFIX_LENGTH + self->challenge_length);

  memcpy (message, CHALLENGE_PREFIX, PREFIX_LENGTH);
  memcpy (message + PREFIX_LENGTH, self->challenge, self->challenge_length);
  put_output (self, g_bytes_new_take (message, PREFIX_LENGTH + self->challenge_length));
  add_outstanding (self);
  self->state = STATE_AWAIT_RESPONSE;
}

MpHandshake *
mp_handshake_new (MpHandshakeRole role,
                  GBytes         *key,
                  gboolean        legacy_digests)
{
  MpHandshake *self = g_new0 (MpHandshake, 1);
  gsize        name_length = strlen (digests[0].name);

  self->role = role;
  self->key = g_bytes_ref (key);
  self->legacy_digests = legacy_digests;
  g_queue_init (&self->output);

  memcpy (self->challenge, digests[0].name, name_length);
  fill_randomly (self->challenge + name_length, NONCE);
  self->challenge_length = name_length + NONCE;

  self->state = STATE_AWAIT_CHALLENGE;
  if (role == MP_HANDSHAKE_SERVER)
    send_challenge (self);
  return self;
}

void
mp_handshake_free (MpHandshake *self)
{
  remove_outstanding (self);
  g_queue_clear_full (&self->output, (GDestroyNotify) g_bytes_unref);
  g_bytes_unref (self->key);
  g_free (self->own_end);
  g_free (self->other_end);
  g_free (self);
}

void
mp_handshake_set_challenge (MpHandshake  *self,
                            const guint8 *challenge,
                            gsize         length)
{
  g_assert (length <= MP_HANDSHAKE_MAX_MESSAGE - PREFIX_LENGTH);

  memcpy (self->challenge, challenge, length);
  self->challenge_length = length;
  if (self->role == MP_HANDSHAKE_CLIENT)
    return;

  remove_outstanding (self);
  g_queue_clear_full (&self->output, (GDestroyNotify) g_bytes_unref);
  send_challenge (self);
}

GBytes *
mp_handshake_take_output (MpHandshake *self)
{
  return g_queue_pop_head (&self->output);
}

MpHandshakeStatus
mp_handshake_get_status (MpHandshake *self)
{
  if (self->state == STATE_FAILED)
    return MP_HANDSHAKE_FAILED;

  return self->state == STATE_DONE ? MP_HANDSHAKE_DONE : MP_HANDSHAKE_RUNNING;
}

static MpHandshakeStatus
fail (MpHandshake *self,
      const char  *why,
      GError     **error)
{
  self->state = STATE_FAILED;
  remove_outstanding (self);
  g_set_error_literal (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED, why);
  return MP_HANDSHAKE_FAILED;
}

static void
compute_mac (MpHandshake  *self,
             const Digest *digest,
             const guint8 *challenge,
             gsize         length,
             guint8       *mac)
{
  gsize         key_length;
  const guint8 *key = g_bytes_get_data (self->key, &key_length);
  g_autoptr (GHmac) hmac =
    g_hmac_new (digest->type, key != NULL ? key : (const guint8 *) "", key_length);
  gsize mac_length = digest->length;

  g_hmac_update (hmac, challenge, (gssize) length);
  g_hmac_get_digest (hmac, mac, &mac_length);
}

/* Takes the same time wherever the first difference is, so as not to reveal it to an attacker. */
static gboolean
equal_in_constant_time (const guint8 *one,
                        const guint8 *other,
                        gsize         length)
{
  volatile guint8 difference = 0;

  for (gsize i = 0; i < length; i++)
    difference |= one[i] ^ other[i];

  return difference == 0;
}

static const Digest *
find_digest (const guint8 *bytes,
             gsize         length)
{
  for (gsize i = 0; i < G_N_ELEMENTS (digests); i++)
    {
      gsize name_length = strlen (digests[i].name);

      if (length >= name_length && memcmp (bytes, digests[i].name, name_length) == 0)
        return &digests[i];
    }

  return NULL;
}

/* Returns the digest that a challenge requests, or NULL with @error set. */
static const Digest *
choose_digest (MpHandshake  *self,
               const guint8 *challenge,
               gsize         length,
               const char  **why)
{
  const Digest *digest;

  if (length < LEGACY_NONCE)
    {
      *why = "The challenge of the peer is too short";
      return NULL;
    }

  digest = length == LEGACY_NONCE ? &raw_md5 : find_digest (challenge, length);
  if (digest == NULL)
    *why = "The peer wants a digest that is not known here";
  if (digest != NULL && digest->legacy && !self->legacy_digests)
    {
      *why = "The peer can only do MD5, as Python before 3.12; allow legacy digests to talk to it";
      return NULL;
    }

  return digest;
}

static MpHandshakeStatus
answer_challenge (MpHandshake  *self,
                  const guint8 *message,
                  gsize         length,
                  GError      **error)
{
  const guint8 *challenge = message + PREFIX_LENGTH;
  gsize         challenge_length;
  const Digest *digest;
  const char   *why = NULL;
  guint8       *answer;
  gsize         name_length;

  if (length < PREFIX_LENGTH || memcmp (message, CHALLENGE_PREFIX, PREFIX_LENGTH) != 0)
    return fail (self, "The peer sent something else than a challenge; probably it has no key",
                 error);

  challenge_length = length - PREFIX_LENGTH;
  digest = choose_digest (self, challenge, challenge_length, &why);
  if (digest == NULL)
    return fail (self, why, error);
  if (is_reflected (self, challenge, challenge_length))
    return fail (self, "The peer sent a challenge of this process back; it does not have the key",
                 error);

  name_length = strlen (digest->name);
  answer = g_malloc (name_length + digest->length);
  memcpy (answer, digest->name, name_length);
  compute_mac (self, digest, challenge, challenge_length, answer + name_length);
  put_output (self, g_bytes_new_take (answer, name_length + digest->length));
  self->state = STATE_AWAIT_VERDICT;
  return MP_HANDSHAKE_RUNNING;
}

static const char *
judge_response (MpHandshake  *self,
                const guint8 *response,
                gsize         length)
{
  const Digest *digest = length == raw_md5.length ? &raw_md5 : find_digest (response, length);
  guint8        expected[LARGEST_DIGEST];
  gsize         name_length;

  if (digest == NULL && length >= 6 && memcmp (response, "{sha3_", 6) == 0)
    return "The peer answered with SHA-3, which cannot be checked here";
  if (digest == NULL)
    return "The peer sent something else than an answer to the challenge; probably it has no key";
  if (digest->legacy && !self->legacy_digests)
    return "The peer answered with MD5, as Python before 3.12; allow legacy digests to let it in";

  name_length = strlen (digest->name);
  if (length != name_length + digest->length)
    return "The answer of the peer has the wrong length";

  compute_mac (self, digest, self->challenge, self->challenge_length, expected);
  if (!equal_in_constant_time (expected, response + name_length, digest->length))
    return "Digest received was wrong; the peer has another key";

  return NULL;
}

static MpHandshakeStatus
verify_response (MpHandshake  *self,
                 const guint8 *response,
                 gsize         length,
                 GError      **error)
{
  const char *why = judge_response (self, response, length);

  remove_outstanding (self);
  if (why != NULL)
    {
      put_output (self, g_bytes_new_static (FAILURE, sizeof FAILURE - 1));
      return fail (self, why, error);
    }

  put_output (self, g_bytes_new_static (WELCOME, sizeof WELCOME - 1));
  self->state = self->role == MP_HANDSHAKE_SERVER ? STATE_AWAIT_CHALLENGE : STATE_DONE;
  return mp_handshake_get_status (self);
}

static MpHandshakeStatus
read_verdict (MpHandshake  *self,
              const guint8 *message,
              gsize         length,
              GError      **error)
{
  if (length != sizeof WELCOME - 1 || memcmp (message, WELCOME, length) != 0)
    return fail (self, "Digest sent was rejected; the peer has another key", error);

  if (self->role == MP_HANDSHAKE_CLIENT)
    send_challenge (self);
  else
    self->state = STATE_DONE;
  return mp_handshake_get_status (self);
}

MpHandshakeStatus
mp_handshake_feed (MpHandshake  *self,
                   const guint8 *message,
                   gsize         length,
                   GError      **error)
{
  if (length > MP_HANDSHAKE_MAX_MESSAGE)
    return fail (self, "A message of the handshake is too long", error);

  switch (self->state)
    {
    case STATE_AWAIT_RESPONSE:
      return verify_response (self, message, length, error);

    case STATE_AWAIT_CHALLENGE:
      return answer_challenge (self, message, length, error);

    case STATE_AWAIT_VERDICT:
      return read_verdict (self, message, length, error);

    default:
      return fail (self, "The handshake is over", error);
    }
}

/* The probable reason why a peer is silent in this state. */
static const char *
get_suspicion (MpHandshake *self)
{
  if (self->state == STATE_AWAIT_CHALLENGE && self->role == MP_HANDSHAKE_CLIENT)
    return "probably the listener has no key";
  if (self->state == STATE_AWAIT_RESPONSE && self->role == MP_HANDSHAKE_SERVER)
    return "probably it has no key";
  if (self->state == STATE_AWAIT_VERDICT)
    return "probably it has another key";

  return "it stopped in the middle of the handshake";
}

void
mp_handshake_explain_silence (MpHandshake *self,
                              GError     **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
               _ ("The peer did not finish the handshake in time: %s"), get_suspicion (self));
}

void
mp_handshake_explain_end (MpHandshake *self,
                          GError     **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED,
               _ ("The peer closed the connection during the handshake: %s"), get_suspicion (self));
}
