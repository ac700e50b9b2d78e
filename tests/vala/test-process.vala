/* SPDX-License-Identifier: LGPL-2.1-or-later */

const int64 DEADLINE = 120 * 1000000;

void check (Error e)
{
  error ("%s", e.message);
}

void test_exit_code ()
{
  try {
    var child = new Mp.Process ({ "sh", "-c", "exit 7" });
    assert (!child.alive);
    child.start ();
    child.join (DEADLINE);
    assert (child.exit_code == 7);
  } catch (Error e) {
    check (e);
  }
}

void test_errors ()
{
  try {
    new Mp.Process ({ "/nonexistent/program" }).start ();
    assert_not_reached ();
  } catch (IOError.NOT_FOUND e) {
  } catch (Error e) {
    check (e);
  }

  var child = new Mp.Process ({ "sleep", "1000" });
  try {
    child.start ();
    child.join (0);
    assert_not_reached ();
  } catch (IOError.TIMED_OUT e) {
    child.terminate ();
  } catch (Error e) {
    check (e);
  }

  try {
    child.join (DEADLINE);
    assert (child.exit_code == -15);
  } catch (Error e) {
    check (e);
  }
}

void test_wait_check ()
{
  try {
    var good = new Mp.Process ({ "true" });
    good.start ();
    good.wait_check (DEADLINE);
  } catch (Error e) {
    check (e);
  }

  try {
    var bad = new Mp.Process ({ "sh", "-c", "exit 4" });
    bad.start ();
    bad.wait_check (DEADLINE);
    assert_not_reached ();
  } catch (Error e) {
    assert (e.message.contains ("4"));
  }
}

void test_streams ()
{
  try {
    var child = new Mp.Process ({ "sh", "-c", "echo $VARIABLE; echo two >&2" });
    uint8 buffer[100];
    size_t size;

    child.flags = SubprocessFlags.STDOUT_PIPE | SubprocessFlags.STDERR_MERGE;
    child.environment = { "PATH=/usr/bin:/bin", "VARIABLE=one" };
    child.cwd = "/";
    child.start ();
    child.stdout_pipe.read_all (buffer, out size);
    assert ((string) buffer[0:size] == "one\ntwo\n");
    child.wait_check (DEADLINE);
  } catch (Error e) {
    check (e);
  }
}

void test_stdin ()
{
  try {
    var child = new Mp.Process ({ "tr", "a-z", "A-Z" });
    uint8 buffer[100];
    size_t size;

    child.flags = SubprocessFlags.STDIN_PIPE | SubprocessFlags.STDOUT_PIPE;
    child.start ();
    child.stdin_pipe.write_all ("text".data, out size);
    child.stdin_pipe.close ();
    child.stdout_pipe.read_all (buffer, out size);
    assert ((string) buffer[0:size] == "TEXT");
    child.wait_check (DEADLINE);
  } catch (Error e) {
    check (e);
  }
}

void test_notify ()
{
  try {
    var child = new Mp.Process ({ "sh", "-c", "exit 5" });
    var loop = new MainLoop ();

    child.start ();
    child.notify["alive"].connect (() => { loop.quit (); });
    loop.run ();
    assert (!child.alive && child.exit_code == 5);
  } catch (Error e) {
    check (e);
  }
}

async void kill_and_join (Mp.Process child) throws Error
{
  child.kill ();
  yield child.join_async ();
}

void test_async ()
{
  try {
    var child = new Mp.Process ({ "sleep", "1000" });
    var loop = new MainLoop ();

    child.start ();
    kill_and_join.begin (child, (source, result) => {
      try {
        kill_and_join.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    loop.run ();
    assert (child.exit_code == -9);
  } catch (Error e) {
    check (e);
  }
}

void test_wait ()
{
  try {
    var queue = new Mp.Queue ();
    var child = new Mp.Process ({ "sleep", "1000" });

    child.start ();
    assert (Mp.wait ({ queue, child }, NONE, 0).length == 0);
    queue.put (1);
    Mp.Waitable[] ready = Mp.wait ({ child, queue }, NONE, DEADLINE);
    assert (ready.length == 1 && ready[0] == queue);

    child.kill ();
    child.join ();
    ready = Mp.wait ({ child, queue });
    assert (ready.length == 2 && ready[0] == child);
  } catch (Error e) {
    check (e);
  }
}

async void wait_for_it (Mp.Queue queue) throws Error
{
  Mp.Waitable[] ready = yield Mp.wait_async ({ queue });
  assert (ready.length == 1 && ready[0] == queue);
}

void test_wait_async ()
{
  try {
    var queue = new Mp.Queue ();
    var loop = new MainLoop ();

    wait_for_it.begin (queue, (source, result) => {
      try {
        wait_for_it.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    queue.put (1);
    loop.run ();
  } catch (Error e) {
    check (e);
  }
}

int main (string[] args)
{
  Test.init (ref args);
  Test.add_func ("/vala/process/stdin", test_stdin);
  Test.add_func ("/vala/process/exit-code", test_exit_code);
  Test.add_func ("/vala/process/errors", test_errors);
  Test.add_func ("/vala/process/wait-check", test_wait_check);
  Test.add_func ("/vala/process/streams", test_streams);
  Test.add_func ("/vala/process/notify", test_notify);
  Test.add_func ("/vala/process/async", test_async);
  Test.add_func ("/vala/process/wait", test_wait);
  Test.add_func ("/vala/process/wait-async", test_wait_async);
  return Test.run ();
}
