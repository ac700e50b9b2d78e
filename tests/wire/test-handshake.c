/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>

#include "wire/frame.h"
#include "wire/handshake.h"

#define KEY "secret_key"

#define HEADER "#CHALLENGE#"
#define SERVER_NONCE \
  "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13"
#define CLIENT_NONCE \
  "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93"
#define SERVER_NONCE2 \
  SERVER_NONCE "\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\x21\x22\x23\x24\x25\x26\x27"
#define CLIENT_NONCE2 \
  CLIENT_NONCE "\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7"

/* A recorded handshake between real programs: all bytes on the wire, alternately from server and
 * client, with S or C for the sender. */
typedef struct
{
  const char *name;
  const char *lines[8];
  gboolean    legacy_server;
  gboolean    legacy_client;
} Transcript;

static const Transcript transcripts[] = {
  { "legacy-legacy",
    {
      "S0000001f234348414c4c454e474523000102030405060708090a0b0c0d0e0f10111213",
      "C00000010b43b6b68fdac08fbc8c46c9f04585169",
      "S000000092357454c434f4d4523",
      "C0000001f234348414c4c454e474523808182838485868788898a8b8c8d8e8f90919293",
      "S000000107c1e27a8d260a05b79fbc6ddb5fa193b",
      "C000000092357454c434f4d4523",
    },
    TRUE,
    TRUE },
  { "modern-modern",
    {
      "S0000003b234348414c4c454e4745237b7368613235367d000102030405060708090a0b0c0d0e0f1011121314151"
      "617"
      "18191a1b1c1d1e1f2021222324252627",
      "C000000287b7368613235367d55aee0df53500e0a00228ef8646b0f327aa2e961f32071f614db97832405f506",
      "S000000092357454c434f4d4523",
      "C0000003b234348414c4c454e4745237b7368613235367d808182838485868788898a8b8c8d8e8f9091929394959"
      "697"
      "98999a9b9c9d9e9fa0a1a2a3a4a5a6a7",
      "S000000287b7368613235367da37ed4f8888d2a4ee6fe543265c32ccd74603eb8eec0913394270fb8b1aad037",
      "C000000092357454c434f4d4523",
    },
    FALSE,
    FALSE },
  { "modern-server-legacy-client",
    {
      "S0000003b234348414c4c454e4745237b7368613235367d000102030405060708090a0b0c0d0e0f1011121314151"
      "617"
      "18191a1b1c1d1e1f2021222324252627",
      "C000000108967045834c271aa7c84eaa2d5606b9b",
      "S000000092357454c434f4d4523",
      "C0000001f234348414c4c454e474523808182838485868788898a8b8c8d8e8f90919293",
      "S000000107c1e27a8d260a05b79fbc6ddb5fa193b",
      "C000000092357454c434f4d4523",
    },
    FALSE,
    TRUE },
  { "legacy-server-modern-client",
    {
      "S0000001f234348414c4c454e474523000102030405060708090a0b0c0d0e0f10111213",
      "C00000010b43b6b68fdac08fbc8c46c9f04585169",
      "S000000092357454c434f4d4523",
      "C0000003b234348414c4c454e4745237b7368613235367d808182838485868788898a8b8c8d8e8f9091929394959"
      "697"
      "98999a9b9c9d9e9fa0a1a2a3a4a5a6a7",
      "S000000102398f3de599f77025339917fbf97f153",
      "C000000092357454c434f4d4523",
    },
    TRUE,
    FALSE },
};

static GBytes *
make_key (const char *key)
{
  return g_bytes_new (key, strlen (key));
}

static GByteArray *
parse_hex (const char *hex)
{
  GByteArray *bytes = g_byte_array_new ();

  for (; *hex != '\0'; hex += 2)
    {
      guint8 byte = (guint8) (g_ascii_xdigit_value (hex[0]) * 16 + g_ascii_xdigit_value (hex[1]));

      g_byte_array_append (bytes, &byte, 1);
    }
  return bytes;
}

static void
set_challenge (MpHandshake *handshake,
               gboolean     server,
               gboolean     legacy)
{
  const char *nonce = server ? "{sha256}" SERVER_NONCE2 : "{sha256}" CLIENT_NONCE2;

  if (legacy)
    nonce = server ? SERVER_NONCE : CLIENT_NONCE;
  mp_handshake_set_challenge (handshake, (const guint8 *) nonce, legacy ? 20 : 48);
}

/* Our side has to send the recorded messages, and accepts those recorded of the other side. */
static void
play (MpHandshake *handshake,
      char         ours,
      const char  *line)
{
  g_autoptr (GByteArray) recorded = parse_hex (line + 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) message = NULL;
  guint8 header[MP_FRAME_MAX_HEADER];
  gsize  length;

  if (*line != ours)
    {
      mp_handshake_feed (handshake, recorded->data + 4, recorded->len - 4, &error);
      g_assert_no_error (error);
      return;
    }

  message = mp_handshake_take_output (handshake);
  g_assert_nonnull (message);
  length = g_bytes_get_size (message);
  g_assert_cmpint (mp_frame_put_header (header, length), ==, 4);
  g_assert_cmpmem (header, 4, recorded->data, 4);
  g_assert_cmpmem (g_bytes_get_data (message, NULL), length, recorded->data + 4, recorded->len - 4);
}

static void
test_transcript (gconstpointer data)
{
  const Transcript *transcript = data;
  g_autoptr (GBytes) key = make_key (KEY);

  for (int role = MP_HANDSHAKE_SERVER; role <= MP_HANDSHAKE_CLIENT; role++)
    {
      gboolean server = role == MP_HANDSHAKE_SERVER;
      gboolean legacy = transcript->legacy_server || transcript->legacy_client;
      g_autoptr (MpHandshake) handshake = mp_handshake_new (role, key, legacy);

      set_challenge (handshake, server,
                     server ? transcript->legacy_server : transcript->legacy_client);

      /* Only a modern peer names its digest in the answer, so a legacy answer to a modern challenge
       * differs from that of our side. */
      if (transcript->legacy_client && !transcript->legacy_server && !server)
        continue;
      for (int i = 0; i < 6; i++)
        {
          if (transcript->legacy_server && !transcript->legacy_client && server && i == 4)
            break;
          play (handshake, server ? 'S' : 'C', transcript->lines[i]);
          g_assert_cmpint (mp_handshake_get_status (handshake), ==,
                           i == 5 || (i == 4 && !server) ? MP_HANDSHAKE_DONE
                                                         : MP_HANDSHAKE_RUNNING);
        }
    }
}

/* The server refuses the answer of a client with another key, and reports that to it. */
static void
test_wrong_key (void)
{
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (GBytes) wrong = make_key ("wrong");
  g_autoptr (MpHandshake) server = mp_handshake_new (MP_HANDSHAKE_SERVER, key, FALSE);
  g_autoptr (MpHandshake) client = mp_handshake_new (MP_HANDSHAKE_CLIENT, wrong, FALSE);
  g_autoptr (GByteArray) answer =
    parse_hex ("7b7368613235367dc26d7460dd15c6dd4aa92917821afa7f1a9e7c80ee0553b0318ccc37a2fb373a");
  g_autoptr (GBytes) challenge = NULL;
  g_autoptr (GBytes) verdict = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) client_error = NULL;

  set_challenge (server, TRUE, FALSE);
  challenge = mp_handshake_take_output (server);

  g_assert_cmpint (mp_handshake_feed (server, answer->data, answer->len, &error), ==,
                   MP_HANDSHAKE_FAILED);
  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  verdict = mp_handshake_take_output (server);
  g_assert_cmpmem (g_bytes_get_data (verdict, NULL), g_bytes_get_size (verdict), "#FAILURE#", 9);
  g_assert_null (mp_handshake_take_output (server));

  /* Its own answer is the recorded one, and it accepts the result. */
  g_assert_cmpint (mp_handshake_feed (client, g_bytes_get_data (challenge, NULL),
                                      g_bytes_get_size (challenge), NULL),
                   ==, MP_HANDSHAKE_RUNNING);
  g_clear_pointer (&challenge, g_bytes_unref);
  challenge = mp_handshake_take_output (client);
  g_assert_cmpmem (g_bytes_get_data (challenge, NULL), g_bytes_get_size (challenge),
                   answer->data, answer->len);
  g_assert_cmpint (mp_handshake_feed (client, (const guint8 *) "#FAILURE#", 9, &client_error), ==,
                   MP_HANDSHAKE_FAILED);
  g_assert_error (client_error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
}

typedef struct
{
  const char *name;
  const char *message;
  gsize       length;
  gboolean    legacy;

  /* The length of the answer, or 0 if the challenge is refused. */
  gsize answer;
} Challenge;

#define CHALLENGE(name, text, legacy, answer)     \
  {                                               \
    name, text, sizeof (text) - 1, legacy, answer \
  }

static const Challenge challenges[] = {
  CHALLENGE ("no-prefix", "#CHALLENGE {sha256}" CLIENT_NONCE2, TRUE, 0),
  CHALLENGE ("empty", "", TRUE, 0),
  CHALLENGE ("prefix-alone", HEADER, TRUE, 0),
  CHALLENGE ("too-short", HEADER "0123456789012345678", TRUE, 0),
  CHALLENGE ("legacy", HEADER CLIENT_NONCE, TRUE, 16),
  CHALLENGE ("legacy-refused", HEADER CLIENT_NONCE, FALSE, 0),
  CHALLENGE ("twenty-bytes-are-legacy", HEADER "{sha256}012345678901", TRUE, 16),
  CHALLENGE ("sha256", HEADER "{sha256}" CLIENT_NONCE2, FALSE, 40),
  CHALLENGE ("sha256-short", HEADER "{sha256}0123456789012", FALSE, 40),
  CHALLENGE ("sha384", HEADER "{sha384}" CLIENT_NONCE2, FALSE, 56),
  CHALLENGE ("md5", HEADER "{md5}" CLIENT_NONCE2, TRUE, 21),
  CHALLENGE ("md5-refused", HEADER "{md5}" CLIENT_NONCE2, FALSE, 0),
  CHALLENGE ("sha512", HEADER "{sha512}" CLIENT_NONCE2, TRUE, 0),
  CHALLENGE ("upper-case", HEADER "{SHA256}" CLIENT_NONCE2, TRUE, 0),
  CHALLENGE ("no-digest", HEADER CLIENT_NONCE2, TRUE, 0),
  CHALLENGE ("verdict", "#WELCOME#", TRUE, 0),
};

static void
test_challenge (gconstpointer data)
{
  const Challenge *row = data;
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpHandshake) client = mp_handshake_new (MP_HANDSHAKE_CLIENT, key, row->legacy);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) answer = NULL;
  MpHandshakeStatus status =
    mp_handshake_feed (client, (const guint8 *) row->message, row->length, &error);

  answer = mp_handshake_take_output (client);
  if (row->answer > 0)
    {
      g_assert_no_error (error);
      g_assert_cmpint (status, ==, MP_HANDSHAKE_RUNNING);
      g_assert_cmpint (g_bytes_get_size (answer), ==, row->answer);
      return;
    }

  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  g_assert_cmpint (status, ==, MP_HANDSHAKE_FAILED);
  g_assert_null (answer);
}

static void
test_sha384_answer (void)
{
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpHandshake) client = mp_handshake_new (MP_HANDSHAKE_CLIENT, key, FALSE);
  g_autoptr (GByteArray) expected = parse_hex ("eddc74c7dc72d991a3445b3c90913186cf84716cabe3d6c383f"
                                               "2de77d72f29834225329b51c615be0e90c8e97cd0ec83");
  g_autoptr (GBytes) answer = NULL;

  mp_handshake_feed (client, (const guint8 *) HEADER "{sha384}" SERVER_NONCE2, 59, NULL);
  answer = mp_handshake_take_output (client);
  g_assert_cmpmem ((const guint8 *) g_bytes_get_data (answer, NULL) + 8,
                   g_bytes_get_size (answer) - 8, expected->data, expected->len);
}

typedef struct
{
  const char *name;
  const char *hex;
  gboolean    legacy;
  gboolean    accepted;
} Response;

/* Answers to the server's challenge in the transcripts. */
static const Response responses[] = {
  { "sha256", "7b7368613235367d55aee0df53500e0a00228ef8646b0f327aa2e961f32071f614db97832405f506",
    FALSE, TRUE },
  { "raw-md5", "8967045834c271aa7c84eaa2d5606b9b", TRUE, TRUE },
  { "raw-md5-refused", "8967045834c271aa7c84eaa2d5606b9b", FALSE, FALSE },
  { "last-bit", "7b7368613235367d55aee0df53500e0a00228ef8646b0f327aa2e961f32071f614db97832405f507",
    FALSE, FALSE },
  { "raw-sha256", "55aee0df53500e0a00228ef8646b0f327aa2e961f32071f614db97832405f506", TRUE, FALSE },
  { "too-long",
    "7b7368613235367d55aee0df53500e0a00228ef8646b0f327aa2e961f32071f614db97832405f50600", TRUE,
    FALSE },
  { "too-short", "7b7368613235367d55aee0df53500e0a00228ef8646b0f327aa2e961f32071f614db97832405f5",
    TRUE, FALSE },
  { "twenty-bytes", "0000000000000000000000000000000000000000", TRUE, FALSE },
  { "empty", "", TRUE, FALSE },
  { "sha3", "7b736861335f3235367d8f231094ce858251d0c22c6ce75cb87ecb2c92d703397825ce3dd1f9342fc8f0",
    TRUE, FALSE },
  { "sha1", "7b736861317d0000000000000000000000000000000000000000", TRUE, FALSE },
};

static void
test_response (gconstpointer data)
{
  const Response *row = data;
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpHandshake) server = mp_handshake_new (MP_HANDSHAKE_SERVER, key, row->legacy);
  g_autoptr (GByteArray) response = parse_hex (row->hex);
  g_autoptr (GBytes) challenge = NULL;
  g_autoptr (GBytes) verdict = NULL;
  g_autoptr (GError) error = NULL;
  MpHandshakeStatus status;

  set_challenge (server, TRUE, FALSE);
  challenge = mp_handshake_take_output (server);
  status = mp_handshake_feed (server, response->len > 0 ? response->data : (const guint8 *) "",
                              response->len, &error);
  verdict = mp_handshake_take_output (server);

  g_assert_cmpint (status, ==, row->accepted ? MP_HANDSHAKE_RUNNING : MP_HANDSHAKE_FAILED);
  g_assert_cmpmem (g_bytes_get_data (verdict, NULL), g_bytes_get_size (verdict),
                   row->accepted ? "#WELCOME#" : "#FAILURE#", 9);
  if (row->accepted)
    g_assert_no_error (error);
  else
    g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
}

/* Runs a handshake between two of our sides until both are done or one fails. */
static void
converse (MpHandshake *one,
          MpHandshake *other)
{
  gboolean moved;

  do
    {
      MpHandshake *sides[] = { one, other };

      moved = FALSE;
      for (int i = 0; i < 2; i++)
        {
          g_autoptr (GBytes) message = mp_handshake_take_output (sides[i]);

          if (message == NULL)
            continue;
          moved = TRUE;
          mp_handshake_feed (sides[1 - i], g_bytes_get_data (message, NULL),
                             g_bytes_get_size (message), NULL);
        }
    }
  while (moved);
}

/* A process may connect to itself. */
static void
test_with_itself (gconstpointer data)
{
  g_autoptr (GBytes) key = make_key (data);
  g_autoptr (MpHandshake) server = mp_handshake_new (MP_HANDSHAKE_SERVER, key, FALSE);
  g_autoptr (MpHandshake) client = mp_handshake_new (MP_HANDSHAKE_CLIENT, key, FALSE);

  mp_handshake_set_ends (server, "here", "there");
  mp_handshake_set_ends (client, "there", "here");
  converse (server, client);
  g_assert_cmpint (mp_handshake_get_status (server), ==, MP_HANDSHAKE_DONE);
  g_assert_cmpint (mp_handshake_get_status (client), ==, MP_HANDSHAKE_DONE);
}

static void
test_random (void)
{
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpHandshake) one = mp_handshake_new (MP_HANDSHAKE_SERVER, key, FALSE);
  g_autoptr (MpHandshake) other = mp_handshake_new (MP_HANDSHAKE_SERVER, key, FALSE);
  g_autoptr (GBytes) first = mp_handshake_take_output (one);
  g_autoptr (GBytes) second = mp_handshake_take_output (other);

  g_assert_cmpint (g_bytes_get_size (first), ==, 59);
  g_assert_false (g_bytes_equal (first, second));
}

/* A peer without the key sends our challenge back on a second connection, to make us compute the
 * answer (a reflection attack). */
static void
test_reflection (void)
{
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpHandshake) victim = mp_handshake_new (MP_HANDSHAKE_SERVER, key, TRUE);
  g_autoptr (MpHandshake) oracle = mp_handshake_new (MP_HANDSHAKE_CLIENT, key, TRUE);
  g_autoptr (GBytes) challenge = mp_handshake_take_output (victim);
  g_autoptr (GError) error = NULL;

  mp_handshake_set_ends (victim, "here", "peer");
  mp_handshake_set_ends (oracle, "here too", "peer");
  g_assert_cmpint (mp_handshake_feed (oracle, g_bytes_get_data (challenge, NULL),
                                      g_bytes_get_size (challenge), &error),
                   ==, MP_HANDSHAKE_FAILED);
  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  g_assert_null (mp_handshake_take_output (oracle));
}

static void
test_too_long (void)
{
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpHandshake) client = mp_handshake_new (MP_HANDSHAKE_CLIENT, key, TRUE);
  g_autofree char *message = g_strnfill (257, 'x');
  g_autoptr (GError) error = NULL;

  memcpy (message, HEADER "{sha256}", 19);
  g_assert_cmpint (mp_handshake_feed (client, (const guint8 *) message, 257, &error), ==,
                   MP_HANDSHAKE_FAILED);
  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
}

static void
test_over (void)
{
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpHandshake) client = mp_handshake_new (MP_HANDSHAKE_CLIENT, key, FALSE);

  g_assert_cmpint (mp_handshake_feed (client, (const guint8 *) "x", 1, NULL), ==,
                   MP_HANDSHAKE_FAILED);
  g_assert_cmpint (
    mp_handshake_feed (client, (const guint8 *) HEADER "{sha256}" SERVER_NONCE2, 59, NULL), ==,
    MP_HANDSHAKE_FAILED);
  g_assert_null (mp_handshake_take_output (client));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (transcripts); i++)
    {
      g_autofree char *path = g_strdup_printf ("/handshake/transcript/%s", transcripts[i].name);

      g_test_add_data_func (path, &transcripts[i], test_transcript);
    }
  g_test_add_func ("/handshake/transcript/wrong-key", test_wrong_key);

  for (gsize i = 0; i < G_N_ELEMENTS (challenges); i++)
    {
      g_autofree char *path = g_strdup_printf ("/handshake/challenge/%s", challenges[i].name);

      g_test_add_data_func (path, &challenges[i], test_challenge);
    }
  g_test_add_func ("/handshake/challenge/sha384-answer", test_sha384_answer);

  for (gsize i = 0; i < G_N_ELEMENTS (responses); i++)
    {
      g_autofree char *path = g_strdup_printf ("/handshake/response/%s", responses[i].name);

      g_test_add_data_func (path, &responses[i], test_response);
    }

  g_test_add_data_func ("/handshake/with-itself", KEY, test_with_itself);
  g_test_add_data_func ("/handshake/with-itself/empty-key", "", test_with_itself);
  g_test_add_func ("/handshake/random", test_random);
  g_test_add_func ("/handshake/reflection", test_reflection);
  g_test_add_func ("/handshake/too-long", test_too_long);
  g_test_add_func ("/handshake/over", test_over);

  return g_test_run ();
}
