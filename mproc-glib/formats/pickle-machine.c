/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pickle-machine.h"
#include "base/mp-small-array.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* Node numbers have 32 bits; a pickle never needs more nodes than it has bytes. */
#define MAX_PICKLE_SIZE ((gsize) G_MAXINT32)

/* Not 0: g_byte_array_sized_new (0) has no data to point into for an empty string. */
#define SMALLEST_MADE 64

/* The limit of mp_pickle_machine_spend (), for each byte of the pickle and for any pickle. */
#define WORK_PER_BYTE 16
#define FREE_WORK     1000

gboolean
mp_pickle_machine_refuse (MpPickleMachine *self,
                          const char      *what,
                          GError         **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_INVALID_MESSAGE,
               _ ("Not a pickle: %s at byte %zu"), what, self->position);
  return FALSE;
}

gboolean
mp_pickle_machine_refuse_function (MpPickleMachine *self,
                                   const MpNode    *function,
                                   GError         **error)
{
  const MpPickleFunction *named = &self->tables->functions[function->function];

  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("The pickle refers to %s.%s at byte %u, but only pickles of plain values "
                  "are accepted"),
               named->module, named->name, function->offset);
  return FALSE;
}

gboolean
mp_pickle_machine_spend (MpPickleMachine *self,
                         gsize            work,
                         GError         **error)
{
  self->work += work;
  if (self->work <= FREE_WORK + WORK_PER_BYTE * self->size)
    return TRUE;

  g_set_error (error, MP_ERROR, MP_ERROR_TOO_LARGE,
               _ ("The pickle repeats shared values too often at byte %zu"),
               self->position);
  return FALSE;
}

void
mp_numbers_push_slowly (MpNumbers *self,
                        guint32    number)
{
  gsize size = self->n * sizeof *self->numbers;

  self->allocated *= 2;
  self->numbers = mp_small_array_grow (self->numbers, self->initial, size, 2 * size);
  self->numbers[self->n++] = number;
}

static void
init_numbers (MpNumbers *self)
{
  self->numbers = self->initial;
  self->n = 0;
  self->allocated = G_N_ELEMENTS (self->initial);
}

static void
clear_numbers (MpNumbers *self)
{
  mp_small_array_free (self->numbers, self->initial);
}

guint32
mp_pickle_machine_add_node (MpPickleMachine *self,
                            MpNodeKind       kind)
{
  MpNode *node;

  if (G_UNLIKELY (self->n_nodes == self->allocated_nodes))
    {
      gsize size = self->n_nodes * sizeof *self->nodes;

      self->allocated_nodes *= 2;
      self->nodes = mp_small_array_grow (self->nodes, self->initial_nodes, size, 2 * size);
    }

  node = &self->nodes[self->n_nodes];
  node->kind = kind;
  node->flags = 0;
  node->text_flags = 0;
  node->size = 0;
  node->integer = 0;
  return self->n_nodes++;
}

/* Makes room for @n more items. */
static void
reserve_items (MpPickleMachine *self,
               gsize            n)
{
  gsize allocated = self->allocated_items;

  if (G_LIKELY (n <= allocated - self->n_items))
    return;

  while (n > allocated - self->n_items)
    allocated *= 2;
  self->items = mp_small_array_grow (self->items, self->initial_items,
                                     self->n_items * sizeof *self->items,
                                     allocated * sizeof *self->items);
  self->allocated_items = allocated;
}

/* Makes a node of bytes that do not occur in the pickle as they are. */
gboolean
mp_pickle_machine_make_bytes (MpPickleMachine *self,
                              MpNodeKind       kind,
                              const guint8    *data,
                              gsize            size,
                              guint32         *out_node,
                              GError         **error)
{
  MpNode *node;

  if (self->made == NULL)
    self->made = g_byte_array_sized_new (SMALLEST_MADE);
  if (size > MAX_PICKLE_SIZE - self->made->len)
    return mp_pickle_machine_refuse (self, "too much text", error);

  *out_node = mp_pickle_machine_add_node (self, kind);
  node = &self->nodes[*out_node];
  node->flags = MP_NODE_IS_MADE;
  node->offset = self->made->len;
  node->size = size;
  g_byte_array_append (self->made, data, size);
  return TRUE;
}

static guint32
get_weight (const MpNode *node)
{
  return node->kind == MP_NODE_TUPLE && node->size > 0 ? node->weight : 1;
}

/* Python hashes a tuple by visiting all its items, shared ones each time they occur.  A few
 * nested tuples could keep it busy for ever, so the visits are counted. */
static gboolean
check_key (MpPickleMachine *self,
           const MpNode    *node,
           GError         **error)
{
  switch (node->kind)
    {
    case MP_NODE_LIST:
    case MP_NODE_DICT:
    case MP_NODE_SET:
    case MP_NODE_BYTEARRAY:
      return mp_pickle_machine_refuse (self, "a key that can change", error);

    case MP_NODE_TUPLE:
      if (node->flags & MP_NODE_UNHASHABLE)
        return mp_pickle_machine_refuse (self, "a key that can change", error);
      return mp_pickle_machine_spend (self, get_weight (node), error);

    default:
      return TRUE;
    }
}

static void
weigh_tuple (MpNode       *tuple,
             const MpNode *item)
{
  guint32 weight = get_weight (item);

  tuple->weight = tuple->weight > G_MAXUINT32 - weight ? G_MAXUINT32
                                                       : tuple->weight + weight;
  if (item->kind == MP_NODE_LIST || item->kind == MP_NODE_DICT || item->kind == MP_NODE_SET ||
      item->kind == MP_NODE_BYTEARRAY || (item->flags & MP_NODE_UNHASHABLE))
    tuple->flags |= MP_NODE_UNHASHABLE;
}

static gboolean
check_item (MpPickleMachine *self,
            MpNode          *container,
            gboolean         is_key,
            const MpNode    *item,
            GError         **error)
{
  if (item->kind == MP_NODE_FUNCTION)
    return mp_pickle_machine_refuse_function (self, item, error);

  if (container->kind == MP_NODE_TUPLE)
    weigh_tuple (container, item);

  if (is_key)
    return check_key (self, item, error);

  return TRUE;
}

gboolean
mp_pickle_machine_add_items (MpPickleMachine *self,
                             guint32          container_number,
                             const guint32   *numbers,
                             gsize            n,
                             GError         **error)
{
  MpNode  *container = &self->nodes[container_number];
  guint32  last = container->kind == MP_NODE_TUPLE ? 0 : container->last;
  gboolean is_dict = container->kind == MP_NODE_DICT;
  gboolean is_set = container->kind == MP_NODE_SET || container->kind == MP_NODE_FROZENSET;

  if (n == 0)
    return TRUE;
  for (gsize i = 0; i < n; i++)
    if (!check_item (self, container, is_set || (is_dict && i % 2 == 0), &self->nodes[numbers[i]],
                     error))
      return FALSE;

  /* The new items are next to each other. */
  reserve_items (self, n);
  if (last == 0)
    container->first = self->n_items;
  else
    self->items[last].next = self->n_items;
  for (gsize i = 0; i < n; i++, self->n_items++)
    self->items[self->n_items] = (MpNodeItem){ numbers[i], self->n_items + 1 };
  last = self->n_items - 1;
  self->items[last].next = 0;

  container->size += n;
  if (container->kind != MP_NODE_TUPLE)
    container->last = last;
  return TRUE;
}

gboolean
mp_pickle_machine_need (MpPickleMachine *self,
                        gsize            n,
                        GError         **error)
{
  return mp_pickle_machine_count_open (self) >= n ||
         mp_pickle_machine_refuse (self, "too few values on the stack", error);
}

gboolean
mp_pickle_machine_push_int (MpPickleMachine *self,
                            gint64           value)
{
  guint32 number = mp_pickle_machine_add_node (self, MP_NODE_INT);

  self->nodes[number].integer = value;
  return mp_pickle_machine_push (self, number);
}

gboolean
mp_pickle_machine_push_uint (MpPickleMachine *self,
                             guint64          value)
{
  guint32 number = mp_pickle_machine_add_node (self, MP_NODE_UINT);

  self->nodes[number].integer = (gint64) value;
  return mp_pickle_machine_push (self, number);
}

gboolean
mp_pickle_machine_push_double (MpPickleMachine *self,
                               double           value)
{
  guint32 number = mp_pickle_machine_add_node (self, MP_NODE_DOUBLE);

  self->nodes[number].real = value;
  return mp_pickle_machine_push (self, number);
}

gboolean
mp_pickle_machine_push_data (MpPickleMachine *self,
                             MpNodeKind       kind,
                             const guint8    *data,
                             gsize            size)
{
  guint32 number = mp_pickle_machine_add_node (self, kind);

  self->nodes[number].offset = data - self->data;
  self->nodes[number].size = size;
  return mp_pickle_machine_push (self, number);
}

/* Picklers number memo entries from 0 with at most one for each opcode.  A larger index is
 * refused: a memo of that size could take gigabytes. */
gboolean
mp_pickle_machine_put (MpPickleMachine *self,
                       guint64          index,
                       GError         **error)
{
  if (!mp_pickle_machine_need (self, 1, error))
    return FALSE;
  if (index > self->position)
    return mp_pickle_machine_refuse (self, "too large an index", error);

  while (self->memo.n <= index)
    mp_numbers_push (&self->memo, 0);
  if (self->memo.numbers[index] == 0)
    self->n_memo++;

  self->memo.numbers[index] = self->stack.numbers[self->stack.n - 1];
  return TRUE;
}

gboolean
mp_pickle_machine_get (MpPickleMachine *self,
                       guint64          index,
                       GError         **error)
{
  if (index >= self->memo.n || self->memo.numbers[index] == 0)
    return mp_pickle_machine_refuse (self, "an unknown index", error);

  return mp_pickle_machine_push (self, self->memo.numbers[index]);
}

static void
init (MpPickleMachine      *self,
      const MpPickleTables *tables,
      const guint8         *data,
      gsize                 size)
{
  self->tables = tables;
  self->data = data;
  self->size = size;
  self->position = self->next = 0;
  self->done = FALSE;

  self->nodes = self->initial_nodes;
  self->allocated_nodes = G_N_ELEMENTS (self->initial_nodes);
  self->items = self->initial_items;
  self->allocated_items = G_N_ELEMENTS (self->initial_items);
  init_numbers (&self->stack);
  init_numbers (&self->marks);
  init_numbers (&self->memo);

  self->n_memo = 0;
  self->made = NULL;
  self->work = 0;
  self->needs_dill = FALSE;

  /* Node 0 is reserved, so that 0 can mean "none". */
  self->n_nodes = 1;
  self->n_items = 1;
  mp_pickle_machine_add_node (self, MP_NODE_NONE);
  mp_pickle_machine_add_node (self, MP_NODE_TRUE);
  mp_pickle_machine_add_node (self, MP_NODE_FALSE);
  mp_pickle_machine_add_node (self, MP_NODE_TUPLE);
}

gboolean
mp_pickle_machine_run (MpPickleMachine      *self,
                       const MpPickleTables *tables,
                       const guint8         *data,
                       gsize                 size,
                       guint32              *out_value,
                       GError              **error)
{
  init (self, tables, data, size);

  if (size > MAX_PICKLE_SIZE)
    return mp_pickle_machine_refuse (self, "too many bytes", error);

  while (!self->done)
    {
      const MpPickleOperation *operation;

      self->position = self->next;
      if (self->position == size)
        return mp_pickle_machine_refuse (self, "no end", error);

      operation = &tables->operations[data[self->position]];
      if (operation->run == NULL)
        return mp_pickle_machine_refuse (self, "an unknown opcode", error);
      if (operation->size > size - self->position - 1)
        return mp_pickle_machine_refuse (self, "no end of an opcode", error);

      self->next = self->position + 1 + operation->size;
      if (!operation->run (self, operation, data + self->position + 1, error))
        return FALSE;
    }

  *out_value = self->stack.numbers[0];
  return TRUE;
}

void
mp_pickle_machine_clear (MpPickleMachine *self)
{
  mp_small_array_free (self->nodes, self->initial_nodes);
  mp_small_array_free (self->items, self->initial_items);

  clear_numbers (&self->stack);
  clear_numbers (&self->marks);
  clear_numbers (&self->memo);
  g_clear_pointer (&self->made, g_byte_array_unref);
}
