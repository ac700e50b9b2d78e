/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include "net/address.h"
#include "net/resolve.h"

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (MpAddress) address = mp_address_parse (text, &error);
  g_autoptr (GArray) resolved = NULL;

  g_assert_true ((address == NULL) == (error != NULL));
  if (address == NULL || mp_address_needs_resolver (address))
    return 0;

  /* The resolved address is formatted as text, which has to be a valid address, too. */
  resolved = mp_address_resolve (address, TRUE, -1, NULL, NULL);
  for (guint i = 0; resolved != NULL && i < resolved->len; i++)
    {
      g_autofree char *again =
        mp_address_format (&g_array_index (resolved, MpSocketAddress, i), address->kind);

      g_assert_nonnull (again);
    }
  return 0;
}
