/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "pickle-functions.h"
#include "mp-error.h"

#include <glib/gi18n-lib.h>
#include <string.h>

/* How many bytes of a refused name an error message shows. */
#define MAX_SHOWN_NAME 100

typedef enum
{
  MAKE_BYTES,
  MAKE_BYTEARRAY,
  MAKE_SET,
  MAKE_FROZENSET,
  ENCODE,
  LOAD_TYPE
} Meaning;

const MpPickleFunction mp_pickle_functions[] = {
  { "builtins", "bytearray", MAKE_BYTEARRAY },
  { "builtins", "set", MAKE_SET },
  { "builtins", "frozenset", MAKE_FROZENSET },
  { "builtins", "bytes", MAKE_BYTES },
  { "__builtin__", "bytearray", MAKE_BYTEARRAY },
  { "__builtin__", "set", MAKE_SET },
  { "__builtin__", "frozenset", MAKE_FROZENSET },
  { "__builtin__", "bytes", MAKE_BYTES },
  { "_codecs", "encode", ENCODE },
  { "dill._dill", "_load_type", LOAD_TYPE },
};

static gboolean
equal (const char   *expected,
       const guint8 *text,
       gsize         length)
{
  return strlen (expected) == length && memcmp (expected, text, length) == 0;
}

static char *
show_name (const guint8 *name,
           gsize         length)
{
  g_autofree char *part = g_strndup ((const char *) name, MIN (length, MAX_SHOWN_NAME));

  return g_utf8_make_valid (part, -1);
}

static guint32
add_function (MpPickleMachine *machine,
              guint32          index)
{
  guint32 number = mp_pickle_machine_add_node (machine, MP_NODE_FUNCTION);

  machine->nodes[number].function = index;
  machine->nodes[number].offset = machine->position;
  return number;
}

gboolean
mp_pickle_function_find (MpPickleMachine *machine,
                         const guint8    *module,
                         gsize            module_length,
                         const guint8    *name,
                         gsize            name_length,
                         guint32         *out_node,
                         GError         **error)
{
  g_autofree char *shown_module = NULL;
  g_autofree char *shown_name = NULL;

  for (guint32 i = 0; i < G_N_ELEMENTS (mp_pickle_functions); i++)
    if (equal (mp_pickle_functions[i].module, module, module_length) &&
        equal (mp_pickle_functions[i].name, name, name_length))
      {
        machine->needs_dill |= mp_pickle_functions[i].meaning == LOAD_TYPE;
        *out_node = add_function (machine, i);
        return TRUE;
      }

  shown_module = show_name (module, module_length);
  shown_name = show_name (name, name_length);
  g_set_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED,
               _ ("The pickle refers to %s.%s at byte %zu, but only pickles of plain values "
                  "are accepted"),
               shown_module, shown_name, machine->position);
  return FALSE;
}

static gboolean
make_bytes (MpPickleMachine *machine,
            MpNodeKind       kind,
            const MpNode    *source,
            guint32         *out_node)
{
  /* The new node refers to the bytes of the old one. */
  MpNode copy = source != NULL ? *source : (MpNode){ 0 };

  copy.kind = kind;
  *out_node = mp_pickle_machine_add_node (machine, kind);
  machine->nodes[*out_node] = copy;
  return TRUE;
}

static gboolean
make_set (MpPickleMachine *machine,
          MpNodeKind       kind,
          const MpNode    *source,
          guint32         *out_node,
          GError         **error)
{
  guint32 item = source != NULL ? source->first : 0;
  gsize   n = source != NULL ? source->size : 0;

  /* The items are copied, since the list itself may be used again. */
  if (!mp_pickle_machine_spend (machine, n, error))
    return FALSE;

  *out_node = mp_pickle_machine_add_node (machine, kind);
  for (; item != 0; item = machine->items[item].next)
    {
      guint32 number = machine->items[item].node;

      if (!mp_pickle_machine_add_items (machine, *out_node, &number, 1, error))
        return FALSE;
    }

  return TRUE;
}

/* Each character of a str becomes a byte: Python's way for bytes up to protocol 2. */
static gboolean
encode_latin1 (MpPickleMachine *machine,
               const MpNode    *source,
               guint32         *out_node,
               GError         **error)
{
  const guint8      *text = mp_pickle_machine_get_bytes (machine, source);
  g_autofree guint8 *bytes = NULL;
  gsize              n = 0;

  if (!mp_pickle_machine_spend (machine, source->size, error))
    return FALSE;

  bytes = g_malloc (source->size + 1);
  for (gsize i = 0; i < source->size; i++)
    {
      if (text[i] < 0x80)
        bytes[n++] = text[i];
      else if (text[i] <= 0xc3)
        {
          bytes[n++] = (text[i] & 0x03) << 6 | (text[i + 1] & 0x3f);
          i++;
        }
      else
        return mp_pickle_machine_refuse (machine, "a character above U+00FF as a byte",
                                         error);
    }

  return mp_pickle_machine_make_bytes (machine, MP_NODE_BYTES, bytes, n, out_node, error);
}

static gboolean
load_type (MpPickleMachine *machine,
           const MpNode    *name,
           const MpNode    *function,
           guint32         *out_node,
           GError         **error)
{
  const guint8 *text = mp_pickle_machine_get_bytes (machine, name);

  for (guint32 i = 0; i < G_N_ELEMENTS (mp_pickle_functions); i++)
    if (g_str_equal (mp_pickle_functions[i].module, "builtins") &&
        equal (mp_pickle_functions[i].name, text, name->size))
      {
        *out_node = add_function (machine, i);
        return TRUE;
      }

  return mp_pickle_machine_refuse_function (machine, function, error);
}

/* Fills @nodes with the arguments, NULL for those that are missing. */
static void
get_arguments (MpPickleMachine *machine,
               const MpNode    *arguments,
               const MpNode   **out_first,
               const MpNode   **out_second)
{
  guint32 item = arguments->first;

  *out_first = *out_second = NULL;
  if (item == 0)
    return;

  *out_first = &machine->nodes[machine->items[item].node];
  item = machine->items[item].next;
  if (item != 0)
    *out_second = &machine->nodes[machine->items[item].node];
}

static gboolean
is_kind (const MpNode *node,
         MpNodeKind    kind)
{
  return node != NULL && node->kind == kind;
}

gboolean
mp_pickle_function_call (MpPickleMachine *machine,
                         guint32          function_number,
                         guint32          arguments_number,
                         guint32         *out_node,
                         GError         **error)
{
  const MpNode *function = &machine->nodes[function_number];
  const MpNode *arguments = &machine->nodes[arguments_number];
  const MpNode *first, *second;
  Meaning       what;

  if (function->kind != MP_NODE_FUNCTION || arguments->kind != MP_NODE_TUPLE)
    return mp_pickle_machine_refuse (machine, "a call of what is no function", error);

  what = mp_pickle_functions[function->function].meaning;
  get_arguments (machine, arguments, &first, &second);

  if (what == MAKE_BYTES && arguments->size == 0)
    return make_bytes (machine, MP_NODE_BYTES, NULL, out_node);

  if (what == MAKE_BYTEARRAY &&
      (arguments->size == 0 ||
       (arguments->size == 1 && is_kind (first, MP_NODE_BYTES))))
    return make_bytes (machine, MP_NODE_BYTEARRAY, first, out_node);

  if ((what == MAKE_SET || what == MAKE_FROZENSET) &&
      (arguments->size == 0 || (arguments->size == 1 && is_kind (first, MP_NODE_LIST))))
    return make_set (machine, what == MAKE_SET ? MP_NODE_SET : MP_NODE_FROZENSET, first,
                     out_node, error);

  if (what == ENCODE && arguments->size == 2 &&
      is_kind (first, MP_NODE_STRING) && is_kind (second, MP_NODE_STRING) &&
      equal ("latin1", mp_pickle_machine_get_bytes (machine, second), second->size))
    return encode_latin1 (machine, first, out_node, error);

  if (what == LOAD_TYPE && arguments->size == 1 && is_kind (first, MP_NODE_STRING))
    return load_type (machine, first, function, out_node, error);

  return mp_pickle_machine_refuse_function (machine, function, error);
}
