/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <mproc-glib/mproc-glib.h>

#include <string.h>

#include "wire/frame.h"
#include "wire/handshake.h"

/* Takes all output, and checks that it is short. */
static inline void
fuzz_drain (MpHandshake *handshake)
{
  GBytes *message;

  while ((message = mp_handshake_take_output (handshake)) != NULL)
    {
      g_assert_cmpint (g_bytes_get_size (message), <=, MP_HANDSHAKE_MAX_MESSAGE);
      g_bytes_unref (message);
    }
}

/* Feeds @data from an unauthenticated peer, in frames.  No input without the key may succeed. */
static inline void
fuzz_handshake (MpHandshakeRole role,
                const guint8   *data,
                gsize           size)
{
  g_autoptr (GBytes) key = g_bytes_new_static ("not in any corpus", 17);
  g_autoptr (MpHandshake) handshake = mp_handshake_new (role, key, TRUE);

  fuzz_drain (handshake);
  while (mp_handshake_get_status (handshake) == MP_HANDSHAKE_RUNNING)
    {
      gsize   header_size;
      guint64 length;

      if (mp_frame_parse_header (data, size, &header_size, &length, NULL) != MP_FRAME_COMPLETE ||
          length > size - header_size)
        break;

      mp_handshake_feed (handshake, data + header_size, (gsize) length, NULL);
      fuzz_drain (handshake);
      data += header_size + length;
      size -= header_size + length;
    }

  g_assert_cmpint (mp_handshake_get_status (handshake), !=, MP_HANDSHAKE_DONE);
  mp_handshake_explain_silence (handshake, NULL);
  mp_handshake_explain_end (handshake, NULL);
}
