/* SPDX-License-Identifier: LGPL-2.1-or-later */

const int64 DEADLINE = 120 * 1000000;

string program;

Variant do_task (string function, Variant argument) throws Error
{
  if (function == "square")
    return argument.get_int64 () * argument.get_int64 ();
  if (function == "echo")
    return argument;
  if (function == "exit")
    Process.exit (3);
  throw new IOError.NOT_FOUND ("There is no function %s", function);
}

void check (Error e)
{
  error ("%s", e.message);
}

Mp.Pool start_pool ()
{
  var pool = (Mp.Pool) Object.@new (typeof (Mp.Pool),
    "argv", new string[] { program, "--work" }, "n-workers", 2, "restart-delay", (int64) 1000);

  try {
    pool.start ();
  } catch (Error e) {
    check (e);
  }
  return pool;
}

void test_submit ()
{
  var pool = start_pool ();

  try {
    assert (pool.submit ("square", (int64) 12, DEADLINE).get_int64 () == 144);
    assert (pool.submit ("echo", "text").get_string () == "text");
    assert (pool.n_alive == 2);
    pool.stop ();
    assert (pool.n_alive == 0);
  } catch (Error e) {
    check (e);
  }
}

void test_errors ()
{
  var pool = start_pool ();

  try {
    pool.submit ("unknown", true);
    assert_not_reached ();
  } catch (IOError.NOT_FOUND e) {
  } catch (Error e) {
    check (e);
  }
  try {
    pool.submit ("exit", true);
    assert_not_reached ();
  } catch (Mp.Error.WORKER_DIED e) {
    assert ("exit code 3" in e.message);
  } catch (Error e) {
    check (e);
  }
  try {
    pool.stop (false, DEADLINE);
    pool.submit ("echo", true);
    assert_not_reached ();
  } catch (Mp.Error.CLOSED e) {
  } catch (Error e) {
    check (e);
  }
}

async void submit_all (Mp.Pool pool) throws Error
{
  int64 sum = 0;

  for (int64 n = 0; n < 20; n++)
    sum += (yield pool.submit_async ("square", n)).get_int64 ();
  assert (sum == 2470);
  try {
    yield pool.submit_async ("unknown", true);
    assert_not_reached ();
  } catch (IOError.NOT_FOUND e) {
  }
  yield pool.stop_async ();
  assert (pool.n_alive == 0);
}

void test_async ()
{
  var loop = new MainLoop ();
  var pool = start_pool ();
  int n_ended = 0;

  pool.worker_ended.connect ((process, exit_code) => {
    assert (exit_code == 0);
    n_ended++;
  });
  submit_all.begin (pool, (source, result) => {
    try {
      submit_all.end (result);
    } catch (Error e) {
      check (e);
    }
    loop.quit ();
  });
  loop.run ();
  assert (n_ended == 2);
}

void test_not_a_worker ()
{
  try {
    new Mp.PoolWorker ();
    assert_not_reached ();
  } catch (IOError.NOT_FOUND e) {
  } catch (Error e) {
    check (e);
  }
}

int main (string[] args)
{
  program = args[0];
  if (args.length > 1 && args[1] == "--work")
    return Mp.pool_work (do_task);

  Test.init (ref args);
  Test.add_func ("/vala/pool/submit", test_submit);
  Test.add_func ("/vala/pool/errors", test_errors);
  Test.add_func ("/vala/pool/async", test_async);
  Test.add_func ("/vala/pool/not-a-worker", test_not_a_worker);
  return Test.run ();
}
