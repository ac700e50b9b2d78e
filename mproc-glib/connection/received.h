/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "mp-message.h"
#include "wire/channel.h"

G_BEGIN_DECLS

/* A form in which a program takes what was received: how it is made, and freed.
 *
 * make () takes the data and the descriptors of @received out of it, where it needs them.
 * @length is set by those forms that are arrays. */
typedef struct
{
  gpointer (*make) (MpChannelMessage *received,
                    MpFormat          format,
                    gsize            *length,
                    GError          **error);
  GDestroyNotify free;
} MpReceivedForm;

extern const MpReceivedForm mp_received_variant;
extern const MpReceivedForm mp_received_bytes;
extern const MpReceivedForm mp_received_message;
extern const MpReceivedForm mp_received_data;
extern const MpReceivedForm mp_received_json;
extern const MpReceivedForm mp_received_pickle;

G_END_DECLS
