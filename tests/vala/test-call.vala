/* SPDX-License-Identifier: LGPL-2.1-or-later */

Mp.Connection client;
Mp.Connection server;
Mp.Invocation[] invocations;

void check (Error e)
{
  error ("%s", e.message);
}

void begin () throws Error
{
  invocations = {};
  Mp.pipe (true, out client, out server);
  server.called.connect ((invocation) => { invocations += invocation; });
  server.start ();
}

void wait_for_calls (int n)
{
  while (invocations.length < n)
    MainContext.default ().iteration (true);
}

/* Answers are appended to @order as they come. */
async void call_and_note (int number, Cancellable? cancellable, GenericArray<string> order)
{
  try {
    var answer = yield client.call_async (number, -1, Priority.DEFAULT, cancellable);
    order.add (@"$((int) answer)");
  } catch (Mp.Error.FULL e) {
    order.add (@"full: $(e.message)");
  } catch (IOError.CANCELLED e) {
    order.add ("cancelled");
  } catch (Error e) {
    check (e);
  }
}

void wait_for_answers (GenericArray<string> order, int n)
{
  while (order.length < n)
    MainContext.default ().iteration (true);
}

void test_out_of_order ()
{
  try {
    var order = new GenericArray<string> ();

    begin ();
    call_and_note.begin (1, null, order);
    call_and_note.begin (2, null, order);
    wait_for_calls (2);
    invocations[1].return_value (20);
    wait_for_answers (order, 1);
    invocations[0].return_value (10);
    wait_for_answers (order, 2);
    assert (order[0] == "20" && order[1] == "10");
  } catch (Error e) {
    check (e);
  }
}

void test_cancel ()
{
  try {
    var order = new GenericArray<string> ();
    var cancellable = new Cancellable ();

    begin ();
    call_and_note.begin (1, cancellable, order);
    wait_for_calls (1);
    assert (!invocations[0].get_cancellable ().is_cancelled ());
    cancellable.cancel ();
    wait_for_answers (order, 1);
    assert (order[0] == "cancelled");
    while (!invocations[0].get_cancellable ().is_cancelled ())
      MainContext.default ().iteration (true);
    invocations[0].return_value (1);
  } catch (Error e) {
    check (e);
  }
}

void test_error ()
{
  try {
    var order = new GenericArray<string> ();

    begin ();
    call_and_note.begin (1, null, order);
    wait_for_calls (1);
    invocations[0].return_error (new Mp.Error.FULL ("no room"));
    wait_for_answers (order, 1);
    assert (order[0] == "full: no room");
  } catch (Error e) {
    check (e);
  }
}

async void call_peer (Mp.Connection peer, MainLoop loop)
{
  try {
    var answer = yield peer.call_async ("echo");
    assert ((string) answer == "echo");
    loop.quit ();
  } catch (Error e) {
    check (e);
  }
}

async void be_refused (Mp.Connection peer)
{
  try {
    yield peer.call_async ("refuse");
    assert_not_reached ();
  } catch (IOError.EXISTS e) {
    assert (e.message == "no");
  } catch (Error e) {
    check (e);
  }
}

/* A program that uses only multiprocessing makes and answers calls. */
void test_plain_python ()
{
  string script = Path.build_filename (Environment.get_variable ("G_TEST_SRCDIR"), "connection", "plain-calls.py");

  try {
    var listener = new Mp.Listener ("unix:");
    var loop = new MainLoop ();
    var peer = new Mp.Process ({ "python3", script, listener.address.substring ("unix:".length) });

    peer.start ();
    var connection = listener.accept ();
    connection.format = Mp.Format.PICKLE;
    connection.called.connect ((invocation) => {
      try {
        invocation.return_value (invocation.get_value ());
      } catch (Error e) {
        check (e);
      }
    });
    connection.start ();
    call_peer.begin (connection, loop);
    be_refused.begin (connection);
    loop.run ();
    peer.wait_check ();
  } catch (Error e) {
    check (e);
  }
}

int main (string[] args)
{
  Test.init (ref args);
  Test.add_func ("/vala/call/out-of-order", test_out_of_order);
  Test.add_func ("/vala/call/cancel", test_cancel);
  Test.add_func ("/vala/call/error", test_error);
  Test.add_func ("/vala/call/plain-python", test_plain_python);
  return Test.run ();
}
