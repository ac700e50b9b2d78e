/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "peer-settings.h"

void
mp_peer_settings_copy (MpPeerSettings       *self,
                       const MpPeerSettings *source)
{
  *self = *source;
  if (self->auth_key != NULL)
    g_bytes_ref (self->auth_key);
  if (self->database != NULL)
    g_object_ref (self->database);
  if (self->certificate != NULL)
    g_object_ref (self->certificate);
}

void
mp_peer_settings_clear (MpPeerSettings *self)
{
  g_clear_pointer (&self->auth_key, g_bytes_unref);
  g_clear_object (&self->database);
  g_clear_object (&self->certificate);
}
