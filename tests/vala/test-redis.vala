/* SPDX-License-Identifier: LGPL-2.1-or-later */

const int64 DEADLINE = 120 * 1000000;
const string NOWHERE = "redis+unix:///nowhere/at/all?name=q&timeout=0.1";

void check (Error e)
{
  error ("%s", e.message);
}

/* A server on a socket in a temporary folder. */
class Server
{
  public string uri;

  string folder;
  Mp.Process process;

  public Server (string program) throws Error
  {
    folder = DirUtils.make_tmp ("mproc-redis-XXXXXX");
    string socket = Path.build_filename (folder, "socket");
    process = new Mp.Process ({ program, "--port", "0", "--unixsocket", socket, "--dir", folder,
                                "--save", "", "--logfile", "log" }) { die_with_parent = true };
    process.start ();
    /* To open a queue waits until the server is there. */
    uri = @"redis+unix://$socket?name=q&timeout=30";
  }

  public void kill () throws Error
  {
    process.kill ();
    process.join (-1);
  }

  public void remove () throws Error
  {
    kill ();
    var dir = Dir.open (folder);
    unowned string? name;
    while ((name = dir.read_name ()) != null)
      FileUtils.unlink (Path.build_filename (folder, name));
    DirUtils.remove (folder);
  }
}

/* NULL, and the test is skipped, if there is none. */
Server? start_server () throws Error
{
  string? program = Environment.find_program_in_path ("redis-server")
                    ?? Environment.find_program_in_path ("valkey-server");

  if (program == null) {
    Test.skip ("there is no redis-server");
    return null;
  }
  if (!is_built_in ()) {
    Test.skip ("the library was built without hiredis");
    return null;
  }
  return new Server (program);
}

bool is_built_in ()
{
  try {
    Mp.Queue.open (NOWHERE);
  } catch (Error e) {
    return !(e is Mp.Error.UNSUPPORTED);
  }
  return true;
}

void test_values ()
{
  try {
    Server? server = start_server ();
    if (server == null)
      return;

    var queue = Mp.Queue.open (server.uri);
    var other = Mp.Queue.open (server.uri);
    queue.put (42);
    queue.put (string.nfill (100000, 'x'));
    queue.put (new Variant ("(sd)", "pair", 0.5));
    assert (other.size == 3);
    assert ((int) other.get (DEADLINE) == 42);
    assert (((string) other.get (DEADLINE)).length == 100000);
    assert (other.get (DEADLINE).print (true) == "('pair', 0.5)");
    assert (other.try_get () == null);
    server.remove ();
  } catch (Error e) {
    check (e);
  }
}

void test_joinable ()
{
  try {
    Server? server = start_server ();
    if (server == null)
      return;

    var queue = Mp.JoinableQueue.open (server.uri);
    queue.put ("first");
    queue.put ("second");
    queue.get_task (DEADLINE).retry ();
    Mp.Task task = queue.get_task (DEADLINE);
    assert ((string) task.message.get_variant () == "first");
    assert (task.delivery_count == 2);
    task.done ();
    assert (queue.unfinished == 1);
    assert ((string) queue.get (DEADLINE) == "second");
    queue.task_done ();
    queue.join (DEADLINE);

    try {
      task.done ();
      assert_not_reached ();
    } catch (Mp.Error.STALE e) {
    }
    server.remove ();
  } catch (Error e) {
    check (e);
  }
}

async void take_two (Mp.JoinableQueue queue) throws Error
{
  assert ((string) (yield queue.get_async ()) == "first");
  yield queue.put_async ("second");
  assert ((string) (yield queue.get_async ()) == "second");
  queue.task_done ();
  queue.task_done ();
  yield queue.join_async (Priority.DEFAULT, null);
}

async void finish_later (Mp.JoinableQueue queue) throws Error
{
  var messages = new GenericArray<Mp.Message> ();
  uint n_put;

  for (int i = 0; i < 6; i++)
    messages.add (new Mp.Message.variant (new Variant.int32 (i)));
  assert (yield queue.put_many_async (messages, Priority.DEFAULT, null, out n_put));
  assert (n_put == 6);
  GenericArray<Mp.Message> got = yield queue.get_many_async (1);
  assert (got.length == 1);
  yield queue.task_done_async ();
  Mp.Task[] tasks = yield queue.get_tasks_async (3);
  assert (tasks.length == 3);
  yield tasks[0].retry_async ();
  yield tasks[1].done_async ();
  yield queue.finish_tasks_async ({ tasks[2] });
  assert ((yield queue.clear_async ()) == 3);
  yield queue.shutdown_async ();
}

void test_later ()
{
  try {
    Server? server = start_server ();
    if (server == null)
      return;

    var queue = Mp.JoinableQueue.open (server.uri);
    var loop = new MainLoop ();
    assert (queue.uri.has_prefix ("redis+unix:"));
    finish_later.begin (queue, (object, result) => {
      try {
        finish_later.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    loop.run ();
    server.remove ();
  } catch (Error e) {
    check (e);
  }
}

void test_async ()
{
  try {
    Server? server = start_server ();
    if (server == null)
      return;

    var queue = Mp.JoinableQueue.open (server.uri);
    var other = Mp.Queue.open (server.uri);
    var loop = new MainLoop ();
    take_two.begin (queue, (object, result) => {
      try {
        take_two.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    other.put ("first");
    loop.run ();
    server.remove ();
  } catch (Error e) {
    check (e);
  }
}

void test_errors ()
{
  try {
    Server? server = start_server ();
    if (server == null)
      return;

    var queue = Mp.Queue.open (server.uri + "&max-size=1");
    queue.put (1);
    try {
      queue.put (2, 1000);
      assert_not_reached ();
    } catch (Mp.Error.FULL e) {
    }
    try {
      Mp.JoinableQueue.open (server.uri);
      assert_not_reached ();
    } catch (IOError.EXISTS e) {
    }
    server.kill ();
    try {
      queue.get (1000000);
      assert_not_reached ();
    } catch (IOError e) {
    }
    server.remove ();
  } catch (Error e) {
    check (e);
  }
}

void test_no_server ()
{
  if (!is_built_in ()) {
    Test.skip ("the library was built without hiredis");
    return;
  }
  try {
    Mp.Queue.open (NOWHERE);
    assert_not_reached ();
  } catch (IOError.NOT_FOUND e) {
  } catch (Error e) {
    check (e);
  }
}

int main (string[] args)
{
  Test.init (ref args);
  Test.add_func ("/vala/redis/values", test_values);
  Test.add_func ("/vala/redis/joinable", test_joinable);
  Test.add_func ("/vala/redis/async", test_async);
  Test.add_func ("/vala/redis/later", test_later);
  Test.add_func ("/vala/redis/errors", test_errors);
  Test.add_func ("/vala/redis/no-server", test_no_server);
  return Test.run ();
}
