/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/format.h"
#include "formats/gvariant-reader.h"
#include "formats/gvariant.h"
#include "formats/pickle-reader.h"
#include "mp-error.h"

#include <string.h>

typedef struct
{
  const char *pickle;

  /* The variant as text; NULL if there is none, although the pickle is valid. */
  const char *value;
} Row;

/* Pickles that Python's own pickler writes with protocol 4. */
static const Row protocol_4[] = {
  { "80044e2e", "@mv nothing" },
  { "8004882e", "true" },
  { "80044b002e", "int64 0" },
  { "80044bff2e", "int64 255" },
  { "80049504000000000000004dffff2e", "int64 65535" },
  { "80049506000000000000004a000001002e", "int64 65536" },
  { "80049506000000000000004affffffff2e", "int64 -1" },
  { "80049508000000000000008a0500000080002e", "int64 2147483648" },
  { "80049508000000000000008a05ffffff7fff2e", "int64 -2147483649" },
  { "8004950c000000000000008a090000000000000080002e",
    "uint64 9223372036854775808" },
  { "8004950b000000000000008a0800000000000000802e",
    "int64 -9223372036854775808" },
  { "80049510000000000000008a0d00000040eaed7446d09c2c9f0c2e", NULL },
  { "8004950a00000000000000473ff80000000000002e", "1.5" },
  { "8004950a000000000000004780000000000000002e", "-0.0" },
  { "80049504000000000000008c00942e", "''" },
  { "80049507000000000000008c03616263942e", "'abc'" },
  { "8004950d000000000000008c09c3a9e282acf09f9880942e", "'é€😀'" },
  { "80049507000000000000008c03eda080942e", NULL },
  { "80049504000000000000004300942e", "@ay []" },
  { "8004950600000000000000430200ff942e", "[byte 0x00, 0xff]" },
  { "80049523000000000000008c086275696c74696e73948c096279746561727261799493944302616294"
    "859452942e",
    "[byte 0x61, 0x62]" },
  { "80045d942e", "@av []" },
  { "80049506000000000000005d944b01612e", "[<int64 1>]" },
  { "80049509000000000000005d94284b014b02652e", "[<int64 1>, <int64 2>]" },
  { "8004292e", "()" },
  { "80049505000000000000004b0185942e", "(<int64 1>,)" },
  { "80049507000000000000004b014b0286942e", "(<int64 1>, <int64 2>)" },
  { "80049509000000000000004b014b024b0387942e",
    "(<int64 1>, <int64 2>, <int64 3>)" },
  { "8004950c00000000000000284b014b024b034b0474942e",
    "(<int64 1>, <int64 2>, <int64 3>, <int64 4>)" },
  { "80047d942e", "@a{sv} {}" },
  { "8004950a000000000000007d948c0161944b01732e", "{'a': <int64 1>}" },
  { "80049511000000000000007d94288c0161944b018c0162944b02752e",
    "{'a': <int64 1>, 'b': <int64 2>}" },
  { "80048f942e", NULL },
  { "80049509000000000000008f94284b014b02902e", NULL },
  { "80049504000000000000002891942e", NULL },
  { "8004950600000000000000284b0191942e", NULL },
  { "80049508000000000000005d94284e8889652e",
    "[<@mv nothing>, <true>, <false>]" },
  { "8004951a000000000000007d948c016b945d9428473ff8000000000000430100944e65732e",
    "{'k': <[<1.5>, <[byte 0x00]>, <@mv nothing>]>}" },
  { "8004950c000000000000005d94285d944b01616801652e",
    "[<[<int64 1>]>, <[<int64 1>]>]" },
  { "8004950b000000000000005d94288c0161946801652e", "[<'a'>, <'a'>]" },
  { "80049509000000000000005d94284b016800652e", NULL },
  { "8004950d000000000000007d948c0473656c66946800732e", NULL },
  { "8004950b000000000000005d9468008594613068012e", NULL },
  { "8004951900000000000000285d942868004b014b024b037494614b014b024b033168012e",
    NULL },
};

/* Pickles with other protocols, or written by dill. */
static const Row other_protocols[] = {
  { "4e2e",
    "@mv nothing" },
  { "80024e2e",
    "@mv nothing" },
  { "4930310a2e",
    "true" },
  { "4930300a2e",
    "false" },
  { "8002882e",
    "true" },
  { "493235360a2e",
    "int64 256" },
  { "4d00012e",
    "int64 256" },
  { "4c323134373438333634384c0a2e",
    "int64 2147483648" },
  { "80028a0500000080002e",
    "int64 2147483648" },
  { "4c393232333337323033363835343737353830384c0a2e",
    "uint64 9223372036854775808" },
  { "4c2d393232333337323033363835343737353830384c0a2e",
    "int64 -9223372036854775808" },
  { "4c313030303030303030303030303030303030303030303030303030303030304c0a2e",
    NULL },
  { "46312e350a2e",
    "1.5" },
  { "46696e660a2e",
    "inf" },
  { "473ff80000000000002e",
    "1.5" },
  { "56e95c75323061635c5530303031663630300a70300a2e",
    "'é€😀'" },
  { "80025809000000c3a9e282acf09f988071002e",
    "'é€😀'" },
  { "56615c7530303563625c75303030610a70300a2e",
    "'a\\\\b\\n'" },
  { "565c75643830300a70300a2e",
    NULL },
  { "56615c75303030300a70300a2e",
    NULL },
  { "635f636f646563730a656e636f64650a70300a28565c7530303030ff0a70310a566c6174696e310a"
    "70320a7470330a5270340a2e",
    "[byte 0x00, 0xff]" },
  { "8002635f636f646563730a656e636f64650a7100580300000000c3bf710158060000006c6174696e"
    "3171028671035271042e",
    "[byte 0x00, 0xff]" },
  { "8003430200ff71002e",
    "[byte 0x00, 0xff]" },
  { "635f5f6275696c74696e5f5f0a62797465730a70300a28745270310a2e",
    "@ay []" },
  { "635f5f6275696c74696e5f5f0a6279746561727261790a70300a28635f636f646563730a656e636f"
    "64650a70310a285661620a70320a566c6174696e310a70330a7470340a5270350a7470360a527037"
    "0a2e",
    "[byte 0x61, 0x62]" },
  { "80035d710028636275696c74696e730a6279746561727261790a7101430161710285710352710468"
    "014301627105857106527107652e",
    "[<[byte 0x61]>, <[byte 0x62]>]" },
  { "8005950d000000000000009602000000000000006162942e",
    "[byte 0x61, 0x62]" },
  { "80049536000000000000008c0a64696c6c2e5f64696c6c948c0a5f6c6f61645f747970659493948c"
    "0962797465617272617994859452944302616294859452942e",
    "[byte 0x61, 0x62]" },
  { "286c70300a49310a6149320a612e",
    "[<int64 1>, <int64 2>]" },
  { "5d7100284b014b02652e",
    "[<int64 1>, <int64 2>]" },
  { "286470300a56610a70310a49310a732e",
    "{'a': <int64 1>}" },
  { "28742e",
    "()" },
  { "2849310a49320a49330a49340a7470300a2e",
    "(<int64 1>, <int64 2>, <int64 3>, <int64 4>)" },
  { "8003636275696c74696e730a7365740a71005d7101284b014b02658571025271032e",
    NULL },
  { "80057d2858010000006b4a01000000752e",
    "{'k': <int64 1>}" },
  { "80047d284b014b02752e",
    "@a{xv} {1: <int64 2>}" },
  { "80045d2888895d652e",
    "[<true>, <false>, <@av []>]" },
};

static GBytes *
from_hex (const char *hex)
{
  gsize   size = strlen (hex) / 2;
  guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = g_ascii_xdigit_value (hex[2 * i]) << 4 | g_ascii_xdigit_value (hex[2 * i + 1]);

  return g_bytes_new_take (data, size);
}

static char *
to_hex (GBytes *bytes)
{
  gsize         size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  GString      *hex = g_string_new (NULL);

  for (gsize i = 0; i < size; i++)
    g_string_append_printf (hex, "%02x", data[i]);

  return g_string_free (hex, FALSE);
}

static GVariant *
load (GBytes  *pickle,
      GError **error)
{
  g_autoptr (GBytes) payload =
    mp_format_convert (MP_FORMAT_PICKLE, pickle, MP_FORMAT_GVARIANT, error);
  g_autoptr (GVariant) value = NULL;

  if (payload == NULL)
    return NULL;

  /* The output of our writers has to pass the checks for untrusted input. */
  value = mp_gvariant_load_payload (payload, error);
  g_assert_no_error (*error);
  return g_steal_pointer (&value);
}

static void
test_pickle_row (gconstpointer data)
{
  const Row *row = data;
  g_autoptr (GBytes) pickle = from_hex (row->pickle);
  g_autoptr (GBytes) checked = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) expected = NULL;
  g_autoptr (GError) error = NULL;

  checked = mp_format_check (MP_FORMAT_PICKLE, pickle, &error);
  g_assert_no_error (error);
  g_assert_nonnull (checked);

  value = load (pickle, &error);
  if (row->value == NULL)
    {
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      return;
    }

  expected = g_variant_ref_sink (g_variant_new_parsed (row->value));
  g_assert_no_error (error);
  g_assert_cmpvariant (value, expected);
}

/* Pickle to variant, to pickle, to variant: nothing is lost. */
static void
test_pickle_round_trip (gconstpointer data)
{
  const Row *row = data;
  g_autoptr (GBytes) pickle = from_hex (row->pickle);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = load (pickle, &error);
  g_autoptr (GBytes) payload = NULL;
  g_autoptr (GBytes) written = NULL;
  g_autoptr (GVariant) again = NULL;

  payload = mp_format_convert (MP_FORMAT_PICKLE, pickle, MP_FORMAT_GVARIANT, &error);
  g_assert_no_error (error);
  written = mp_format_convert (MP_FORMAT_GVARIANT, payload, MP_FORMAT_PICKLE, &error);
  g_assert_no_error (error);
  again = load (written, &error);
  g_assert_no_error (error);
  g_assert_cmpvariant (again, value);
}

/* A value of every kind that the writer knows, byte for byte. */
static void
test_pickle_writer_sample (void)
{
  static const char sample[] =
    "80055d284e884affffffff8a06000000000001473ff80000000000005802000000c3a9420100000001"
    "96010000000000000002284a01000000747d2858010000006b8f284a0100000090752891652e";
  g_autoptr (GBytes) pickle = from_hex (sample);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) written =
    mp_format_convert (MP_FORMAT_PICKLE, pickle, MP_FORMAT_PICKLE, &error);
  g_autofree char *hex = NULL;

  g_assert_no_error (error);
  hex = to_hex (written);
  g_assert_cmpstr (hex, ==, sample);
}

static void
test_pickle_writer_types (void)
{
  static const struct
  {
    const char *value;
    const char *pickle;
  } rows[] = {
    { "byte 7", "80044a070000002e" },
    { "int16 -1", "80044affffffff2e" },
    { "uint16 65535", "80044affff00002e" },
    { "-2", "80044afeffffff2e" },
    { "uint32 4294967295", "80048a05ffffffff002e" },
    { "handle 3", "80044a030000002e" },
    { "int64 1099511627776", "80048a060000000000012e" },
    { "int64 -9223372036854775808", "80048a0800000000000000802e" },
    { "uint64 1", "80044a010000002e" },
    { "uint64 18446744073709551615", "80048a09ffffffffffffffff002e" },
    { "objectpath '/a'", "800458020000002f612e" },
    { "signature 's'", "80045801000000732e" },
    { "@ms 'a'", "80045801000000612e" },
    { "@ms nothing", "80044e2e" },
    { "@mms just nothing", "80044e2e" },
    { "<<true>>", "8004882e" },
    { "['a', 'b']", "80045d28580100000061580100000062652e" },
    { "{1: 'a'}", "80047d284a01000000580100000061752e" },
    { "{true: byte 1}", "80047d28884a01000000752e" },
    { "@a{is} {}", "80047d2e" },
    { "@{sb} {'a', true}", "80047d2858010000006188752e" },
    { "(true, byte 1)", "800428884a01000000742e" },
    { "[(true, 'a'), (false, '')]", "80045d2828885801000000617428895800000000"
                                    "74652e" },
    { "@a() [(), ()]", "80045d282929652e" },
    { "[byte 1, 2]", "8004420200000001022e" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_parsed (rows[i].value));
      gsize              size = mp_gvariant_get_payload_size (value);
      g_autofree guint8 *data = g_malloc (size);
      g_autoptr (GBytes) payload = NULL;
      g_autoptr (GBytes) pickle = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *hex = NULL;

      mp_gvariant_store_payload (value, data);
      payload = g_bytes_new_static (data, size);
      pickle = mp_format_convert (MP_FORMAT_GVARIANT, payload, MP_FORMAT_PICKLE, &error);
      g_assert_no_error (error);
      hex = to_hex (pickle);
      g_assert_cmpstr (hex, ==, rows[i].pickle);
    }
}

static void
assert_fails (GBytes     *pickle,
              int         code,
              const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_format_check (MP_FORMAT_PICKLE, pickle, &error));
  g_assert_error (error, MP_ERROR, code);
  if (part != NULL && strstr (error->message, part) == NULL)
    g_test_fail_printf ("no “%s” in “%s”", part, error->message);
  g_clear_error (&error);

  g_assert_null (load (pickle, &error));
  g_assert_error (error, MP_ERROR, code);
}

static void
test_pickle_malformed (void)
{
  static const struct
  {
    const char *pickle;
    const char *part;
  } rows[] = {
    { "", "byte 0" },
    { "2e", "one value" },
    { "80042e", "byte 2" },
    { "80064e2e", "protocol" },
    { "80004e2e", "protocol" },
    { "4e80042e", "protocol from 0 to 5 at byte 1" },
    { "80049505000000000000004b2e", "byte 2" },
    { "95ffffffffffffffff4e2e", "frame" },
    { "4e2e00", "more bytes" },
    { "4e4e2e", "one value" },
    { "284e2e", "one value" },
    { "4e", "no end at byte 1" },
    { "ff2e", "unknown opcode" },
    { "4a00002e", "end of an opcode" },
    { "8c05612e", "beyond the end" },
    { "8effffffffffffff7f2e", "beyond the end" },
    { "8d00000000000000802e", "beyond the end" },
    { "96ffffffffffffffff2e", "beyond the end" },
    { "8bffffffff2e", "integer" },
    { "8b010010002e", "integer" },
    { "8c01ff2e", "UTF-8" },
    { "8c02c0802e", "UTF-8" },
    { "8c04f48fbfbf2e"
      "61",
      "byte 6" },
    { "302e", "stack" },
    { "312e", "mark" },
    { "322e", "stack" },
    { "4e612e", "stack" },
    { "4e4e612e", "another container" },
    { "4e284e652e", "another container" },
    { "5d284e752e", "another container" },
    { "5d284e902e", "another container" },
    { "7d284e752e", "key without" },
    { "284e642e", "key without" },
    { "5d4e2861", "stack" },
    { "5d28614e2e", "stack" },
    { "742e", "mark" },
    { "852e", "stack" },
    { "4e2885742e", "stack" },
    { "942e", "stack" },
    { "68002e", "unknown index" },
    { "4e71ff2e", "index" },
    { "4e72ffffffff2e", "index" },
    { "4e702d310a2e", "index" },
    { "4e7030310a2e", "index" },
    { "6739390a2e", "unknown index" },
    { "7d5d4e732e", "key that can change" },
    { "7d7d4e732e", "key that can change" },
    { "7d5d854e732e", "key that can change" },
    { "8f285d902e", "key that can change" },
    { "285d912e", "key that can change" },
    { "7d9600000000000000004e732e", "key that can change" },
    { "4920370a2e", "integer" },
    { "493078310a2e", "integer" },
    { "493031300a2e", "integer" },
    { "492d300a2e", "integer" },
    { "490a2e", "integer" },
    { "4931", "end of a line" },
    { "4c31320a2e", "integer" },
    { "463165350a2e"
      "20",
      "more bytes" },
    { "4620310a2e", "number" },
    { "46307831300a2e", "number" },
    { "46696e66696e6974790a2e", "number" },
    { "565c0a2e", "escape" },
    { "565c78610a2e", "escape" },
    { "565c75303067610a2e", "escape" },
    { "565c5530303131303030300a2e", "character" },
    { "4e2952"
      "2e",
      "no function" },
    { "4e4e932e", "no string" },
    { "635f636f646563730a656e636f64650a28565c75303130300a566c6174696e310a74522e", "U+00FF" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) pickle = from_hex (rows[i].pickle);

      g_test_message ("%s", rows[i].pickle);
      assert_fails (pickle, MP_ERROR_INVALID_MESSAGE, rows[i].part);
    }
}

/* Every proper prefix of a pickle is malformed. */
static void
test_pickle_every_prefix (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (protocol_4); i++)
    {
      g_autoptr (GBytes) pickle = from_hex (protocol_4[i].pickle);

      for (gsize size = 0; size < g_bytes_get_size (pickle); size++)
        {
          g_autoptr (GBytes) prefix = g_bytes_new_from_bytes (pickle, 0, size);

          assert_fails (prefix, MP_ERROR_INVALID_MESSAGE, NULL);
        }
    }
}

static void
test_pickle_refused (void)
{
  static const struct
  {
    const char *pickle;
    const char *part;
  } rows[] = {
    /* os.system ("x") with protocols 0 and 4. */
    { "636e740a73797374656d0a285678"
      "0a74522e",
      "nt.system at byte 0" },
    { "80048c02"
      "6e748c0673797374656d938c0178"
      "85522e",
      "nt.system at byte 14" },
    /* A lambda pickled by dill. */
    { "80049500000000000000008c0a64696c6c2e5f64696c6c948c105f6372656174655f66756e6374696f6e"
      "949394",
      "dill._dill._create_function at byte 43" },
    /* A type of dill other than those of plain values; and a plain one as a value. */
    { "80048c0a64696c6c2e5f64696c6c8c0a5f6c6f61645f74797065938c03696e7485522e",
      "dill._dill._load_type at byte 26" },
    { "8004636275696c74696e730a6279746561727261790a2e", "builtins.bytearray at byte 2" },
    { "80045d636275696c74696e730a6279746561727261790a612e", "builtins.bytearray at byte 3" },
    /* A few bytes that would allocate gigabytes. */
    { "636275696c74696e730a6279746561727261790a4affffff7f85522e", "builtins.bytearray" },
    { "635f636f646563730a656e636f64650a285661"
      "0a567a6c69620a74522e",
      "_codecs.encode" },
    { "69"
      "6d0a6e0a2e",
      "m.n at byte 0" },
    { "4e4e62"
      "2e",
      "opcode 0x62 at byte 2" },
    { "4e4e812e", "opcode 0x81" },
    { "8201"
      "2e",
      "opcode 0x82" },
    { "50610a2e", "opcode 0x50" },
    { "4e512e", "opcode 0x51" },
    { "97"
      "2e",
      "opcode 0x97" },
    { "5527"
      "2e",
      "opcode 0x55" },
    { "63ff0aff0a2e", "at byte 0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) pickle = from_hex (rows[i].pickle);

      g_test_message ("%s", rows[i].pickle);
      assert_fails (pickle, MP_ERROR_UNSUPPORTED, rows[i].part);
    }
}

/* The reference to dill is removed, so that Python need not import dill. */
static void
test_pickle_without_dill (void)
{
  g_autoptr (GBytes) pickle = from_hex (
    "80049536000000000000008c0a64696c6c2e5f64696c6c948c0a5f6c6f61645f747970659493948c096279"
    "7465617272617994859452944302616294859452942e");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) checked = mp_format_check (MP_FORMAT_PICKLE, pickle, &error);
  g_autofree char *hex = NULL;

  g_assert_no_error (error);
  hex = to_hex (checked);
  g_assert_cmpstr (hex, ==, "80059602000000000000006162"
                            "2e");
}

static void
append_many (GByteArray *array,
             guint8      byte,
             gsize       n)
{
  for (gsize i = 0; i < n; i++)
    g_byte_array_append (array, &byte, 1);
}

static GBytes *
nest_lists (gsize n)
{
  GByteArray *array = g_byte_array_new ();

  append_many (array, ']', n);
  append_many (array, 'a', n - 1);
  append_many (array, '.', 1);
  return g_byte_array_free_to_bytes (array);
}

static void
test_pickle_deep (void)
{
  static const gsize too_deep[] = { 62, 500, 2000, 1000000 };
  g_autoptr (GBytes) deepest = nest_lists (61);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = load (deepest, &error);

  g_assert_no_error (error);
  g_assert_true (g_variant_is_of_type (value, G_VARIANT_TYPE ("av")));

  for (guint i = 0; i < G_N_ELEMENTS (too_deep); i++)
    {
      g_autoptr (GBytes) pickle = nest_lists (too_deep[i]);

      g_assert_null (load (pickle, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_clear_error (&error);
    }
}

/* Tuples of ten references to the one before, @n of them, around an empty list. */
static GBytes *
make_bomb (gsize       n,
           const char *start,
           const char *end)
{
  GByteArray *array = g_byte_array_new ();

  g_byte_array_append (array, (const guint8 *) start, strlen (start));
  g_byte_array_append (array, (const guint8 *) "\x94", 1);
  for (guint8 i = 0; i < n; i++)
    {
      g_byte_array_append (array, (const guint8 *) "0(", 2);
      for (guint j = 0; j < 10; j++)
        {
          g_byte_array_append (array, (const guint8 *) "h", 1);
          g_byte_array_append (array, &i, 1);
        }
      g_byte_array_append (array, (const guint8 *) "t\x94", 2);
    }
  g_byte_array_append (array, (const guint8 *) end, strlen (end));

  return g_byte_array_free_to_bytes (array);
}

static void
test_pickle_bomb (void)
{
  g_autoptr (GBytes) bomb = make_bomb (9, "]", ".");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) checked = mp_format_check (MP_FORMAT_PICKLE, bomb, &error);

  /* Python keeps the sharing, a variant cannot. */
  g_assert_no_error (error);
  g_assert_nonnull (checked);
  g_assert_null (load (bomb, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_TOO_LARGE);
}

static void
test_pickle_bomb_as_key (void)
{
  static const struct
  {
    const char *start;
    const char *end;
  } rows[] = {
    { "K\1", "}h\x09Ns." },
    { "K\1", "\x8f(h\x09\x90." },
    { "K\1", "(h\x09\x91." },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) bomb = make_bomb (9, rows[i].start, rows[i].end);

      assert_fails (bomb, MP_ERROR_TOO_LARGE, NULL);
    }
}

/* A list that is converted to a set repeatedly. */
static void
test_pickle_bomb_of_sets (void)
{
  GByteArray *array = g_byte_array_new ();
  g_autoptr (GBytes) pickle = NULL;

  g_byte_array_append (array, (const guint8 *) "cbuiltins\nset\nq\0]q\1(", 20);
  append_many (array, 'N', 10000);
  append_many (array, 'e', 1);
  for (guint i = 0; i < 10000; i++)
    g_byte_array_append (array, (const guint8 *) "h\0h\1\x85R0", 7);
  append_many (array, '.', 1);

  pickle = g_byte_array_free_to_bytes (array);
  assert_fails (pickle, MP_ERROR_TOO_LARGE, NULL);
}

static void
test_pickle_keys (void)
{
  static const struct
  {
    const char *pickle;
    const char *part;
  } rows[] = {
    { "80047d284b014e8c01614e752e", "keys other than" },
    { "80047d28884e752e", "keys other than" },
    { "80047d288a090000000000000080004e752e", "keys other than" },
    { "80047d288c01614e8c01614e752e", "key twice" },
    { "80047d284b014e4b014e752e", "key twice" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GBytes) pickle = from_hex (rows[i].pickle);
      g_autoptr (GError) error = NULL;

      g_assert_null (load (pickle, &error));
      g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
      g_assert_nonnull (strstr (error->message, rows[i].part));
    }
}

typedef struct
{
  const char *start;
  const char *end;
  gboolean    is_dict;
} Container;

static GBytes *
fill (const Container *container,
      gsize            n)
{
  static const guint8 opcode[] = { 'X', 8, 0, 0, 0 };
  GByteArray         *array = g_byte_array_new ();

  g_byte_array_append (array, (const guint8 *) container->start, strlen (container->start));
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *text = g_strdup_printf ("%08u", (guint) (i * 7919 % n));

      g_byte_array_append (array, opcode, sizeof opcode);
      g_byte_array_append (array, (const guint8 *) text, 8);
      if (container->is_dict)
        append_many (array, 'N', 1);
    }
  g_byte_array_append (array, (const guint8 *) container->end, strlen (container->end));

  return g_byte_array_free_to_bytes (array);
}

/* The ends of the items need one byte each, two, or four; and all of many keys are compared. */
static void
test_pickle_sizes (void)
{
  static const Container containers[] = {
    { "](", "e.", FALSE },
    { "(", "t.", FALSE },
    { "}(", "u.", TRUE },
  };
  static const gsize sizes[] = { 7, 8, 9, 14, 15, 16, 25, 26, 100, 1000, 3000, 70000 };

  for (guint i = 0; i < G_N_ELEMENTS (containers); i++)
    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
      {
        g_autoptr (GBytes) pickle = fill (&containers[i], sizes[j]);
        g_autoptr (GError) error = NULL;
        g_autoptr (GVariant) value = load (pickle, &error);

        g_assert_no_error (error);
        g_assert_cmpuint (g_variant_n_children (value), ==, sizes[j]);
      }
}

static void
add_rows (const char *prefix,
          const Row  *rows,
          gsize       n)
{
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *path = g_strdup_printf ("/pickle/%s/%" G_GSIZE_FORMAT, prefix, i + 1);

      g_test_add_data_func (path, &rows[i], test_pickle_row);
      if (rows[i].value != NULL)
        {
          g_autofree char *round_trip = g_strconcat (path, "/round-trip", NULL);

          g_test_add_data_func (round_trip, &rows[i], test_pickle_round_trip);
        }
    }
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_rows ("protocol-4", protocol_4, G_N_ELEMENTS (protocol_4));
  add_rows ("other", other_protocols, G_N_ELEMENTS (other_protocols));
  g_test_add_func ("/pickle/writer/sample", test_pickle_writer_sample);
  g_test_add_func ("/pickle/writer/types", test_pickle_writer_types);
  g_test_add_func ("/pickle/malformed", test_pickle_malformed);
  g_test_add_func ("/pickle/every-prefix", test_pickle_every_prefix);
  g_test_add_func ("/pickle/refused", test_pickle_refused);
  g_test_add_func ("/pickle/without-dill", test_pickle_without_dill);
  g_test_add_func ("/pickle/deep", test_pickle_deep);
  g_test_add_func ("/pickle/bomb", test_pickle_bomb);
  g_test_add_func ("/pickle/bomb/as-key", test_pickle_bomb_as_key);
  g_test_add_func ("/pickle/bomb/of-sets", test_pickle_bomb_of_sets);
  g_test_add_func ("/pickle/keys", test_pickle_keys);
  g_test_add_func ("/pickle/sizes", test_pickle_sizes);

  return g_test_run ();
}
