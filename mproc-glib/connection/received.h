/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-message.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* A type of result of a receive: how it is created and freed.
 *
 * make () takes from @received the data and the descriptors that it needs.  @length is set for
 * types that are arrays.  @wants_large: it can use MpLargeMemory. */
typedef struct
{
  gpointer (*make) (MpChannelMessage *received,
                    MpFormat          format,
                    gsize            *length,
                    GError          **error);
  GDestroyNotify free;
  gboolean       wants_large;
} MpReceivedForm;

extern const MpReceivedForm mp_received_variant;
extern const MpReceivedForm mp_received_bytes;
extern const MpReceivedForm mp_received_message;
extern const MpReceivedForm mp_received_data;
extern const MpReceivedForm mp_received_json;
extern const MpReceivedForm mp_received_pickle;

G_END_DECLS
