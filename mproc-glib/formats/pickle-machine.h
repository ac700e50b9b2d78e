/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "text.h"

#include <glib.h>

G_BEGIN_DECLS

/* A pickle is a program for a stack machine.  This machine runs the programs that build plain
 * values.  It builds nodes, which refer to the pickle and to each other by number, so sharing and
 * cycles cost nothing, and all nodes are freed at once.  What the opcodes do, and which functions
 * a pickle may name, comes from the tables that it is run with; no name is ever looked up
 * elsewhere. */

typedef enum
{
  MP_NODE_NONE = 1,
  MP_NODE_TRUE,
  MP_NODE_FALSE,
  MP_NODE_INT,
  MP_NODE_UINT,
  MP_NODE_BIG_INT,
  MP_NODE_BIG_INT_TEXT,
  MP_NODE_DOUBLE,
  MP_NODE_STRING,
  MP_NODE_BYTES,
  MP_NODE_BYTEARRAY,
  MP_NODE_TUPLE,
  MP_NODE_LIST,
  MP_NODE_DICT,
  MP_NODE_SET,
  MP_NODE_FROZENSET,
  MP_NODE_FUNCTION
} MpNodeKind;

typedef enum
{
  /* The bytes are among those that the machine made, not in the pickle. */
  MP_NODE_IS_MADE = 1 << 0,
  /* A tuple that cannot be a key because it contains a value that can change. */
  MP_NODE_UNHASHABLE = 1 << 1,
  /* Set while a reader that walks the nodes is inside this container. */
  MP_NODE_ON_PATH = 1 << 2
} MpNodeFlags;

typedef struct
{
  guint8 kind;
  guint8 flags;
  guint8 text_flags;

  /* The number of bytes or items; for a dict the number of keys and values together. */
  guint32 size;

  union
  {
    gint64 integer;
    double real;

    /* Strings and bytes; of a function also its number. */
    struct
    {
      guint32 offset;
      guint32 function;
    };

    /* Containers: the chain of their items.  A tuple is never extended and needs no last item;
     * it has the number of its nodes instead, shared ones counted each time they occur. */
    struct
    {
      guint32 first;
      union
      {
        guint32 last;
        guint32 weight;
      };
    };
  };
} MpNode;

/* An item of a container: a node and the number of the next item, or 0. */
typedef struct
{
  guint32 node;
  guint32 next;
} MpNodeItem;

typedef struct
{
  guint32 *numbers;
  guint32  n;
  guint32  allocated;
  guint32  initial[40];
} MpNumbers;

typedef struct _MpPickleMachine   MpPickleMachine;
typedef struct _MpPickleOperation MpPickleOperation;

/* The action of an opcode. */
struct _MpPickleOperation
{
  gboolean (*run) (MpPickleMachine         *self,
                   const MpPickleOperation *operation,
                   const guint8            *argument,
                   GError                 **error);

  /* The number of bytes of the argument; for a string that of its length field. */
  guint8 size;
  guint8 parameter; /* for `run`, which several opcodes share: for example the kind of a node */
};

/* A function that a pickle may name. */
typedef struct
{
  const char *module;
  const char *name;

  /* What it does; a number that only the operations interpret. */
  guint8 meaning;
} MpPickleFunction;

typedef struct
{
  /* 256, by opcode; those that do not exist have no function. */
  const MpPickleOperation *operations;

  /* By the number in the node of a function. */
  const MpPickleFunction *functions;
} MpPickleTables;

struct _MpPickleMachine
{
  const MpPickleTables *tables;

  const guint8 *data;
  gsize         size;

  /* The opcode being run, and where the next one is. */
  gsize    position;
  gsize    next;
  gboolean done;

  MpNode *nodes;
  guint32 n_nodes;
  guint32 allocated_nodes;
  MpNode  initial_nodes[40];

  MpNodeItem *items;
  guint32     n_items;
  guint32     allocated_items;
  MpNodeItem  initial_items[40];

  MpNumbers stack;
  MpNumbers marks;
  MpNumbers memo;
  guint32   n_memo;

  GByteArray *made;

  /* The work done so far that is not bounded by the number of opcodes; see
   * mp_pickle_machine_spend (). */
  gsize work;

  /* Whether a reader of the pickle would have to import dill. */
  gboolean needs_dill;
};

/* Runs the pickle.  Call mp_pickle_machine_clear () afterwards, also after a failure. */
gboolean mp_pickle_machine_run (MpPickleMachine      *self,
                                const MpPickleTables *tables,
                                const guint8         *data,
                                gsize                 size,
                                guint32              *out_value,
                                GError              **error);
void     mp_pickle_machine_clear (MpPickleMachine *self);

/* Called by the operations. */

/* Nodes that exist only once. */
enum
{
  MP_NONE_NODE = 1,
  MP_TRUE_NODE,
  MP_FALSE_NODE,
  MP_EMPTY_TUPLE_NODE
};

gboolean mp_pickle_machine_refuse (MpPickleMachine *self,
                                   const char      *what,
                                   GError         **error);
gboolean mp_pickle_machine_refuse_function (MpPickleMachine *self,
                                            const MpNode    *function,
                                            GError         **error);
gboolean mp_pickle_machine_spend (MpPickleMachine *self,
                                  gsize            work,
                                  GError         **error);
gboolean mp_pickle_machine_need (MpPickleMachine *self,
                                 gsize            n,
                                 GError         **error);

guint32  mp_pickle_machine_add_node (MpPickleMachine *self,
                                     MpNodeKind       kind);
gboolean mp_pickle_machine_make_bytes (MpPickleMachine *self,
                                       MpNodeKind       kind,
                                       const guint8    *data,
                                       gsize            size,
                                       guint32         *out_node,
                                       GError         **error);
gboolean mp_pickle_machine_add_items (MpPickleMachine *self,
                                      guint32          container,
                                      const guint32   *numbers,
                                      gsize            n,
                                      GError         **error);

gboolean mp_pickle_machine_push_int (MpPickleMachine *self,
                                     gint64           value);
gboolean mp_pickle_machine_push_uint (MpPickleMachine *self,
                                      guint64          value);
gboolean mp_pickle_machine_push_double (MpPickleMachine *self,
                                        double           value);
gboolean mp_pickle_machine_push_data (MpPickleMachine *self,
                                      MpNodeKind       kind,
                                      const guint8    *data,
                                      gsize            size);
gboolean mp_pickle_machine_put (MpPickleMachine *self,
                                guint64          index,
                                GError         **error);
gboolean mp_pickle_machine_get (MpPickleMachine *self,
                                guint64          index,
                                GError         **error);
void     mp_numbers_push_slowly (MpNumbers *self,
                                 guint32    number);

static inline const guint8 *
mp_pickle_machine_get_bytes (MpPickleMachine *self,
                             const MpNode    *node)
{
  return (node->flags & MP_NODE_IS_MADE ? self->made->data : self->data) + node->offset;
}

static inline void
mp_numbers_push (MpNumbers *self,
                 guint32    number)
{
  if (G_LIKELY (self->n < self->allocated))
    self->numbers[self->n++] = number;
  else
    mp_numbers_push_slowly (self, number);
}

static inline gboolean
mp_pickle_machine_push (MpPickleMachine *self,
                        guint32          node)
{
  mp_numbers_push (&self->stack, node);
  return TRUE;
}

/* The number of values above the last mark: opcodes may only touch these. */
static inline gsize
mp_pickle_machine_count_open (MpPickleMachine *self)
{
  return self->stack.n - (self->marks.n > 0 ? self->marks.numbers[self->marks.n - 1] : 0);
}

G_END_DECLS
