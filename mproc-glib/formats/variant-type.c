/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "variant-type.h"

/* GLib's own limit. */
#define MAX_DEPTH 128

/* The table holds the size plus one, so that 0 can mean "no basic type". */
static const guint8 sizes[256] = {
  ['b'] = 2,
  ['y'] = 2,
  ['n'] = 3,
  ['q'] = 3,
  ['i'] = 5,
  ['u'] = 5,
  ['h'] = 5,
  ['x'] = 9,
  ['t'] = 9,
  ['d'] = 9,
  ['s'] = 1,
  ['o'] = 1,
  ['g'] = 1,
};

int
mp_variant_type_get_basic_size (char code)
{
  return sizes[(guint8) code] - 1;
}

static gboolean
set_basic (MpVariantType *type)
{
  int size = mp_variant_type_get_basic_size (type->code);

  if (size < 0)
    return FALSE;

  type->depth = 1;
  type->fixed_size = size;
  type->alignment = size > 0 ? size - 1 : 0;
  type->next = 1;
  return TRUE;
}

/* An array or a maybe: the type of its element comes next. */
static gboolean
set_element (MpVariantType *type,
             gsize          left)
{
  if (left < 2 || type[1].next == 0 || type[1].depth > MAX_DEPTH)
    return FALSE;

  type->depth = type[1].depth + 1;
  type->fixed_size = 0;
  type->alignment = type[1].alignment;
  type->next = 1 + type[1].next;
  return TRUE;
}

/* A tuple or a dictionary entry: the types of its members, up to @closing. */
static gboolean
set_members (MpVariantType *type,
             gsize          left,
             char           closing)
{
  gsize    i = 1, n = 0, size = 0;
  gboolean is_fixed = TRUE;

  type->depth = 1;
  type->alignment = 0;

  for (; i < left && type[i].code != closing; i += type[i].next, n++)
    {
      if (type[i].next == 0 || type[i].depth > MAX_DEPTH)
        return FALSE;

      size = ((size + type[i].alignment) & ~(gsize) type[i].alignment) + type[i].fixed_size;
      is_fixed = is_fixed && type[i].fixed_size > 0;
      type->alignment |= type[i].alignment;
      type->depth = MAX (type->depth, type[i].depth + 1);
    }

  if (i >= left ||
      (closing == '}' && (n != 2 || mp_variant_type_get_basic_size (type[1].code) < 0)))
    return FALSE;

  size = (size + type->alignment) & ~(gsize) type->alignment;
  type->fixed_size = !is_fixed ? 0 : n > 0 ? size
                                           : 1;
  type->next = i + 1;
  return TRUE;
}

static gboolean
set_type (MpVariantType *type,
          gsize          left)
{
  switch (type->code)
    {
    case 'v':
      type->depth = 1;
      type->fixed_size = 0;
      type->alignment = 7;
      type->next = 1;
      return TRUE;

    case 'a':
    case 'm':
      return set_element (type, left);

    case '(':
      return set_members (type, left, ')');

    case '{':
      return set_members (type, left, '}');

    case ')':
    case '}':
      /* No valid type starts here. */
      type->next = 0;
      return TRUE;

    default:
      return set_basic (type);
    }
}

/* Goes from the end to the start, so that the contents of each container are already known and
 * no character is looked at more than twice. */
gboolean
mp_variant_type_parse (const char    *text,
                       gsize          length,
                       MpVariantType *types)
{
  for (gsize i = length; i > 0; i--)
    {
      types[i - 1].code = text[i - 1];
      if (!set_type (&types[i - 1], length - (i - 1)))
        return FALSE;
    }

  return length > 0 && types[0].next == length;
}
