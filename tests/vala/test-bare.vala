/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects created without the properties that their constructors set. */

T make<T> ()
{
  return (T) Object.@new (typeof (T));
}

delegate void Call () throws Error;

void assert_fails (Call call)
{
  try {
    call ();
    assert_not_reached ();
  } catch (Error e) {
    assert (e.message != "");
  }
}

void test_task ()
{
  var task = make<Mp.Task> ();

  assert (task.message == null);
  assert (task.delivery_count == 0);
  assert_fails (() => { task.done (); });
  assert_fails (() => { task.retry (); });
  assert_fails (() => { task.set_progress (0.5, "text"); });
}

void test_connection ()
{
  var connection = make<Mp.Connection> ();

  assert_fails (() => { connection.send (new Variant.string ("value"), 0); });
  assert_fails (() => { connection.recv (0); });
  assert_fails (() => { connection.send_bytes (new Bytes ("bytes".data), 0); });
  assert_fails (() => { connection.recv_bytes (0); });
  assert_fails (() => { Mp.wait ({ connection }, 0, 0); });
  assert_fails (() => { connection.describe (new UnixFDList ()); });
}

void test_calls ()
{
  var invocation = make<Mp.Invocation> ();

  assert (invocation.get_connection () == null && invocation.get_cancellable () == null);
  assert_fails (() => { invocation.get_message (); });
  assert_fails (() => { invocation.get_value (); });
  invocation.return_value (1);
  invocation.return_error (new Mp.Error.FULL ("no room"));
  assert_fails (() => { make<Mp.Connection> ().call (1, 0); });
}

void test_listener ()
{
  var listener = make<Mp.Listener> ();

  assert_fails (() => { listener.accept (0); });
}

void test_connector ()
{
  assert_fails (() => { make<Mp.Connector> ().open (0); });
}

void test_process ()
{
  var process = make<Mp.Process> ();

  assert (process.argv == null && process.pid == 0 && !process.alive);
  process.terminate ();
  process.kill ();
  assert_fails (() => { process.start (); });
  assert_fails (() => { process.join (0); });
  assert_fails (() => { process.wait_check (0); });
  assert_fails (() => { Mp.wait ({ process }, 0, 0); });
}

/* Queues need no properties: those created in this way work normally. */
void test_queues ()
{
  try {
    Mp.Queue[] queues = { make<Mp.Queue> (), make<Mp.JoinableQueue> () };

    foreach (var queue in queues) {
      assert_fails (() => { queue.get (0); });
      queue.put (1, 0);
      assert ((int) queue.get (0) == 1);
    }

    var simple = make<Mp.SimpleQueue> ();
    assert (simple.is_empty ());
    simple.put (1);
    assert ((int) simple.get () == 1);
  } catch (Error e) {
    error ("%s", e.message);
  }
}

int main (string[] args)
{
  Test.init (ref args);
  Test.add_func ("/vala/bare/task", test_task);
  Test.add_func ("/vala/bare/connection", test_connection);
  Test.add_func ("/vala/bare/calls", test_calls);
  Test.add_func ("/vala/bare/listener", test_listener);
  Test.add_func ("/vala/bare/connector", test_connector);
  Test.add_func ("/vala/bare/process", test_process);
  Test.add_func ("/vala/bare/queues", test_queues);
  return Test.run ();
}
