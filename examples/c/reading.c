/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "reading.h"

struct _Reading
{
  GObject parent_instance;
  char   *sensor;
  double  celsius;
};

G_DEFINE_FINAL_TYPE (Reading, reading, G_TYPE_OBJECT)

enum
{
  PROP_SENSOR = 1,
  PROP_CELSIUS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void
reading_finalize (GObject *object)
{
  Reading *self = EXAMPLE_READING (object);

  g_free (self->sensor);
  G_OBJECT_CLASS (reading_parent_class)->finalize (object);
}

static void
reading_get_property (GObject    *object,
                      guint       id,
                      GValue     *value,
                      GParamSpec *pspec)
{
  Reading *self = EXAMPLE_READING (object);

  switch (id)
    {
    case PROP_SENSOR:
      g_value_set_string (value, self->sensor);
      break;
    case PROP_CELSIUS:
      g_value_set_double (value, self->celsius);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
reading_set_property (GObject      *object,
                      guint         id,
                      const GValue *value,
                      GParamSpec   *pspec)
{
  Reading *self = EXAMPLE_READING (object);

  switch (id)
    {
    case PROP_SENSOR:
      g_free (self->sensor);
      self->sensor = g_value_dup_string (value);
      break;
    case PROP_CELSIUS:
      self->celsius = g_value_get_double (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
reading_class_init (ReadingClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = reading_finalize;
  object_class->get_property = reading_get_property;
  object_class->set_property = reading_set_property;

  properties[PROP_SENSOR] =
    g_param_spec_string ("sensor", NULL, NULL, "", G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  properties[PROP_CELSIUS] =
    g_param_spec_double ("celsius", NULL, NULL, -273.15, 1e6, 0,
                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
reading_init (Reading *self)
{
}

Reading *
reading_new (const char *sensor,
             double      celsius)
{
  return g_object_new (TYPE_READING, "sensor", sensor, "celsius", celsius, NULL);
}

const char *
reading_get_sensor (Reading *self)
{
  return self->sensor;
}

double
reading_get_celsius (Reading *self)
{
  return self->celsius;
}

double
reading_to_fahrenheit (Reading *self)
{
  return self->celsius * 9 / 5 + 32;
}
