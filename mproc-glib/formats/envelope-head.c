/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "envelope-head.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

static const char *const names[] = {
  [MP_ENVELOPE_CALL] = "mp:call",
  [MP_ENVELOPE_RETURN] = "mp:return",
  [MP_ENVELOPE_ERROR] = "mp:error",
  [MP_ENVELOPE_CANCEL] = "mp:cancel",
};

const char *
mp_envelope_get_name (MpEnvelopeKind kind)
{
  return names[kind];
}

static MpEnvelopeKind
find_kind (const guint8 *name,
           gsize         length)
{
  for (MpEnvelopeKind kind = MP_ENVELOPE_CALL; kind <= MP_ENVELOPE_CANCEL; kind++)
    {
      if (strlen (names[kind]) == length && memcmp (names[kind], name, length) == 0)
        return kind;
    }

  return MP_ENVELOPE_NONE;
}

/* The rest of the payload. */
typedef struct
{
  const guint8 *data;
  gsize         size;
} Rest;

static gboolean
skip (Rest *rest,
      gsize n)
{
  if (rest->size < n)
    return FALSE;

  rest->data += n;
  rest->size -= n;
  return TRUE;
}

static gboolean
skip_byte (Rest  *rest,
           guint8 byte)
{
  return rest->size > 0 && rest->data[0] == byte && skip (rest, 1);
}

/* --- Pickles ------------------------------------------------------------------------------ */

/* Skips an opcode that a pickler may put between two others: the memo index of the last value. */
static void
skip_memo (Rest *rest)
{
  if (skip_byte (rest, 0x94))
    return;
  if (skip_byte (rest, 'q'))
    skip (rest, 1);
  else if (skip_byte (rest, 'r'))
    skip (rest, 4);
}

static guint64
get_little_endian (const guint8 *data,
                   gsize         size)
{
  guint64 value = 0;

  for (gsize i = size; i > 0; i--)
    value = value << 8 | data[i - 1];
  return value;
}

static MpEnvelopeKind
take_pickled_kind (Rest *rest)
{
  MpEnvelopeKind kind;
  gsize          length = 0;

  if (skip_byte (rest, 0x8c) && rest->size > 1)
    {
      length = rest->data[0];
      skip (rest, 1);
    }
  else if (skip_byte (rest, 'X') && rest->size > 4)
    {
      length = get_little_endian (rest->data, 4);
      skip (rest, 4);
    }

  if (length == 0 || length > rest->size)
    return MP_ENVELOPE_NONE;

  kind = find_kind (rest->data, length);
  skip (rest, length);
  return kind;
}

static gboolean
take_pickled_id (Rest    *rest,
                 guint64 *id)
{
  gsize size = 0;

  if (skip_byte (rest, 'K'))
    size = 1;
  else if (skip_byte (rest, 'M'))
    size = 2;
  else if (skip_byte (rest, 'J'))
    size = 4;
  else if (skip_byte (rest, 0x8a) && rest->size > 0)
    {
      size = rest->data[0];
      skip (rest, 1);
    }

  if (size == 0 || size > 9 || rest->size < size)
    return FALSE;
  /* Negative, or more than 64 bits. */
  if ((size == 4 || size == 8) && rest->data[size - 1] > 0x7f)
    return FALSE;
  if (size == 9 && rest->data[8] != 0)
    return FALSE;

  *id = get_little_endian (rest->data, MIN (size, 8));
  return TRUE;
}

static MpEnvelopeKind
look_at_pickle (Rest      rest,
                guint64  *id,
                gboolean *is_sound)
{
  MpEnvelopeKind kind;

  if (skip_byte (&rest, 0x80))
    skip (&rest, 1);
  if (skip_byte (&rest, 0x95))
    skip (&rest, 8);
  if (skip_byte (&rest, ']'))
    skip_memo (&rest);
  skip_byte (&rest, '(');

  kind = take_pickled_kind (&rest);
  skip_memo (&rest);
  *is_sound = take_pickled_id (&rest, id);
  return kind;
}

/* --- JSON --------------------------------------------------------------------------------- */

static void
skip_spaces (Rest *rest)
{
  while (skip_byte (rest, ' ') || skip_byte (rest, '\n') || skip_byte (rest, '\t') ||
         skip_byte (rest, '\r'))
    continue;
}

static gboolean
take_written_id (Rest    *rest,
                 guint64 *id)
{
  guint n_digits = 0;

  *id = 0;
  while (rest->size > 0 && g_ascii_isdigit (rest->data[0]) && n_digits < 20)
    {
      guint64 digit = rest->data[0] - '0';

      if (*id > (G_MAXUINT64 - digit) / 10)
        return FALSE;
      *id = *id * 10 + digit;
      n_digits++;
      skip (rest, 1);
    }

  skip_spaces (rest);
  return n_digits > 0 && rest->size > 0 && (rest->data[0] == ',' || rest->data[0] == ']');
}

static MpEnvelopeKind
look_at_json (Rest      rest,
              guint64  *id,
              gboolean *is_sound)
{
  const guint8  *quote;
  MpEnvelopeKind kind;

  skip_spaces (&rest);
  if (!skip_byte (&rest, '['))
    return MP_ENVELOPE_NONE;
  skip_spaces (&rest);
  if (!skip_byte (&rest, '"'))
    return MP_ENVELOPE_NONE;

  quote = memchr (rest.data, '"', MIN (rest.size, 16));
  kind = quote != NULL ? find_kind (rest.data, (gsize) (quote - rest.data)) : MP_ENVELOPE_NONE;
  if (kind == MP_ENVELOPE_NONE)
    return kind;

  skip (&rest, (gsize) (quote + 1 - rest.data));
  skip_spaces (&rest);
  *is_sound = skip_byte (&rest, ',');
  skip_spaces (&rest);
  *is_sound = *is_sound && take_written_id (&rest, id);
  return kind;
}

/* --- GVariant ----------------------------------------------------------------------------- */

/* The type is at the end, the string at the beginning, and the number is aligned behind it. */
static MpEnvelopeKind
look_at_variant (Rest      rest,
                 guint64  *id,
                 gboolean *is_sound)
{
  const guint8  *nul = memchr (rest.data, '\0', MIN (rest.size, 16));
  MpEnvelopeKind kind;
  const char    *type;
  gsize          length, offset;

  kind = nul != NULL ? find_kind (rest.data, (gsize) (nul - rest.data)) : MP_ENVELOPE_NONE;
  if (kind == MP_ENVELOPE_NONE)
    return kind;

  type = kind == MP_ENVELOPE_ERROR ? "(stsis)" : kind == MP_ENVELOPE_CANCEL ? "(st)"
                                                                            : "(stv)";
  length = strlen (type);
  offset = ((gsize) (nul + 1 - rest.data) + 7) & ~(gsize) 7;
  *is_sound = FALSE;
  if (rest.size < offset + 8 + 1 + length + 1)
    return kind;

  /* A message of another type that begins with such a string is an ordinary message. */
  if (memcmp (rest.data + rest.size - 1 - length, type, length) != 0 ||
      rest.data[rest.size - 2 - length] != '\0')
    return MP_ENVELOPE_NONE;

  memcpy (id, rest.data + offset, sizeof *id);
  *id = rest.data[rest.size - 1] == 'l' ? GUINT64_FROM_LE (*id) : GUINT64_FROM_BE (*id);
  *is_sound = TRUE;
  return kind;
}

MpEnvelopeKind
mp_envelope_look (MpFormat      format,
                  const guint8 *data,
                  gsize         size,
                  guint64      *out_id,
                  GError      **error)
{
  Rest           rest = { data, size };
  MpEnvelopeKind kind = MP_ENVELOPE_NONE;
  gboolean       is_sound = FALSE;

  if (size == 0)
    return MP_ENVELOPE_NONE;

  if (format == MP_FORMAT_GVARIANT)
    kind = look_at_variant (rest, out_id, &is_sound);
  else if (format == MP_FORMAT_JSON)
    kind = look_at_json (rest, out_id, &is_sound);
  else if (format == MP_FORMAT_PICKLE)
    kind = look_at_pickle (rest, out_id, &is_sound);

  if (kind == MP_ENVELOPE_NONE || is_sound)
    return kind;

  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("A message that begins with “%s” has no valid id of a call"), names[kind]);
  return MP_ENVELOPE_NONE;
}
