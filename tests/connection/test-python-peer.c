/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <mproc-glib/mproc-glib.h>

#include <string.h>
#include <unistd.h>

/* Communication with an unmodified Python program: see python-peer.py.  The environment variable
 * MP_TEST_PYTHON selects another Python than the system's. */

#define PYTHON               "/usr/bin/python3"
#define KEY                  "secret_key"
#define TIMEOUT              (60 * G_USEC_PER_SEC)
#define LARGEST              (32 * 1024 * 1024)
#define AUTHENTICATION_ERROR 3

typedef struct
{
  const char *name;
  gboolean    python_listens;
  const char *address;
  const char *key;
  MpFormat    format;
} Conversation;

static const char *
get_python (void)
{
  const char *wanted = g_getenv ("MP_TEST_PYTHON");

  return wanted != NULL ? wanted : PYTHON;
}

static GSubprocess *
start_python (const char *role,
              const char *address,
              const char *key,
              MpFormat    format)
{
  g_autofree char *program =
    g_test_build_filename (G_TEST_DIST, "connection", "python-peer.py", NULL);
  g_autoptr (GSubprocessLauncher) launcher =
    g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr (GError) error = NULL;
  GSubprocess *python;

  /* For each piece of a message, Python allocates memory for all of its rest; filling that memory
   * each time, as in the tests in C, takes minutes. */
  g_subprocess_launcher_unsetenv (launcher, "MALLOC_PERTURB_");
  python = g_subprocess_launcher_spawn (launcher, &error, get_python (), program, role, address,
                                        key != NULL ? key : "-",
                                        format == MP_FORMAT_BYTES ? "bytes" : "objects", NULL);
  g_assert_no_error (error);
  return python;
}

static GBytes *
make_key (const char *key)
{
  return key != NULL ? g_bytes_new (key, strlen (key)) : NULL;
}

/* Returns the address at which the Python program listens. */
static char *
read_address (GSubprocess *python)
{
  g_autoptr (GDataInputStream) lines =
    g_data_input_stream_new (g_subprocess_get_stdout_pipe (python));
  g_autoptr (GError) error = NULL;
  char *address = g_data_input_stream_read_line_utf8 (lines, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (address);
  return address;
}

static MpConnection *
connect_to_python (const Conversation *conversation,
                   const char         *wanted,
                   const char         *python_key,
                   GSubprocess       **python,
                   GError            **error)
{
  g_autoptr (GBytes) key = make_key (conversation->key);
  g_autoptr (MpConnector) connector = NULL;
  g_autofree char *address = NULL;

  *python = start_python ("listen", wanted, python_key, conversation->format);
  address = read_address (*python);
  connector = mp_connector_new (address, key);
  g_object_set (connector, "legacy-digests", TRUE, NULL);
  return mp_connector_open (connector, TIMEOUT, NULL, error);
}

static MpListener *
make_listener (const Conversation *conversation,
               const char         *address)
{
  g_autoptr (GBytes) key = make_key (conversation->key);
  g_autoptr (GError) error = NULL;
  MpListener *listener = g_object_new (MP_TYPE_LISTENER, "address", address, "auth-key", key,
                                       "legacy-digests", TRUE, NULL);

  mp_listener_listen (listener, &error);
  g_assert_no_error (error);
  return listener;
}

static MpConnection *
accept_python (const Conversation *conversation,
               const char         *wanted,
               GSubprocess       **python)
{
  g_autoptr (MpListener) listener = make_listener (conversation, wanted);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GError) error = NULL;
  MpConnection *connection;

  *python = start_python ("connect", address, conversation->key, conversation->format);
  connection = mp_listener_accept (listener, TIMEOUT, NULL, &error);
  g_assert_no_error (error);
  return connection;
}

static void
exchange_bytes (MpConnection *connection,
                gboolean      largest)
{
  const gsize sizes[] = {
    0,
    1,
    100,
    16383,
    16384,
    16385,
    65536,
    1024 * 1024,
    largest ? LARGEST : 1024 * 1024 + 1,
  };
  g_autofree guint8 *bytes = g_malloc (LARGEST);
  g_autofree guint8 *back = g_malloc (LARGEST);

  for (gsize i = 0; i < LARGEST; i++)
    bytes[i] = (guint8) (i * 7 + i / 251);

  for (gsize i = 0; i < G_N_ELEMENTS (sizes) + 20; i++)
    {
      gsize size = i < G_N_ELEMENTS (sizes) ? sizes[i] : (gsize) g_test_rand_int_range (0, 100000);
      g_autoptr (GError) error = NULL;
      gssize n;

      mp_connection_send_data (connection, bytes, size, TIMEOUT, NULL, &error);
      g_assert_no_error (error);
      n = mp_connection_recv_into (connection, back, LARGEST, 0, TIMEOUT, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpmem (back, n, bytes, size);
    }
}

static void
exchange_objects (MpConnection *connection)
{
  static const char *const values[] = {
    "'text'",
    "'\\u20ac'",
    "true",
    "int64 -5",
    "2.5",
    "@mv nothing",
    "b'bytes'",
    "{'a': <int64 1>, 'b': <[<'x'>, <2.5>, <{'deep': <false>}>]>}",
    "@av []",
    "(<int64 1>, <'two'>)",
    "uint64 18446744073709551615",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = g_variant_parse (NULL, values[i], NULL, NULL, &error);
      g_autoptr (GVariant) back = NULL;

      g_assert_no_error (error);
      mp_connection_send (connection, value, TIMEOUT, NULL, &error);
      g_assert_no_error (error);
      back = mp_connection_recv (connection, TIMEOUT, NULL, &error);
      g_assert_no_error (error);
      g_assert_cmpvariant (back, value);
    }
}

static void
test_conversation (gconstpointer data)
{
  const Conversation *conversation = data;
  g_autofree char    *directory = g_dir_make_tmp ("mproc-test-XXXXXX", NULL);
  g_autofree char    *path = g_build_filename (directory, "s", NULL);
  g_autofree char    *address = g_strdup_printf (conversation->address, path);
  g_autoptr (GSubprocess) python = NULL;
  g_autoptr (GError) error = NULL;
  MpConnection *connection;

  connection = conversation->python_listens
                 ? connect_to_python (conversation, address, conversation->key, &python, &error)
                 : accept_python (conversation, address, &python);
  g_assert_no_error (error);
  mp_connection_set_format (connection, conversation->format);

  if (conversation->format == MP_FORMAT_BYTES)
    exchange_bytes (connection, conversation->key == NULL);
  else
    exchange_objects (connection);

  g_assert_finalize_object (connection);
  g_assert_true (g_subprocess_wait_check (python, NULL, &error));
  g_assert_no_error (error);
  g_assert_no_errno (rmdir (directory));
}

static void
assert_refused (GSubprocess *python)
{
  g_assert_true (g_subprocess_wait (python, NULL, NULL));
  g_assert_true (g_subprocess_get_if_exited (python));
  g_assert_cmpint (g_subprocess_get_exit_status (python), ==, AUTHENTICATION_ERROR);
}

static void
test_wrong_key_of_listener (void)
{
  static const Conversation conversation = { NULL, TRUE, NULL, "another key", MP_FORMAT_BYTES };
  g_autoptr (GSubprocess) python = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (connect_to_python (&conversation, "tcp:127.0.0.1:0", KEY, &python, &error));
  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  assert_refused (python);
}

static void
test_wrong_key_of_client (void)
{
  static const Conversation conversation = { NULL, FALSE, NULL, KEY, MP_FORMAT_BYTES };
  g_autoptr (MpListener) listener = make_listener (&conversation, "unix:");
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GSubprocess) python =
    start_python ("connect", address, "another key", MP_FORMAT_BYTES);

  while (g_subprocess_get_identifier (python) != NULL)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (mp_listener_accept (listener, 10000, NULL, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      g_main_context_iteration (NULL, FALSE);
    }
  assert_refused (python);
}

static void
failed_cb (MpListener *listener,
           const char *address,
           GError     *error,
           gpointer    user_data)
{
  g_assert_error (error, MP_ERROR, MP_ERROR_AUTHENTICATION_FAILED);
  g_free (*(char **) user_data);
  *(char **) user_data = g_strdup (error->message);
}

/* Python before 3.12 supports only MD5, and is refused unless MD5 was allowed. */
static void
test_legacy_refused (void)
{
  g_autoptr (GBytes) key = make_key (KEY);
  g_autoptr (MpListener) listener = mp_listener_new ("unix:", key, NULL);
  g_autofree char *address = mp_listener_get_address (listener);
  g_autoptr (GSubprocess) python = start_python ("connect", address, KEY, MP_FORMAT_BYTES);
  g_autofree char *said = NULL;
  g_autoptr (MpConnection) accepted = NULL;

  g_signal_connect (listener, "handshake-failed", G_CALLBACK (failed_cb), &said);
  while (said == NULL && accepted == NULL)
    accepted = mp_listener_accept (listener, 10000, NULL, NULL);

  if (accepted != NULL)
    {
      g_test_message ("this Python knows the modern handshake");
      g_clear_object (&accepted);
      g_assert_true (g_subprocess_wait_check (python, NULL, NULL));
      return;
    }
  g_assert_nonnull (strstr (said, "MD5"));
  assert_refused (python);
}

static const struct
{
  const char *name;
  const char *address;
} addresses[] = {
  { "unix", "unix:%s" },
  { "abstract", "unix-abstract:%s" },
  { "tcp", "tcp:127.0.0.1:0" },
};

int
main (int    argc,
      char **argv)
{
  static Conversation conversations[24];
  g_autofree char    *python = NULL;
  guint               n = 0;

  g_test_init (&argc, &argv, NULL);

  python = g_find_program_in_path (get_python ());
  if (python == NULL)
    {
      g_print ("1..0 # SKIP there is no %s\n", get_python ());
      return 0;
    }

  for (guint a = 0; a < G_N_ELEMENTS (addresses); a++)
    for (guint bits = 0; bits < 8; bits++)
      {
        Conversation    *conversation = &conversations[n++];
        g_autofree char *path = NULL;

        conversation->python_listens = (bits & 1) != 0;
        conversation->key = (bits & 2) != 0 ? KEY : NULL;
        conversation->format = (bits & 4) != 0 ? MP_FORMAT_BYTES : MP_FORMAT_PICKLE;
        conversation->address = addresses[a].address;
        path = g_strdup_printf ("/python-peer/%s/%s/%s/%s", addresses[a].name,
                                conversation->python_listens ? "listener" : "client",
                                conversation->key != NULL ? "key" : "no-key",
                                conversation->format == MP_FORMAT_BYTES ? "bytes" : "objects");
        g_test_add_data_func (path, conversation, test_conversation);
      }

  g_test_add_func ("/python-peer/wrong-key/listener", test_wrong_key_of_listener);
  g_test_add_func ("/python-peer/wrong-key/client", test_wrong_key_of_client);
  g_test_add_func ("/python-peer/legacy-refused", test_legacy_refused);

  return g_test_run ();
}
