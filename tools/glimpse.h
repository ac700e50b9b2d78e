/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "value.h"

G_BEGIN_DECLS

/* The common part of peek and tail, which show messages without taking them. */

typedef struct
{
  char *form_name; /* of the value alone; NULL: a line with its position and format */
  char *max_size;
} MpGlimpseOptions;

extern MpGlimpseOptions mp_glimpse_options;

#define MP_GLIMPSE_ENTRIES                                               \
  { "format", 0, 0, G_OPTION_ARG_STRING, &mp_glimpse_options.form_name,  \
    "Only the values, as json, gvariant, raw or hex", "FORMAT" },        \
  {                                                                      \
    "max-size", 0, 0, G_OPTION_ARG_STRING, &mp_glimpse_options.max_size, \
      "Of longer messages only so much, and in JSON no value", "SIZE"    \
  }

/* Checks the options; FALSE after a message to the user. */
gboolean mp_glimpse_check (const char *command);
/* Writes a message, or an error if it does not have the requested form.  @selector names the
 * queue. */
void mp_glimpse_print (MpMessage  *message,
                       guint64     position,
                       const char *selector);

G_END_DECLS
