/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test-pipe-end.h"

/* A derived class without additions, like those of scripting languages. */
typedef TestPipeEnd      ScriptEnd;
typedef TestPipeEndClass ScriptEndClass;
GType                    script_end_get_type (void);
G_DEFINE_TYPE (ScriptEnd, script_end, TEST_TYPE_PIPE_END)

static void
script_end_class_init (ScriptEndClass *klass)
{
}

static void
script_end_init (ScriptEnd *self)
{
}

/* A class that can be described, but not opened. */
typedef GObject      OneWay;
typedef GObjectClass OneWayClass;
GType                one_way_get_type (void);

static GVariant *
one_way_describe (MpShareable *shareable,
                  GUnixFDList *descriptors,
                  GError     **error)
{
  return g_variant_new ("s", "nothing");
}

static void
one_way_shareable_init (MpShareableInterface *iface)
{
  iface->describe = one_way_describe;
}

G_DEFINE_TYPE_WITH_CODE (OneWay,
                         one_way,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (MP_TYPE_SHAREABLE, one_way_shareable_init))

static void
one_way_class_init (OneWayClass *klass)
{
}

static void
one_way_init (OneWay *self)
{
}

static TestPipeEnd *
make_end (int *other)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_unix_open_pipe (fds, FD_CLOEXEC, &error);
  g_assert_no_error (error);
  *other = fds[1];
  return test_pipe_end_new (fds[0], 42);
}

static void
test_there_and_back (void)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GError) error = NULL;
  MpShareable *copy;
  TestPipeEnd *end;
  char         byte = 0;
  int          other;

  end = make_end (&other);
  description = mp_shareable_describe (MP_SHAREABLE (end), fds, &error);
  g_assert_no_error (error);
  g_assert_false (g_variant_is_floating (description));
  g_assert_cmpint (g_unix_fd_list_get_length (fds), ==, 1);
  g_assert_finalize_object (end);

  copy = mp_shareable_open (description, fds, &error);
  g_assert_no_error (error);
  g_assert_true (G_OBJECT_TYPE (copy) == TEST_TYPE_PIPE_END);
  g_assert_cmpuint (test_pipe_end_get_number (TEST_PIPE_END (copy)), ==, 42);

  g_assert_cmpint (write (other, "x", 1), ==, 1);
  g_assert_cmpint (read (test_pipe_end_get_fd (TEST_PIPE_END (copy)), &byte, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'x');

  g_assert_finalize_object (copy);
  close (other);
}

static void
test_derived (void)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GVariant) forged = NULL;
  g_autoptr (GVariant) inner = NULL;
  g_autoptr (GError) error = NULL;
  TestPipeEnd *end = g_object_new (script_end_get_type (), NULL);
  MpShareable *copy;

  test_pipe_end_take_fd (end, eventfd (0, EFD_CLOEXEC), 1);
  description = mp_shareable_describe (MP_SHAREABLE (end), fds, &error);
  g_assert_no_error (error);
  copy = mp_shareable_open (description, fds, &error);
  g_assert_no_error (error);
  g_assert_true (G_OBJECT_TYPE (copy) == TEST_TYPE_PIPE_END);

  /* An untrusted description cannot choose a class of the program. */
  g_variant_get (description, "(sv)", NULL, &inner);
  forged = g_variant_ref_sink (g_variant_new ("(sv)", "ScriptEnd", inner));
  g_assert_null (mp_shareable_open (forged, fds, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);

  g_assert_finalize_object (copy);
  g_assert_finalize_object (end);
}

static void
test_describe_fails (void)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;
  TestPipeEnd *end = test_pipe_end_new (-1, 0);

  g_assert_null (mp_shareable_describe (MP_SHAREABLE (end), fds, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_CLOSED);
  g_assert_finalize_object (end);
}

static void
assert_refused (GVariant *description,
                MpError   code)
{
  g_autoptr (GVariant) held = g_variant_ref_sink (description);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;

  g_assert_null (mp_shareable_open (held, fds, &error));
  g_assert_error (error, MP_ERROR, (int) code);
  g_assert_cmpuint (strlen (error->message), <, 400);
}

static void
test_strange_descriptions (void)
{
  g_autofree char   *long_name = g_strnfill (100000, 'M');
  g_autofree guint8 *bytes = g_memdup2 ("MpQueue\0x\0i\377\377\377", 14);
  GVariant          *damaged;

  damaged = g_variant_new_from_data (G_VARIANT_TYPE ("(sv)"), bytes, 14, FALSE, NULL, NULL);
  assert_refused (damaged, MP_ERROR_INVALID_MESSAGE);
  assert_refused (g_variant_new ("s", "TestPipeEnd"), MP_ERROR_INVALID_MESSAGE);
  assert_refused (g_variant_new ("(sv)", long_name, g_variant_new_int32 (1)),
                  MP_ERROR_INVALID_MESSAGE);

  assert_refused (g_variant_new_parsed ("('NoSuchThing', <1>)"), MP_ERROR_UNSUPPORTED);
  assert_refused (g_variant_new_parsed ("('', <1>)"), MP_ERROR_UNSUPPORTED);
  assert_refused (g_variant_new_parsed ("('GObject', <1>)"), MP_ERROR_UNSUPPORTED);
  assert_refused (g_variant_new_parsed ("('gint', <1>)"), MP_ERROR_UNSUPPORTED);
  assert_refused (g_variant_new_parsed ("('MpShareable', <1>)"), MP_ERROR_UNSUPPORTED);

  assert_refused (g_variant_new_parsed ("('TestPipeEnd', <1>)"), MP_ERROR_INVALID_MESSAGE);
  assert_refused (g_variant_new_parsed ("('TestPipeEnd', <(handle 0, uint32 1)>)"),
                  MP_ERROR_INVALID_MESSAGE);
}

static void
test_one_way (void)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GVariant) description = NULL;
  g_autoptr (GError) error = NULL;
  GObject *object = g_object_new (one_way_get_type (), NULL);

  description = mp_shareable_describe (MP_SHAREABLE (object), fds, &error);
  g_assert_no_error (error);
  g_assert_null (mp_shareable_open (description, fds, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_finalize_object (object);
}

/* A class that implements nothing, as one of a scripting language may. */
typedef GObject      Nothing;
typedef GObjectClass NothingClass;
GType                nothing_get_type (void);
G_DEFINE_TYPE_WITH_CODE (Nothing,
                         nothing,
                         G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (MP_TYPE_SHAREABLE, NULL))

static void
nothing_class_init (NothingClass *klass)
{
}

static void
nothing_init (Nothing *self)
{
}

static void
test_nothing (void)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;
  GObject *object = g_object_new (nothing_get_type (), NULL);

  g_assert_null (mp_shareable_describe (MP_SHAREABLE (object), fds, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_UNSUPPORTED);
  g_assert_finalize_object (object);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_type_ensure (TEST_TYPE_PIPE_END);

  g_test_add_func ("/shareable/there-and-back", test_there_and_back);
  g_test_add_func ("/shareable/derived", test_derived);
  g_test_add_func ("/shareable/describe-fails", test_describe_fails);
  g_test_add_func ("/shareable/strange-descriptions", test_strange_descriptions);
  g_test_add_func ("/shareable/one-way", test_one_way);
  g_test_add_func ("/shareable/nothing", test_nothing);

  return g_test_run ();
}
