/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pickle-reader.h"
#include "pickle-operations.h"
#include "pickle-writer.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>

/* The stack of open containers, with the next item of each. */
typedef struct
{
  guint32 node;
  guint32 item;
} Frame;

typedef struct
{
  MpPickleMachine machine;
  MpSink         *sink;
  guint           n_frames;
  Frame           frames[MP_PICKLE_MAX_NESTING];
} Reader;

static gboolean
refuse (const char *what,
        GError    **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("%s can only be represented as a pickle"), what);
  return FALSE;
}

static MpContainer
get_dict_container (Reader       *self,
                    const MpNode *dict)
{
  const MpPickleMachine *machine = &self->machine;
  MpNodeKind             kind = MP_NODE_STRING;
  guint32                item = dict->first;

  if (item != 0)
    kind = machine->nodes[machine->items[item].node].kind;

  while (item != 0)
    {
      MpNodeKind other = machine->nodes[machine->items[item].node].kind;

      if (other != kind)
        return MP_CONTAINER_OTHER_DICT;
      item = machine->items[machine->items[item].next].next;
    }

  return kind == MP_NODE_STRING ? MP_CONTAINER_DICT
         : kind == MP_NODE_INT  ? MP_CONTAINER_INT_DICT
                                : MP_CONTAINER_OTHER_DICT;
}

static gboolean
open_container (Reader     *self,
                guint32     number,
                MpContainer container,
                GError    **error)
{
  MpNode *node = &self->machine.nodes[number];

  if (node->flags & MP_NODE_ON_PATH)
    return refuse ("A value that contains itself", error);
  if (self->n_frames == MP_PICKLE_MAX_NESTING)
    return refuse ("A value that is nested so deep", error);
  if (!self->sink->funcs->open (self->sink, container, error))
    return FALSE;

  node->flags |= MP_NODE_ON_PATH;
  self->frames[self->n_frames].node = number;
  self->frames[self->n_frames].item = node->first;
  self->n_frames++;
  return TRUE;
}

static gboolean
tell (Reader  *self,
      guint32  number,
      GError **error)
{
  const MpNode      *node = &self->machine.nodes[number];
  const MpSinkFuncs *funcs = self->sink->funcs;
  MpSink            *sink = self->sink;

  switch ((MpNodeKind) node->kind)
    {
    case MP_NODE_NONE:
      return funcs->add_none (sink, error);

    case MP_NODE_TRUE:
    case MP_NODE_FALSE:
      return funcs->add_boolean (sink, node->kind == MP_NODE_TRUE, error);

    case MP_NODE_INT:
      return funcs->add_int (sink, node->integer, error);

    case MP_NODE_UINT:
      return funcs->add_uint (sink, (guint64) node->integer, error);

    case MP_NODE_BIG_INT:
      return funcs->add_big_int (sink, mp_pickle_machine_get_bytes (&self->machine, node),
                                 node->size, error);

    case MP_NODE_DOUBLE:
      return funcs->add_double (sink, node->real, error);

    case MP_NODE_STRING:
      return funcs->add_string (sink, mp_pickle_machine_get_bytes (&self->machine, node),
                                node->size, node->text_flags, error);

    case MP_NODE_BYTES:
    case MP_NODE_BYTEARRAY:
      return funcs->add_bytes (sink, mp_pickle_machine_get_bytes (&self->machine, node),
                               node->size, node->kind == MP_NODE_BYTEARRAY, error);

    case MP_NODE_TUPLE:
      return open_container (self, number, MP_CONTAINER_TUPLE, error);

    case MP_NODE_LIST:
      return open_container (self, number, MP_CONTAINER_LIST, error);

    case MP_NODE_DICT:
      return open_container (self, number, get_dict_container (self, node), error);

    case MP_NODE_SET:
      return open_container (self, number, MP_CONTAINER_SET, error);

    case MP_NODE_FROZENSET:
      return open_container (self, number, MP_CONTAINER_FROZENSET, error);

    case MP_NODE_BIG_INT_TEXT:
    case MP_NODE_FUNCTION:
    default:
      return refuse ("An integer of more than 64 bits", error);
    }
}

/* Reports the next item of the innermost container, or its end. */
static gboolean
tell_next (Reader  *self,
           GError **error)
{
  Frame            *frame = &self->frames[self->n_frames - 1];
  const MpNodeItem *item = &self->machine.items[frame->item];

  if (frame->item == 0)
    {
      self->machine.nodes[frame->node].flags &= ~MP_NODE_ON_PATH;
      self->n_frames--;
      return self->sink->funcs->close (self->sink, error);
    }

  frame->item = item->next;
  return tell (self, item->node, error);
}

gboolean
mp_pickle_read (const guint8 *data,
                gsize         size,
                MpSink       *sink,
                GError      **error)
{
  Reader   self;
  guint32  value;
  gboolean done;

  self.sink = sink;
  self.n_frames = 0;

  done = mp_pickle_machine_run (&self.machine, &mp_pickle_plain_values, data, size, &value,
                                error) &&
         tell (&self, value, error);
  while (done && self.n_frames > 0)
    done = tell_next (&self, error);

  mp_pickle_machine_clear (&self.machine);
  return done;
}

gboolean
mp_pickle_check (const guint8 *data,
                 gsize         size,
                 gboolean     *out_needs_dill,
                 GError      **error)
{
  MpPickleMachine machine;
  guint32         value;
  gboolean        done;

  done = mp_pickle_machine_run (&machine, &mp_pickle_plain_values, data, size, &value, error);
  *out_needs_dill = machine.needs_dill;
  mp_pickle_machine_clear (&machine);
  return done;
}
