/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "formats/gvariant.h"

int LLVMFuzzerTestOneInput (const guint8 *data,
                            gsize         size);

/* What is accepted can be read to the end. */
int
LLVMFuzzerTestOneInput (const guint8 *data,
                        gsize         size)
{
  g_autoptr (GBytes) payload = g_bytes_new_static (data, size);
  g_autoptr (GVariant) value = mp_gvariant_load_payload (payload, NULL);

  if (value != NULL)
    {
      g_autofree char *text = g_variant_print (value, TRUE);

      g_assert_true (g_variant_is_normal_form (value));
      g_assert_nonnull (text);
    }

  return 0;
}
