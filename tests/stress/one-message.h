/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "memory/shared-queue.h"

#include <glib.h>

G_BEGIN_DECLS

/* Puts and gets one message without waiting, by the backend itself. */

#define ONE_MESSAGE_MAX_SIZE 1024

static inline MpQueueStatus
put_one (gpointer queue,
         gsize    size)
{
  static guint8     data[ONE_MESSAGE_MAX_SIZE];
  const MpQueueItem item = { data, size, 2, NULL };
  MpQueueCall       call = { 0 };
  guint             n;

  g_assert_cmpuint (size, <=, sizeof data);
  return mp_shared_queue_backend.put (queue, &item, 1, &call, &n);
}

static inline void
get_one (gpointer queue)
{
  static guint8         buffer[ONE_MESSAGE_MAX_SIZE];
  const MpQueueAccepted accepted = { .any = MP_QUEUE_TAG (2) };
  MpQueueCall           call = { 0 };
  MpQueueDelivery       delivery = { .buffer = buffer, .capacity = sizeof buffer };
  guint                 n;

  g_assert_cmpint (mp_shared_queue_backend.get (queue, &delivery, 1, &accepted, &call, &n), ==,
                   MP_QUEUE_OK);
}

G_END_DECLS
