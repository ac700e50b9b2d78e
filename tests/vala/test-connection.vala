/* SPDX-License-Identifier: LGPL-2.1-or-later */

const int64 DEADLINE = 120 * 1000000;

string program;

void check (Error e)
{
  error ("%s", e.message);
}

void test_both_ways ()
{
  try {
    Mp.Connection first, second;
    Mp.pipe (true, out first, out second);

    first.send (new Variant ("(si)", "answer", 42));
    assert (second.poll ());
    assert (second.recv ().print (false) == "('answer', 42)");
    second.send_data ({ 1, 2 });
    assert (first.recv_bytes ().get_size () == 2);
    second.send_json ("[1]");
    assert (first.recv_json () == "[1]");
    assert (first.try_recv () == null);
  } catch (Error e) {
    check (e);
  }
}

void test_errors ()
{
  Mp.Connection? reader = null;
  Mp.Connection? writer = null;

  try {
    Mp.pipe (false, out reader, out writer);
    assert (reader.readable && !reader.writable);
  } catch (Error e) {
    check (e);
  }

  try {
    reader.send (1);
    assert_not_reached ();
  } catch (Mp.Error.NOT_WRITABLE e) {
  } catch (Error e) {
    check (e);
  }

  try {
    reader.recv (0);
    assert_not_reached ();
  } catch (IOError.TIMED_OUT e) {
  } catch (Error e) {
    check (e);
  }

  try {
    writer.close ();
    assert (writer.get_closed ());
    reader.recv (DEADLINE);
    assert_not_reached ();
  } catch (Mp.Error.END_OF_STREAM e) {
  } catch (Error e) {
    check (e);
  }
}

async void answer (Mp.Connection connection) throws Error
{
  string question = (string) (yield connection.recv_async ());
  yield connection.send_async (question + "!");
  yield connection.send_bytes_async (new Bytes ({ 1 }));
}

async void ask (Mp.Connection connection) throws Error
{
  yield connection.send_async ("so");
  assert ((string) (yield connection.recv_async ()) == "so!");
  assert ((yield connection.recv_bytes_async ()).get_size () == 1);
  yield connection.close_async ();
}

void test_async ()
{
  try {
    Mp.Connection first, second;
    var loop = new MainLoop ();

    Mp.pipe (true, out first, out second);
    answer.begin (second);
    ask.begin (first, (source, result) => {
      try {
        ask.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    loop.run ();
  } catch (Error e) {
    check (e);
  }
}

async int call_twice (Mp.Connection connection) throws Error
{
  var first = yield connection.call_async (new Variant.int32 (20));
  var second = yield connection.call_async (first);
  return second.get_int32 ();
}

void test_calls ()
{
  try {
    Mp.Connection first, second;
    var loop = new MainLoop ();
    int result = 0;

    Mp.pipe (true, out first, out second);
    second.called.connect ((invocation) => {
      try {
        invocation.return_value (new Variant.int32 (invocation.get_value ().get_int32 () + 1));
      } catch (Error e) {
        check (e);
      }
    });
    second.start ();
    call_twice.begin (first, (object, answer) => {
      try {
        result = call_twice.end (answer);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    loop.run ();
    assert (result == 22);
  } catch (Error e) {
    check (e);
  }
}

void test_nullable ()
{
  try {
    Mp.Connection first, second;
    Mp.pipe (true, out first, out second);
    string? address = first.peer_address;
    assert (address == null);
    var connector = new Mp.Connector ("unix:/nowhere");
    GLib.Bytes? key = connector.auth_key;
    connector.auth_key = null;
    assert (key == null && connector.tls_database == null);
  } catch (Error e) {
    check (e);
  }
}

void test_signals ()
{
  try {
    Mp.Connection first, second;
    var loop = new MainLoop ();
    int n_messages = 0;

    Mp.pipe (true, out first, out second);
    second.message.connect (() => n_messages++);
    second.closed.connect ((reason) => {
      assert (second.get_closed () && reason is Mp.Error.END_OF_STREAM);
      loop.quit ();
    });
    second.start ();
    first.send (1);
    first.send (2);
    first.close ();
    loop.run ();
    assert (n_messages == 2);
  } catch (Error e) {
    check (e);
  }
}

async void serve (Mp.Listener listener) throws Error
{
  Mp.Connection connection = yield listener.accept_async ();
  yield connection.send_async ("welcome");
}

async void visit (string address, Bytes key) throws Error
{
  Mp.Connection connection = yield Mp.connect_async (address, key);
  assert ((string) (yield connection.recv_async ()) == "welcome");
}

void test_listener ()
{
  try {
    var key = new Bytes ("secret".data);
    var listener = new Mp.Listener ("unix:", key);
    var loop = new MainLoop ();

    serve.begin (listener);
    visit.begin (listener.address, key, (source, result) => {
      try {
        visit.end (result);
      } catch (Error e) {
        check (e);
      }
      loop.quit ();
    });
    loop.run ();
    listener.close ();
  } catch (Error e) {
    check (e);
  }
}

/* The function of the child: sends back all messages. */
int echo ()
{
  try {
    var connection = (Mp.Connection) Mp.inherit ("connection");
    foreach (var value in connection)
      connection.send (value);
    return 0;
  } catch (Error e) {
    return 1;
  }
}

void test_process ()
{
  try {
    Mp.Connection mine, theirs;
    var child = new Mp.Process ({ program, "echo" });

    Mp.pipe (true, out mine, out theirs);
    child.die_with_parent = true;
    child.give ("connection", theirs);
    child.start ();
    for (int i = 0; i < 10; i++) {
      mine.send (i);
      assert ((int) mine.recv (DEADLINE) == i);
    }
    mine.close ();
    child.join (DEADLINE);
    assert (child.exit_code == 0);
  } catch (Error e) {
    check (e);
  }
}

int main (string[] args)
{
  program = args[0];
  if (args.length > 1 && args[1] == "echo")
    return echo ();

  Test.init (ref args);
  Test.add_func ("/vala/connection/both-ways", test_both_ways);
  Test.add_func ("/vala/connection/errors", test_errors);
  Test.add_func ("/vala/connection/async", test_async);
  Test.add_func ("/vala/connection/signals", test_signals);
  Test.add_func ("/vala/connection/nullable", test_nullable);
  Test.add_func ("/vala/connection/calls", test_calls);
  Test.add_func ("/vala/connection/listener", test_listener);
  Test.add_func ("/vala/connection/process", test_process);
  return Test.run ();
}
