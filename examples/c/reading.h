/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib-object.h>

/* A reading of a thermometer: an object whose state consists of properties. */
#define TYPE_READING (reading_get_type ())
G_DECLARE_FINAL_TYPE (Reading, reading, EXAMPLE, READING, GObject)

Reading *reading_new (const char *sensor,
                      double      celsius);

const char *reading_get_sensor (Reading *self);
double      reading_get_celsius (Reading *self);
double      reading_to_fahrenheit (Reading *self);
