/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pickle-operations.h"
#include "pickle-functions.h"
#include "pickle-opcodes.h"
#include "pickle-text.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

#define MAX_BIG_INT_BYTES 4096

static gboolean
pop_mark (MpPickleMachine *self,
          gsize           *out_n,
          GError         **error)
{
  if (self->marks.n == 0)
    return mp_pickle_machine_refuse (self, "no mark", error);

  *out_n = mp_pickle_machine_count_open (self);
  self->marks.n--;
  return TRUE;
}

static inline guint64
read_le (const guint8 *data,
         gsize         size)
{
  guint64 value = 0;

  memcpy (&value, data, size);
  return GUINT64_FROM_LE (value);
}

/* Takes @length more bytes, which belong to the opcode. */
static gboolean
take (MpPickleMachine *self,
      guint64          length,
      const guint8   **out_data,
      GError         **error)
{
  if (length > self->size - self->next)
    return mp_pickle_machine_refuse (self, "a length beyond the end", error);

  *out_data = self->data + self->next;
  self->next += length;
  return TRUE;
}

static gboolean
run_proto (MpPickleMachine         *self,
           const MpPickleOperation *operation,
           const guint8            *argument,
           GError                 **error)
{
  if (self->position != 0 || *argument < 2 || *argument > 5)
    return mp_pickle_machine_refuse (self, "no protocol from 0 to 5", error);

  return TRUE;
}

static gboolean
run_frame (MpPickleMachine         *self,
           const MpPickleOperation *operation,
           const guint8            *argument,
           GError                 **error)
{
  if (read_le (argument, 8) > self->size - self->next)
    return mp_pickle_machine_refuse (self, "a frame beyond the end", error);

  return TRUE;
}

static gboolean
run_stop (MpPickleMachine         *self,
          const MpPickleOperation *operation,
          const guint8            *argument,
          GError                 **error)
{
  const MpNode *node;

  if (self->marks.n != 0 || self->stack.n != 1)
    return mp_pickle_machine_refuse (self, "not just one value", error);
  if (self->next != self->size)
    return mp_pickle_machine_refuse (self, "more bytes after the end", error);

  node = &self->nodes[self->stack.numbers[0]];
  if (node->kind == MP_NODE_FUNCTION)
    return mp_pickle_machine_refuse_function (self, node, error);

  self->done = TRUE;
  return TRUE;
}

static gboolean
run_constant (MpPickleMachine         *self,
              const MpPickleOperation *operation,
              const guint8            *argument,
              GError                 **error)
{
  return mp_pickle_machine_push (self, operation->parameter);
}

static gboolean
run_byte (MpPickleMachine         *self,
          const MpPickleOperation *operation,
          const guint8            *argument,
          GError                 **error)
{
  return mp_pickle_machine_push_int (self, argument[0]);
}

static gboolean
run_two_bytes (MpPickleMachine         *self,
               const MpPickleOperation *operation,
               const guint8            *argument,
               GError                 **error)
{
  return mp_pickle_machine_push_int (self, argument[0] | argument[1] << 8);
}

static gboolean
run_signed (MpPickleMachine         *self,
            const MpPickleOperation *operation,
            const guint8            *argument,
            GError                 **error)
{
  return mp_pickle_machine_push_int (self, (gint32) read_le (argument, 4));
}

static gboolean
run_long (MpPickleMachine         *self,
          const MpPickleOperation *operation,
          const guint8            *argument,
          GError                 **error)
{
  guint64       size = read_le (argument, operation->size), value;
  const guint8 *data = NULL;
  gboolean      is_negative;

  if (size > MAX_BIG_INT_BYTES)
    return mp_pickle_machine_refuse (self, "too long an integer", error);
  if (!take (self, size, &data, error))
    return FALSE;

  is_negative = size > 0 && data[size - 1] >= 0x80;
  if (size <= 8)
    {
      value = is_negative && size < 8 ? ~G_GUINT64_CONSTANT (0) << (8 * size) : 0;
      return mp_pickle_machine_push_int (self, (gint64) (value | read_le (data, size)));
    }
  if (size == 9 && data[8] == 0)
    {
      value = read_le (data, 8);
      return value > G_MAXINT64 ? mp_pickle_machine_push_uint (self, value)
                                : mp_pickle_machine_push_int (self, value);
    }

  return mp_pickle_machine_push_data (self, MP_NODE_BIG_INT, data, size);
}

static gboolean
run_double (MpPickleMachine         *self,
            const MpPickleOperation *operation,
            const guint8            *argument,
            GError                 **error)
{
  guint64 bits;
  double  value;

  memcpy (&bits, argument, sizeof bits);
  bits = GUINT64_FROM_BE (bits);
  memcpy (&value, &bits, sizeof value);
  return mp_pickle_machine_push_double (self, value);
}

static gboolean
run_string (MpPickleMachine         *self,
            const MpPickleOperation *operation,
            const guint8            *argument,
            GError                 **error)
{
  guint64       length = read_le (argument, operation->size);
  const guint8 *text = NULL;
  MpTextFlags   flags;

  if (!take (self, length, &text, error))
    return FALSE;

  flags = mp_text_scan (text, length);
  if (flags & MP_TEXT_INVALID)
    return mp_pickle_machine_refuse (self, "a string that is not UTF-8", error);

  mp_pickle_machine_push_data (self, MP_NODE_STRING, text, length);
  self->nodes[self->n_nodes - 1].text_flags = flags;
  return TRUE;
}

static gboolean
run_bytes (MpPickleMachine         *self,
           const MpPickleOperation *operation,
           const guint8            *argument,
           GError                 **error)
{
  guint64       length = read_le (argument, operation->size);
  const guint8 *data = NULL;

  return take (self, length, &data, error) &&
         mp_pickle_machine_push_data (self, operation->parameter, data, length);
}

static gboolean
run_mark (MpPickleMachine         *self,
          const MpPickleOperation *operation,
          const guint8            *argument,
          GError                 **error)
{
  mp_numbers_push (&self->marks, self->stack.n);
  return TRUE;
}

/* Picklers write POP after the items of a tuple that contains itself: the tuple has been made while
 * they were written, and is got from the memo.  In protocol 0 they drop the mark that way, too. */
static gboolean
run_pop (MpPickleMachine         *self,
         const MpPickleOperation *operation,
         const guint8            *argument,
         GError                 **error)
{
  if (mp_pickle_machine_count_open (self) > 0)
    self->stack.n--;
  else if (self->marks.n > 0)
    self->marks.n--;
  else
    return mp_pickle_machine_need (self, 1, error);

  return TRUE;
}

static gboolean
run_pop_mark (MpPickleMachine         *self,
              const MpPickleOperation *operation,
              const guint8            *argument,
              GError                 **error)
{
  gsize n = 0;

  if (!pop_mark (self, &n, error))
    return FALSE;

  self->stack.n -= n;
  return TRUE;
}

static gboolean
run_dup (MpPickleMachine         *self,
         const MpPickleOperation *operation,
         const guint8            *argument,
         GError                 **error)
{
  return mp_pickle_machine_need (self, 1, error) &&
         mp_pickle_machine_push (self, self->stack.numbers[self->stack.n - 1]);
}

static gboolean
run_empty (MpPickleMachine         *self,
           const MpPickleOperation *operation,
           const guint8            *argument,
           GError                 **error)
{
  return mp_pickle_machine_push (self, mp_pickle_machine_add_node (self, operation->parameter));
}

/* Replaces the last @n values on the stack by a new container of them. */
static gboolean
collect (MpPickleMachine *self,
         MpNodeKind       kind,
         gsize            n,
         GError         **error)
{
  guint32 number = mp_pickle_machine_add_node (self, kind);

  if (kind == MP_NODE_TUPLE)
    self->nodes[number].weight = 1;
  if (kind == MP_NODE_DICT && n % 2 != 0)
    return mp_pickle_machine_refuse (self, "a key without a value", error);

  self->stack.n -= n;
  return mp_pickle_machine_add_items (self, number, self->stack.numbers + self->stack.n, n,
                                      error) &&
         mp_pickle_machine_push (self, number);
}

static gboolean
run_collect (MpPickleMachine         *self,
             const MpPickleOperation *operation,
             const guint8            *argument,
             GError                 **error)
{
  gsize n = 0;

  return pop_mark (self, &n, error) && collect (self, operation->parameter, n, error);
}

static gboolean
run_small_tuple (MpPickleMachine         *self,
                 const MpPickleOperation *operation,
                 const guint8            *argument,
                 GError                 **error)
{
  gsize n = operation->parameter;

  return mp_pickle_machine_need (self, n, error) && collect (self, MP_NODE_TUPLE, n, error);
}

/* Appends the last @n values on the stack to the container below them. */
static gboolean
extend (MpPickleMachine *self,
        MpNodeKind       kind,
        gsize            n,
        GError         **error)
{
  guint32 container;

  if (!mp_pickle_machine_need (self, n + 1, error))
    return FALSE;

  container = self->stack.numbers[self->stack.n - n - 1];
  if (self->nodes[container].kind != kind)
    return mp_pickle_machine_refuse (self, "an item for another container", error);
  if (kind == MP_NODE_DICT && n % 2 != 0)
    return mp_pickle_machine_refuse (self, "a key without a value", error);

  self->stack.n -= n;
  return mp_pickle_machine_add_items (self, container, self->stack.numbers + self->stack.n, n,
                                      error);
}

static gboolean
run_extend (MpPickleMachine         *self,
            const MpPickleOperation *operation,
            const guint8            *argument,
            GError                 **error)
{
  gsize n = 0;

  return pop_mark (self, &n, error) && extend (self, operation->parameter, n, error);
}

static gboolean
run_extend_by_one (MpPickleMachine         *self,
                   const MpPickleOperation *operation,
                   const guint8            *argument,
                   GError                 **error)
{
  return extend (self, operation->parameter, operation->parameter == MP_NODE_DICT ? 2 : 1, error);
}

static gboolean
run_memoize (MpPickleMachine         *self,
             const MpPickleOperation *operation,
             const guint8            *argument,
             GError                 **error)
{
  return mp_pickle_machine_put (self, self->n_memo, error);
}

static gboolean
run_put (MpPickleMachine         *self,
         const MpPickleOperation *operation,
         const guint8            *argument,
         GError                 **error)
{
  return mp_pickle_machine_put (self, read_le (argument, operation->size), error);
}

static gboolean
run_get (MpPickleMachine         *self,
         const MpPickleOperation *operation,
         const guint8            *argument,
         GError                 **error)
{
  return mp_pickle_machine_get (self, read_le (argument, operation->size), error);
}

static gboolean
run_stack_global (MpPickleMachine         *self,
                  const MpPickleOperation *operation,
                  const guint8            *argument,
                  GError                 **error)
{
  const MpNode *module, *name;
  guint32       number = 0;

  if (!mp_pickle_machine_need (self, 2, error))
    return FALSE;

  module = &self->nodes[self->stack.numbers[self->stack.n - 2]];
  name = &self->nodes[self->stack.numbers[self->stack.n - 1]];
  if (module->kind != MP_NODE_STRING || name->kind != MP_NODE_STRING)
    return mp_pickle_machine_refuse (self, "a name that is no string", error);

  self->stack.n -= 2;
  return mp_pickle_function_find (self,
                                  mp_pickle_machine_get_bytes (self, module), module->size,
                                  mp_pickle_machine_get_bytes (self, name), name->size,
                                  &number, error) &&
         mp_pickle_machine_push (self, number);
}

static gboolean
run_reduce (MpPickleMachine         *self,
            const MpPickleOperation *operation,
            const guint8            *argument,
            GError                 **error)
{
  guint32 number = 0;

  if (!mp_pickle_machine_need (self, 2, error) ||
      !mp_pickle_function_call (self, self->stack.numbers[self->stack.n - 2],
                                self->stack.numbers[self->stack.n - 1], &number, error))
    return FALSE;

  self->stack.n -= 2;
  return mp_pickle_machine_push (self, number);
}

static gboolean
run_refused (MpPickleMachine         *self,
             const MpPickleOperation *operation,
             const guint8            *argument,
             GError                 **error)
{
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("The pickle uses the opcode 0x%02x at byte %zu, but only pickles of plain "
                  "values are accepted"),
               self->data[self->position], self->position);
  return FALSE;
}

static const MpPickleOperation operations[256] = {
  [OP_PROTO] = { run_proto, 1, 0 },
  [OP_FRAME] = { run_frame, 8, 0 },
  [OP_STOP] = { run_stop, 0, 0 },

  [OP_NONE] = { run_constant, 0, MP_NONE_NODE },
  [OP_NEWTRUE] = { run_constant, 0, MP_TRUE_NODE },
  [OP_NEWFALSE] = { run_constant, 0, MP_FALSE_NODE },
  [OP_EMPTY_TUPLE] = { run_constant, 0, MP_EMPTY_TUPLE_NODE },

  [OP_BININT1] = { run_byte, 1, 0 },
  [OP_BININT2] = { run_two_bytes, 2, 0 },
  [OP_BININT] = { run_signed, 4, 0 },
  [OP_LONG1] = { run_long, 1, 0 },
  [OP_LONG4] = { run_long, 4, 0 },
  [OP_INT] = { mp_pickle_run_int_text, 0, 0 },
  [OP_LONG] = { mp_pickle_run_long_text, 0, 0 },
  [OP_BINFLOAT] = { run_double, 8, 0 },
  [OP_FLOAT] = { mp_pickle_run_double_text, 0, 0 },

  [OP_SHORT_BINUNICODE] = { run_string, 1, 0 },
  [OP_BINUNICODE] = { run_string, 4, 0 },
  [OP_BINUNICODE8] = { run_string, 8, 0 },
  [OP_UNICODE] = { mp_pickle_run_string_text, 0, 0 },
  [OP_SHORT_BINBYTES] = { run_bytes, 1, MP_NODE_BYTES },
  [OP_BINBYTES] = { run_bytes, 4, MP_NODE_BYTES },
  [OP_BINBYTES8] = { run_bytes, 8, MP_NODE_BYTES },
  [OP_BYTEARRAY8] = { run_bytes, 8, MP_NODE_BYTEARRAY },

  [OP_MARK] = { run_mark, 0, 0 },
  [OP_POP] = { run_pop, 0, 0 },
  [OP_POP_MARK] = { run_pop_mark, 0, 0 },
  [OP_DUP] = { run_dup, 0, 0 },

  [OP_EMPTY_LIST] = { run_empty, 0, MP_NODE_LIST },
  [OP_EMPTY_DICT] = { run_empty, 0, MP_NODE_DICT },
  [OP_EMPTY_SET] = { run_empty, 0, MP_NODE_SET },
  [OP_TUPLE] = { run_collect, 0, MP_NODE_TUPLE },
  [OP_LIST] = { run_collect, 0, MP_NODE_LIST },
  [OP_DICT] = { run_collect, 0, MP_NODE_DICT },
  [OP_FROZENSET] = { run_collect, 0, MP_NODE_FROZENSET },
  [OP_TUPLE1] = { run_small_tuple, 0, 1 },
  [OP_TUPLE2] = { run_small_tuple, 0, 2 },
  [OP_TUPLE3] = { run_small_tuple, 0, 3 },
  [OP_APPEND] = { run_extend_by_one, 0, MP_NODE_LIST },
  [OP_APPENDS] = { run_extend, 0, MP_NODE_LIST },
  [OP_SETITEM] = { run_extend_by_one, 0, MP_NODE_DICT },
  [OP_SETITEMS] = { run_extend, 0, MP_NODE_DICT },
  [OP_ADDITEMS] = { run_extend, 0, MP_NODE_SET },

  [OP_MEMOIZE] = { run_memoize, 0, 0 },
  [OP_BINPUT] = { run_put, 1, 0 },
  [OP_LONG_BINPUT] = { run_put, 4, 0 },
  [OP_PUT] = { mp_pickle_run_put_text, 0, 0 },
  [OP_BINGET] = { run_get, 1, 0 },
  [OP_LONG_BINGET] = { run_get, 4, 0 },
  [OP_GET] = { mp_pickle_run_get_text, 0, 0 },

  [OP_GLOBAL] = { mp_pickle_run_global, 0, 0 },
  [OP_STACK_GLOBAL] = { run_stack_global, 0, 0 },
  [OP_REDUCE] = { run_reduce, 0, 0 },
  [OP_INST] = { mp_pickle_run_inst, 0, 0 },

  /* Opcodes that only Python 2 writes, or that build more than plain values: all refused. */
  [OP_STRING] = { run_refused, 0, 0 },
  [OP_BINSTRING] = { run_refused, 0, 0 },
  [OP_SHORT_BINSTRING] = { run_refused, 0, 0 },
  [OP_BUILD] = { run_refused, 0, 0 },
  [OP_OBJ] = { run_refused, 0, 0 },
  [OP_NEWOBJ] = { run_refused, 0, 0 },
  [OP_NEWOBJ_EX] = { run_refused, 0, 0 },
  [OP_EXT1] = { run_refused, 0, 0 },
  [OP_EXT2] = { run_refused, 0, 0 },
  [OP_EXT4] = { run_refused, 0, 0 },
  [OP_PERSID] = { run_refused, 0, 0 },
  [OP_BINPERSID] = { run_refused, 0, 0 },
  [OP_NEXT_BUFFER] = { run_refused, 0, 0 },
  [OP_READONLY_BUFFER] = { run_refused, 0, 0 },
};

const MpPickleTables mp_pickle_plain_values = { operations, mp_pickle_functions };
