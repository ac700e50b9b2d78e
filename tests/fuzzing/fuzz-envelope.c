/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/envelope.h"
#include "formats/format.h"
#include "mp-error.h"

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/* Checks that an envelope made by the library has the given kind and id. */
static void
check_head (MpFormat       format,
            GBytes        *payload,
            MpEnvelopeKind kind,
            guint64        id)
{
  g_autoptr (GError) error = NULL;
  gsize         size;
  const guint8 *data = g_bytes_get_data (payload, &size);
  guint64       again = ~id;

  g_assert_cmpint (mp_envelope_look (format, data, size, &again, &error), ==, kind);
  g_assert_no_error (error);
  g_assert_cmpuint (again, ==, id);
}

/* Checks that a valid value is the same after it was put into an envelope and taken out again. */
static void
test_value (MpFormat       format,
            GBytes        *payload,
            MpEnvelopeKind kind,
            guint64        id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) value = mp_envelope_open (format, payload, &error);
  g_autoptr (GBytes) checked = NULL;
  g_autoptr (GBytes) closed = NULL;
  g_autoptr (GBytes) again = NULL;

  g_assert_true ((value == NULL) == (error != NULL));
  g_assert_true (error == NULL || error->domain == MP_ERROR);
  if (value == NULL)
    return;

  checked = mp_format_check (format, value, &error);
  g_assert_no_error (error);
  closed = mp_envelope_close (format, kind, id, value, &error);
  g_assert_no_error (error);
  check_head (format, closed, kind, id);
  again = mp_envelope_open (format, closed, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (again, value));
}

static void
test_error (MpFormat format,
            GBytes  *payload,
            guint64  id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) closed = NULL;
  g_autofree char *domain = NULL;
  g_autofree char *message = NULL;
  g_autofree char *same_domain = NULL;
  g_autofree char *same_message = NULL;
  gint32           code, same_code;
  gboolean         was_opened;

  was_opened = mp_envelope_open_error (format, payload, &domain, &code, &message, &error);
  g_assert_true (was_opened == (error == NULL));
  g_assert_true (error == NULL || error->domain == MP_ERROR);
  if (!was_opened)
    return;

  closed = mp_envelope_close_error (format, id, domain, code, message, &error);
  g_assert_no_error (error);
  check_head (format, closed, MP_ENVELOPE_ERROR, id);
  mp_envelope_open_error (format, closed, &same_domain, &same_code, &same_message, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (same_domain, ==, domain);
  g_assert_cmpint (same_code, ==, code);
  g_assert_cmpstr (same_message, ==, message);
}

static void
test_cancel (MpFormat format,
             guint64  id)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) closed = mp_envelope_close_cancel (format, id, &error);

  g_assert_no_error (error);
  check_head (format, closed, MP_ENVELOPE_CANCEL, id);
}

/* The first byte chooses the format. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  static const MpFormat formats[] = { MP_FORMAT_GVARIANT, MP_FORMAT_JSON, MP_FORMAT_PICKLE };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) payload = NULL;
  MpEnvelopeKind kind;
  MpFormat       format;
  guint64        id = 0;

  if (size == 0)
    return 0;

  format = formats[data[0] % G_N_ELEMENTS (formats)];
  kind = mp_envelope_look (format, data + 1, size - 1, &id, &error);
  g_assert_true (error == NULL || (kind == MP_ENVELOPE_NONE && error->domain == MP_ERROR));
  payload = g_bytes_new (data + 1, size - 1);

  if (kind == MP_ENVELOPE_CALL || kind == MP_ENVELOPE_RETURN)
    test_value (format, payload, kind, id);
  else if (kind == MP_ENVELOPE_ERROR)
    test_error (format, payload, id);
  else if (kind == MP_ENVELOPE_CANCEL)
    test_cancel (format, id);

  return 0;
}
