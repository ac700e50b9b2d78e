/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls every function with only its required arguments. */

void check (Error e)
{
  error ("%s", e.message);
}

void test_queue ()
{
  try {
    var queue = new Mp.Queue ();
    var buffer = new uint8[8];
    Mp.Format format;

    queue.put (1);
    queue.put_bytes (new Bytes ({ 2 }));
    queue.put_data ({ 3 });
    queue.put_json ("4");
    queue.put_payload (Mp.Format.PICKLE, { 0x80, 4, 'K', 5, '.' });
    queue.put_message (new Mp.Message.variant (6));
    queue.put_data ({ 7 });
    queue.wait (READABLE);
    queue.flush ();

    assert ((int) queue.get () == 1);
    assert (queue.get_bytes ().get (0) == 2);
    assert (queue.get_data ()[0] == 3);
    assert (queue.get_json () == "4");
    assert (queue.get_payload (Mp.Formats.PICKLE, out format).length > 0);
    assert (format == Mp.Format.PICKLE);
    assert ((int) queue.get_message ().get_variant () == 6);
    assert (queue.get_into (buffer) == 1 && buffer[0] == 7);
    assert (queue.create_source () != null);
    queue.shutdown ();
  } catch (Error e) {
    check (e);
  }
}

void test_joinable_queue ()
{
  try {
    var queue = new Mp.JoinableQueue ();

    queue.put (1);
    queue.put (2);
    queue.get ();
    queue.task_done ();
    var task = queue.get_task ();
    task.set_progress (0.5);
    task.done ();
    queue.join ();
    queue.wait (DONE);
  } catch (Error e) {
    check (e);
  }
}

void test_connection ()
{
  try {
    Mp.Connection first, second;
    var buffer = new uint8[64];

    Mp.pipe (true, out first, out second);
    first.send (1);
    first.send_bytes (new Bytes ({ 2 }));
    first.send_data ({ 3 });
    first.send_json ("4");
    first.send_pickle ({ 0x80, 4, 'K', 5, '.' });
    first.send_message (new Mp.Message.variant (6));
    first.send_data ({ 7 });
    first.send_shareable (new Mp.Queue ());
    first.flush ();
    second.wait (READABLE);

    assert (second.poll ());
    assert ((int) second.recv () == 1);
    assert (second.recv_bytes ().get (0) == 2);
    assert (second.recv_data ()[0] == 3);
    assert (second.recv_json () == "4");
    assert (second.recv_pickle ().length > 0);
    assert ((int) second.recv_message ().get_variant () == 6);
    assert (second.recv_into (buffer) == 1 && buffer[0] == 7);
    assert (second.recv_shareable () is Mp.Queue);
    assert (second.try_recv_bytes () == null);
    assert (second.create_source () != null);
  } catch (Error e) {
    check (e);
  }
}

async void call_queue () throws Error
{
  var queue = new Mp.JoinableQueue ();

  yield queue.put_async (1);
  yield queue.put_message_async (new Mp.Message.variant (2));
  yield queue.put_async (3);
  assert ((int) (yield queue.get_async ()) == 1);
  queue.task_done ();
  assert ((int) (yield queue.get_message_async ()).get_variant () == 2);
  queue.task_done ();
  var task = yield queue.get_task_async ();
  task.done ();
  yield queue.join_async ();
}

async void call_connection () throws Error
{
  Mp.Connection first, second;

  Mp.pipe (true, out first, out second);
  yield first.send_async (1);
  yield first.send_bytes_async (new Bytes ({ 2 }));
  yield first.send_message_async (new Mp.Message.variant (3));
  assert ((yield Mp.wait_async ({ second })).length == 1);
  assert (Mp.wait ({ second }).length == 1);
  assert ((int) (yield second.recv_async ()) == 1);
  assert ((yield second.recv_bytes_async ()).get (0) == 2);
  assert ((int) (yield second.recv_message_async ()).get_variant () == 3);
  yield first.close_async ();
}

async void accept (Mp.Listener listener) throws Error
{
  for (int i = 0; i < 2; i++)
    (yield listener.accept_async ()).send (i);
}

async void call_listener () throws Error
{
  var listener = new Mp.Listener ("unix:");
  var connector = new Mp.Connector (listener.address);

  accept.begin (listener);
  var first = yield Mp.connect_async (listener.address);
  var second = yield connector.open_async ();
  assert ((int) (yield first.recv_async ()) == 0);
  assert ((int) (yield second.recv_async ()) == 1);
}

async void call_process () throws Error
{
  for (int i = 0; i < 2; i++) {
    var process = new Mp.Process ({ "true" });
    process.start ();
    if (i == 0)
      process.join ();
    else
      yield process.join_async ();
    assert (process.exit_code == 0);
  }
}

async void call_all ()
{
  try {
    yield call_queue ();
    yield call_connection ();
    yield call_listener ();
    yield call_process ();
  } catch (Error e) {
    check (e);
  }
}

void test_async ()
{
  var loop = new MainLoop ();

  call_all.begin (() => loop.quit ());
  loop.run ();
}

int main (string[] args)
{
  Test.init (ref args);
  Test.add_func ("/vala/arguments/queue", test_queue);
  Test.add_func ("/vala/arguments/joinable-queue", test_joinable_queue);
  Test.add_func ("/vala/arguments/connection", test_connection);
  Test.add_func ("/vala/arguments/async", test_async);
  return Test.run ();
}
