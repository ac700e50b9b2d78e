/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "public-uri.h"

#include <string.h>

/* User and password end at the last @ before the path, since a host cannot contain one. */
char *
mp_public_uri (const char *text)
{
  const char *begin = strstr (text, "://");
  const char *end, *at;

  if (begin == NULL)
    return g_strdup (text);
  begin += 3;
  end = begin + strcspn (begin, "/?#");
  at = g_strrstr_len (begin, end - begin, "@");
  return at == NULL ? g_strdup (text)
                    : g_strdup_printf ("%.*s%s", (int) (begin - text), text, at + 1);
}
