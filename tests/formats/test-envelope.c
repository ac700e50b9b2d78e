/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "formats/envelope.h"
#include "formats/format.h"

#include "mp-error.h"

#include <string.h>

static const MpFormat formats[] = { MP_FORMAT_GVARIANT, MP_FORMAT_JSON, MP_FORMAT_PICKLE };

static GBytes *
from_json (const char *json,
           MpFormat    format)
{
  g_autoptr (GBytes) text = g_bytes_new (json, strlen (json));
  g_autoptr (GError) error = NULL;
  GBytes *payload = mp_format_convert (MP_FORMAT_JSON, text, format, &error);

  g_assert_no_error (error);
  return payload;
}

static MpEnvelopeKind
look (MpFormat format,
      GBytes  *payload,
      guint64 *id,
      GError **error)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  return mp_envelope_look (format, data, size, id, error);
}

static const char *const values[] = {
  "null",
  "true",
  "[]",
  "{}",
  "[1,[2,{\"a\":[3.5,\"text\"]}]]",
  "-7",
  "123456789012",
  "\"mp:call\"",
  "{\"a\":{\"b\":{\"c\":[null]}}}",
  "[\"mp:call\",7,1]",
};

static void
test_round_trip (void)
{
  static const guint64 ids[] = { 0, 1, 255, 256, 70000, G_MAXINT64, G_MAXUINT64 };

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    for (guint v = 0; v < G_N_ELEMENTS (values); v++)
      for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
        {
          g_autoptr (GBytes) value = from_json (values[v], formats[f]);
          g_autoptr (GError) error = NULL;
          g_autoptr (GBytes) payload =
            mp_envelope_close (formats[f], MP_ENVELOPE_CALL, ids[i], value, &error);
          g_autoptr (GBytes) opened = NULL;
          g_autoptr (GBytes) json = NULL;
          guint64 id = 99;

          g_assert_no_error (error);
          g_assert_cmpint (look (formats[f], payload, &id, &error), ==, MP_ENVELOPE_CALL);
          g_assert_no_error (error);
          g_assert_cmpuint (id, ==, ids[i]);
          opened = mp_envelope_open (formats[f], payload, &error);
          g_assert_no_error (error);
          json = mp_format_convert (formats[f], opened, MP_FORMAT_JSON, &error);
          g_assert_no_error (error);
          g_assert_cmpmem (g_bytes_get_data (json, NULL), g_bytes_get_size (json), values[v],
                           strlen (values[v]));
        }
}

static void
test_errors (void)
{
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) payload =
        mp_envelope_close_error (formats[f], 7, "domain", -3, "mess\"age", &error);
      g_autoptr (GBytes) cancel = mp_envelope_close_cancel (formats[f], 8, &error);
      g_autofree char *domain = NULL;
      g_autofree char *message = NULL;
      guint64          id = 0;
      gint32           code = 0;

      g_assert_no_error (error);
      g_assert_cmpint (look (formats[f], payload, &id, &error), ==, MP_ENVELOPE_ERROR);
      g_assert_cmpuint (id, ==, 7);
      g_assert_true (
        mp_envelope_open_error (formats[f], payload, &domain, &code, &message, &error));
      g_assert_no_error (error);
      g_assert_cmpstr (domain, ==, "domain");
      g_assert_cmpint (code, ==, -3);
      g_assert_cmpstr (message, ==, "mess\"age");
      g_assert_cmpint (look (formats[f], cancel, &id, &error), ==, MP_ENVELOPE_CANCEL);
      g_assert_cmpuint (id, ==, 8);
    }
}

typedef struct
{
  MpFormat    format;
  const char *data;
  gsize       size;
} Payload;

#define JSON(text)                        \
  {                                       \
    MP_FORMAT_JSON, text, sizeof text - 1 \
  }
#define PICKLE(text)                        \
  {                                         \
    MP_FORMAT_PICKLE, text, sizeof text - 1 \
  }

static void
test_ordinary (void)
{
  static const Payload payloads[] = {
    JSON (""),
    JSON ("["),
    JSON ("[\"mp:other\",1]"),
    JSON ("[1,\"mp:call\"]"),
    JSON ("\"mp:call\""),
    PICKLE (""),
    PICKLE ("\x80\x04"),
    PICKLE ("\x80\x04\x8c\x07mp:c"),
    PICKLE ("N."),
    PICKLE ("\x80\x04\x8c\x07mp:calx\x94K\x01K\x02\x87."),
    { MP_FORMAT_GVARIANT, "mp:call\0sl", 10 },
    { MP_FORMAT_BYTES, "mp:call", 7 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      g_autoptr (GBytes) payload = g_bytes_new_static (payloads[i].data, payloads[i].size);
      g_autoptr (GError) error = NULL;
      guint64 id;

      if (payloads[i].format == MP_FORMAT_GVARIANT)
        continue;
      g_assert_cmpint (look (payloads[i].format, payload, &id, &error), ==, MP_ENVELOPE_NONE);
      g_assert_no_error (error);
    }
}

/* Messages that begin like an envelope but are malformed. */
static void
test_hostile (void)
{
  static const Payload payloads[] = {
    JSON ("[\"mp:call\"]"),
    JSON ("[\"mp:call\",-1,2]"),
    JSON ("[\"mp:call\",1.5,2]"),
    JSON ("[\"mp:call\",99999999999999999999,2]"),
    JSON ("[\"mp:return\",\"1\",2]"),
    JSON ("[\"mp:call\",7"),
    PICKLE ("\x80\x04\x8c\x07mp:call\x94N\x86."),
    PICKLE ("\x80\x04\x8c\x07mp:call"),
    PICKLE ("\x80\x04\x8c\x07mp:call\x94J\xff\xff\xff\xffN\x87."),
  };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      g_autoptr (GBytes) payload = g_bytes_new_static (payloads[i].data, payloads[i].size);
      g_autoptr (GError) error = NULL;
      guint64 id;

      g_assert_cmpint (look (payloads[i].format, payload, &id, &error), ==, MP_ENVELOPE_NONE);
      g_assert_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE);
    }
}

/* The head is valid, but the rest is not. */
static void
test_hostile_values (void)
{
  static const Payload payloads[] = {
    JSON ("[\"mp:call\",7,]"),
    JSON ("[\"mp:call\",7]"),
    JSON ("[\"mp:call\",7,1,2]"),
    JSON ("[\"mp:call\",7,[1,2]"),
    PICKLE ("\x80\x04\x8c\x07mp:call\x94K\x07\x86."),
    PICKLE ("\x80\x04\x8c\x07mp:call\x94K\x07"),
    PICKLE ("\x80\x04\x8c\x07mp:call\x94K\x07"
            "00N."),
    PICKLE ("\x80\x04\x8c\x07mp:call\x94K\x07"
            "cos\nsystem\n\x87."),
  };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      g_autoptr (GBytes) payload = g_bytes_new_static (payloads[i].data, payloads[i].size);
      g_autoptr (GError) error = NULL;
      guint64 id;

      g_assert_cmpint (look (payloads[i].format, payload, &id, &error), ==, MP_ENVELOPE_CALL);
      g_assert_cmpuint (id, ==, 7);
      g_assert_null (mp_envelope_open (payloads[i].format, payload, &error));
      g_assert_nonnull (error);
    }
}

/* Pickles of ("mp:call", 7, {"a": [1]}) in other protocols. */
static void
test_protocols (void)
{
  static const Payload payloads[] = {
    PICKLE ("\x80\x02X\x07\x00\x00\x00mp:callq\x00K\x07}q\x01X\x01\x00\x00\x00"
            "aq\x02]q\x03K\x01"
            "as\x87q\x04."),
    PICKLE ("\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x07mp:call\x94K\x07}\x94\x8c\x01"
            "a\x94]\x94K\x01"
            "as\x87\x94."),
    PICKLE ("\x80\x04]\x94(\x8c\x07mp:call\x94K\x07}\x94\x8c\x01"
            "a\x94]\x94K\x01"
            "ase."),
  };

  for (guint i = 0; i < G_N_ELEMENTS (payloads); i++)
    {
      g_autoptr (GBytes) payload = g_bytes_new_static (payloads[i].data, payloads[i].size);
      g_autoptr (GBytes) value = NULL;
      g_autoptr (GBytes) json = NULL;
      g_autoptr (GError) error = NULL;
      guint64 id;

      g_assert_cmpint (look (MP_FORMAT_PICKLE, payload, &id, &error), ==, MP_ENVELOPE_CALL);
      g_assert_cmpuint (id, ==, 7);
      value = mp_envelope_open (MP_FORMAT_PICKLE, payload, &error);
      g_assert_no_error (error);
      json = mp_format_convert (MP_FORMAT_PICKLE, value, MP_FORMAT_JSON, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (g_bytes_get_data (json, NULL), g_bytes_get_size (json), "{\"a\":[1]}", 9);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/envelope/round-trip", test_round_trip);
  g_test_add_func ("/envelope/errors", test_errors);
  g_test_add_func ("/envelope/ordinary", test_ordinary);
  g_test_add_func ("/envelope/hostile", test_hostile);
  g_test_add_func ("/envelope/hostile-values", test_hostile_values);
  g_test_add_func ("/envelope/protocols", test_protocols);
  return g_test_run ();
}
