/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <girepository.h>
#include <mproc-glib/mproc-glib.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Objects created by g_object_new () without the properties that their constructors set.  Every
 * method is called on them, each in a separate process: it may fail with an error or a critical,
 * but must neither crash nor hang. */

#define N_ARGUMENTS  16
#define CALL_SECONDS 20
#define N_TURNS      20
#define BUFFER_SIZE  64

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GIBaseInfo, g_base_info_unref)

typedef enum
{
  /* NULL if that is allowed, and 0. */
  LITTLE,

  /* A value if one is allowed, and 1. */
  SOMETHING,
  N_VARIANTS
} Variant;

/* The arguments of a call, and the places for its results. */
typedef struct
{
  GIArgument in[N_ARGUMENTS];
  GIArgument out[N_ARGUMENTS];
  GIArgument places[N_ARGUMENTS];
  int        n_in;
  int        n_out;
} Call;

static char buffer[BUFFER_SIZE];

/* Calls that wait for a message without a timeout: a queue created in this way works normally. */
static const char *const waits[] = { "MpSimpleQueue.get ()", NULL };

static void
ready_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
}

static gboolean
source_cb (gpointer user_data)
{
  return G_SOURCE_REMOVE;
}

static gpointer
make_interface_value (GIBaseInfo *info,
                      Variant     variant)
{
  GType type;

  if (g_base_info_get_type (info) == GI_INFO_TYPE_CALLBACK)
    return g_str_equal (g_base_info_get_name (info), "SourceFunc") ? (gpointer) source_cb
                                                                   : (gpointer) ready_cb;

  type = g_registered_type_info_get_g_type ((GIRegisteredTypeInfo *) info);
  if (type == G_TYPE_VARIANT)
    return g_variant_ref_sink (g_variant_new_string ("value"));
  if (type == G_TYPE_BYTES)
    return g_bytes_new_static ("bytes", 5);
  if (type == MP_TYPE_MESSAGE)
    return mp_message_new_json ("1");
  if (type == G_TYPE_ASYNC_RESULT)
    return g_task_new (NULL, NULL, NULL, NULL);
  if (type == MP_TYPE_SHAREABLE)
    return g_object_new (MP_TYPE_QUEUE, NULL);
  if (type == MP_TYPE_WAITABLE)
    return g_object_new (MP_TYPE_CONNECTION, NULL);
  if (G_TYPE_IS_OBJECT (type) && !G_TYPE_IS_ABSTRACT (type))
    return g_object_new (type, NULL);

  return buffer;
}

static GIArgument
make_value (GITypeInfo *type,
            gboolean    may_be_null,
            const char *name,
            Variant     variant)
{
  GIArgument value = { 0 };

  if (may_be_null && variant == LITTLE)
    return value;

  switch (g_type_info_get_tag (type))
    {
    case GI_TYPE_TAG_UTF8:
    case GI_TYPE_TAG_FILENAME:
      value.v_string = g_strdup ("text");
      break;

    case GI_TYPE_TAG_INTERFACE:
      {
        g_autoptr (GIBaseInfo) info = g_type_info_get_interface (type);

        if (GI_IS_ENUM_INFO (info))
          value.v_int = variant;
        else
          value.v_pointer = make_interface_value (info, variant);
        break;
      }

    case GI_TYPE_TAG_ARRAY:
      value.v_pointer = buffer;
      break;

    case GI_TYPE_TAG_DOUBLE:
      value.v_double = variant;
      break;

    case GI_TYPE_TAG_GTYPE:
      value.v_size = G_TYPE_OBJECT;
      break;

    case GI_TYPE_TAG_VOID:
      break;

    default:
      /* Timeouts must be short; other values do not matter. */
      value.v_int64 = g_str_equal (name, "timeout_us") ? 0 : variant;
    }

  return value;
}

static void
add_argument (Call      *call,
              GIArgInfo *argument,
              Variant    variant)
{
  g_autoptr (GIBaseInfo) type = g_arg_info_get_type (argument);
  GIDirection direction = g_arg_info_get_direction (argument);

  if (direction == GI_DIRECTION_IN)
    {
      call->in[call->n_in++] = make_value (type, g_arg_info_may_be_null (argument),
                                           g_base_info_get_name (argument), variant);
      return;
    }

  /* NULL if the argument is optional. */
  call->out[call->n_out].v_pointer =
    g_arg_info_is_optional (argument) && variant == LITTLE ? NULL : &call->places[call->n_out];
  if (direction == GI_DIRECTION_INOUT)
    call->in[call->n_in++] = call->out[call->n_out];
  call->n_out++;
}

static void
call_function (GIFunctionInfo *function,
               gpointer        object,
               Variant         variant)
{
  g_autoptr (GError) error = NULL;
  GIArgument result = { 0 };
  Call       call = { 0 };

  call.in[call.n_in++].v_pointer = object;
  for (int i = 0; i < g_callable_info_get_n_args (function); i++)
    {
      g_autoptr (GIBaseInfo) argument = g_callable_info_get_arg (function, i);

      add_argument (&call, argument, variant);
    }

  g_function_info_invoke (function, call.in, call.n_in, call.out, call.n_out, &result, &error);
  for (int i = 0; i < N_TURNS; i++)
    g_main_context_iteration (NULL, FALSE);
}

static void
use_property (GObject    *object,
              GParamSpec *pspec)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, pspec->value_type);
  if (pspec->flags & G_PARAM_READABLE)
    g_object_get_property (object, pspec->name, &value);
  else
    g_param_value_set_default (pspec, &value);

  if ((pspec->flags & G_PARAM_WRITABLE) && !(pspec->flags & G_PARAM_CONSTRUCT_ONLY))
    g_object_set_property (object, pspec->name, &value);
  g_value_unset (&value);
}

static void
prepare_child (void)
{
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_writer_func (g_log_writer_standard_streams, NULL, NULL);
  dup2 (STDERR_FILENO, STDOUT_FILENO);
  alarm (CALL_SECONDS);
}

static void
assert_survived (int         pid,
                 const char *what)
{
  int status = 0;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (WIFSIGNALED (status))
    g_test_message ("%s: ended by signal %d", what, WTERMSIG (status));
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    g_test_fail ();
}

static void
run_function (GType           type,
              GIFunctionInfo *function)
{
  g_autofree char *what = g_strdup_printf ("%s.%s ()", g_type_name (type),
                                           g_base_info_get_name (function));

  if (g_strv_contains (waits, what))
    return;

  for (Variant variant = 0; variant < N_VARIANTS; variant++)
    {
      int pid = fork ();

      g_assert_cmpint (pid, >=, 0);
      if (pid == 0)
        {
          GObject *object;

          prepare_child ();
          object = g_object_new (type, NULL);
          call_function (function, g_object_ref (object), variant);
          g_object_unref (object);
          _exit (0);
        }

      assert_survived (pid, what);
    }
}

static void
run_properties (GType type)
{
  int pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      GObject                *object;
      g_autofree GParamSpec **pspecs = NULL;
      guint                   n_pspecs;

      prepare_child ();
      object = g_object_new (type, NULL);
      pspecs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_pspecs);
      for (guint i = 0; i < n_pspecs; i++)
        use_property (object, pspecs[i]);
      g_object_unref (object);
      _exit (0);
    }

  assert_survived (pid, g_type_name (type));
}

static void
run_methods_of_interface (GType            type,
                          GIInterfaceInfo *info)
{
  for (int i = 0; i < g_interface_info_get_n_methods (info); i++)
    {
      g_autoptr (GIBaseInfo) function = g_interface_info_get_method (info, i);

      if (g_function_info_get_flags (function) & GI_FUNCTION_IS_METHOD)
        run_function (type, function);
    }
}

static void
run_methods (GType         type,
             GIObjectInfo *info)
{
  GIObjectInfo *parent = g_object_info_get_parent (info);

  for (int i = 0; i < g_object_info_get_n_methods (info); i++)
    {
      g_autoptr (GIBaseInfo) function = g_object_info_get_method (info, i);

      if (g_function_info_get_flags (function) & GI_FUNCTION_IS_METHOD)
        run_function (type, function);
    }

  for (int i = 0; i < g_object_info_get_n_interfaces (info); i++)
    {
      g_autoptr (GIBaseInfo) iface = g_object_info_get_interface (info, i);

      if (g_str_equal (g_base_info_get_namespace (iface), "Mp"))
        run_methods_of_interface (type, iface);
    }

  if (parent != NULL && g_str_equal (g_base_info_get_namespace (parent), "Mp"))
    run_methods (type, parent);
  g_clear_pointer (&parent, g_base_info_unref);
}

static void
test_class (gconstpointer data)
{
  GIObjectInfo *info = (GIObjectInfo *) data;
  GType         type = g_registered_type_info_get_g_type (info);

  run_properties (type);
  run_methods (type, info);
}

static void
add_classes (void)
{
  GIRepository *repository = g_irepository_get_default ();

  for (int i = 0; i < g_irepository_get_n_infos (repository, "Mp"); i++)
    {
      GIBaseInfo *info = g_irepository_get_info (repository, "Mp", i);

      if (GI_IS_OBJECT_INFO (info) && !g_object_info_get_abstract (info))
        {
          g_autofree char *path = g_strdup_printf ("/bare/%s", g_base_info_get_name (info));

          g_test_add_data_func_full (path, info, test_class,
                                     (GDestroyNotify) g_base_info_unref);
        }
      else
        g_base_info_unref (info);
    }
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  g_irepository_require (NULL, "Mp", "1.0", 0, &error);
  g_assert_no_error (error);
  add_classes ();

  return g_test_run ();
}
