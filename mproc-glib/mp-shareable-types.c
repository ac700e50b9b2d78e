/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "sharing/mp-shareable-private.h"

#include "mp-connection.h"
#include "mp-joinable-queue.h"
#include "mp-simple-queue.h"

/* The types of the library that implement MpShareable. */
GType (*const mp_shareable_types[]) (void) = {
  mp_connection_get_type,
  mp_joinable_queue_get_type,
  mp_queue_get_type,
  mp_simple_queue_get_type,
  NULL,
};
